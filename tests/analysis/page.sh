#!/usr/bin/env bash
# The report's page in a browser: it loads without a word on the console, and answers whoever points, clicks and types.
# BIN: the folder of the programs. gnuplot is not on PATH: the page does without, and its pictures for papers take long. Skipped (77) where there is no Chromium.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
for browser in chromium chromium-browser google-chrome none; do
  command -v "$browser" >/dev/null && break
done
if [[ "$browser" == none ]]; then
  echo "SKIPPED: no Chromium"
  exit 77
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
fail() {
  printf 'FAILED: %s\n' "$1"
  cat "$work/said"
  exit 1
}

# said PAGE: what the page of the report answers to page_probe.js, in $work/said.
said() {
  { sed '/<\/body>/,$d' "$1" && printf '<script>\n' && cat "$here/page_probe.js" && printf '</script>\n</body>\n</html>\n'; } >"$work/page.html"
  "$browser" --headless --no-sandbox --disable-gpu --enable-logging=stderr --window-size=1400,900 --virtual-time-budget=8000 \
    --user-data-dir="$work/profile" --dump-dom "file://$work/page.html" >"$work/dom" 2>"$work/console"
  sed -n '/<pre id="probe">/,/^end/p' "$work/dom" | sed 's/<pre id="probe">//; s/&gt;/>/g; s/&lt;/</g; s/&amp;/\&/g' >"$work/said"
  grep -q '^end' "$work/said" || fail "the page does not answer"
  if grep 'CONSOLE' "$work/console" >>"$work/said"; then fail "the console is not silent"; fi
}
says() { grep -qE "^$1\$" "$work/said" || fail "not said: $1"; }

"$BIN/write_runs" "$work/few" 4
PATH=/nonexistent "$BIN/analyze" "$work/few" >"$work/log" 2>&1
said "$work/few/report/index.html"
says 'sections: Scaling Time Communication Ranks Learning Runs Method'
says 'shown: scaling'
says 'answer above the fold: true'
says 'rows at first: 4'
says 'bar: [0-9.]+ times as fast \(95 % interval .*\), ideally [248]'
says 'opened: 1'
says 'shape: rank 0 \| data: 0.500 ms'
says 'closer: 2.0'
says 'whole: 1.0'
says 'hidden: 1'
says 'cell: waited_for_share: .* \| 3 runs: .*'
says 'line: seq \| samples [0-9]+ \| training loss 1 \| 3 runs: .*'
says 'term: method'
says 'runs at first: 12'

"$BIN/write_runs" "$work/many" 100
PATH=/nonexistent "$BIN/analyze" "$work/many" >"$work/log" 2>&1
(($(stat -c %s "$work/many/report/index.html") < 5000000)) || fail "the page of 300 runs has 5 MB or more"
said "$work/many/report/index.html"
says 'answer above the fold: true'
says 'rows at first: 12'
says 'all rows: 100'
says 'filtered: [1-9][0-9]?'
says 'runs at first: 0'
says 'runs of one: 3'
grep '^load ms' "$work/said"
echo "PASSED"
