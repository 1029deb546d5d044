#!/usr/bin/env bash
# Ctrl-C while something is built, as a terminal sends it: to all processes of the command. It ends with one line.
# shellcheck source=tests/scripts/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
set -m # a group of its own, in which SIGINT is not ignored

cat >"$work/command" <<'END'
set -euo pipefail
source "$SOURCE/scripts/common.sh"
stop_on_interrupt
# Like ninja, which says on SIGINT that it was stopped, and fails.
cmake() { bash -c 'trap "echo ninja: build stopped: interrupted by user.; exit 2" INT; echo "[1/2 0.1] x"; touch "$0"; sleep 20 & wait' "$BEGUN"; }
build cpu
echo went on
END
export BEGUN="$work/begun"
bash "$work/command" >"$work/out" 2>&1 &
group=$!
for _ in {1..100}; do
  [[ -e "$BEGUN" ]] && break
  sleep 0.1
done
kill -INT -- "-$group"
wait "$group"
status=$?
output="$(cat "$work/out")"
((status == 130)) || fail "exit code $status, not 130"
[[ "$output" == $'\ncommand: stopped; call it again to go on' ]] || fail "not that one line"
exit $((failures > 0))
