#!/usr/bin/env bash
# Usage: benchmarks/analyze.sh BUILD [FOLDER]
#
# How long analyze takes, and how much memory: 250, 500 and 1000 runs of 4 ranks, 500 steps and 5 buckets, and one run of
# 256, 512 and 1024 ranks, 1000 steps and 20 buckets. BUILD: a build folder with make_runs and analyze. FOLDER: where
# the runs are written (2 GB for a while; default: a temporary one). The files are in the page cache when they are read.
set -euo pipefail

build="$1"
folder="${2:-$(mktemp -d)}"
trap 'rm -rf "$folder/runs"' EXIT

# measure RUNS RANKS STEPS BUCKETS
measure() {
  rm -rf "$folder/runs"
  "$build/bin/make_runs" "$folder/runs" "$@"
  local size times
  size="$(du -sm "$folder/runs" | cut -f1)"
  times="$({ /usr/bin/time -f '%e %U %S %M' "$build/bin/analyze" report "$folder/runs" >/dev/null; } 2>&1)"
  read -r elapsed user system kilobytes <<<"$times"
  printf '%6d %6d %6d %8d %8d %8.2f %8.2f %8d\n' "$1" "$2" "$3" "$4" "$size" "$elapsed" \
    "$(awk "BEGIN {print $user + $system}")" $((kilobytes / 1024))
}

printf '%6s %6s %6s %8s %8s %8s %8s %8s\n' runs ranks steps buckets MB seconds cpu-s peak-MiB
for runs in 250 500 1000; do measure "$runs" 4 500 5; done
for ranks in 256 512 1024; do measure 1 "$ranks" 1000 20; done
