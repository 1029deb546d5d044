#!/usr/bin/env bash
# Usage: benchmarks/predict_simulated.sh BUILD [LATENCY_US [GBPS [LAUNCHES]]]
#
# How far `analyze predict` is off: from runs on 1 and 2 ranks over a simulated link it predicts the steps on 4 and on 8 ranks
# (at least so long: they are on the same node), which are then measured over the same link. The link is slow beside the compute of the model, so that ranks need no core each.
# Default: 10000 us, 0.2 Gb/s, 3 launches of each. BUILD: a build folder with train_ddp and analyze.
set -euo pipefail

build="$1" latency="${2:-10000}" gbps="${3:-0.2}" launches="${4:-3}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
: >"$folder/empty.yaml"

# train NAME RANKS
train() {
  mpirun --oversubscribe -np "$2" "$build/bin/train_ddp" --config "$folder/empty.yaml" --quiet --output "$folder/$1" \
    --set model.name=mlp --set 'model.hidden=[256, 256, 256]' --set data.name=synthetic_images --set data.samples=8000 \
    --set data.cache=none --set training.global_batch=64 --set training.steps=80 --set parallel.device=cpu \
    --set parallel.threads=1 --set parallel.bucket_mb=0.3 --set parallel.first_bucket_mb=0.1 --set parallel.backend=sim \
    --set "parallel.link.latency_us=$latency" --set "parallel.link.gbps=$gbps"
}
# field FILE NAME: of the first row of a table in CSV.
field() { awk -F, -v name="$2" 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == name) at = i} NR == 2 {print $at}' "$1"; }

for _ in $(seq "$launches"); do
  train few 1
  train few 2
  train on4 4
  train on8 8
done
for ranks in 4 8; do
  "$build/bin/analyze" predict "$folder/few" --baseline ddp1 --ranks "$ranks" --format csv --output "$folder/predicted.csv" >"$folder/log"
  "$build/bin/analyze" summary "$folder/on$ranks" --format csv --output "$folder/measured.csv" >>"$folder/log"
  awk -v p="$(field "$folder/predicted.csv" step_seconds_low)" -v m="$(field "$folder/measured.csv" step_seconds)" \
    -v l="$latency" -v b="$gbps" -v r="$ranks" 'BEGIN {
      printf "%s us, %s Gb/s: %d ranks predicted at least %.2f ms, measured %.2f ms, %+.1f %%\n", l, b, r, 1000 * p, 1000 * m, 100 * (p / m - 1)}'
done
