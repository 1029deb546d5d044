#!/bin/sh
# Parsing and encoding labelled CSV against Python's csv module, which only reads it: both on the same file, in turn,
# the best of many passes each.
# usage: benchmarks/csv_parse.sh BUILD_FOLDER FILE.csv [threads]
set -eu
build=$1 file=$2 threads=${3:-2}
here=$(dirname "$0")
milliseconds() { sed -E 's/.*: ([0-9.]+) ms.*/\1/'; }
best_of() { printf '%s\n' "$@" | sort -g | head -n 1; }
ours=1e9 python=1e9
for _ in 1 2 3; do
  python=$(best_of "$python" "$(python3 "$here/csv_parse.py" "$file" | milliseconds)")
  ours=$(best_of "$ours" "$("$build/bin/csv_parse" "$file" "$threads" | milliseconds)")
done
echo "python csv, reading only: $python ms"
echo "lockstep, parsing and encoding on $threads threads: $ours ms"
awk -v p="$python" -v o="$ours" 'BEGIN { printf "ratio: %.1f\n", p / o }'
