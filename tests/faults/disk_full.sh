#!/usr/bin/env bash
# A disk that is full, or fills up, under each thing that is written: one line, exit code 1, no hang, and nothing half
# written under its name.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/../cli/support.sh"

# disk SIZE: an empty one of this size in $work/runs.
disk() {
  umount "$work/runs" 2>/dev/null
  mount -t tmpfs -o size="$1" none "$work/runs" 2>/dev/null || skip "needs the right to mount a small file system"
}
mkdir -p "$work/runs"
trap 'umount "$work/runs" 2>/dev/null; rm -rf "$work"' EXIT
fill() { dd if=/dev/zero of="$work/runs/filler" bs=4k status=none 2>/dev/null; }
own_lines() { grep -cE '^(train_seq|train_ddp|train_mp|analyze|commbench|sweep): ' "$work/err"; }

# The run file: what it has stays, and says that the run has failed, on a disk without one free byte.
disk 1200k
seq_run 1 --set training.epochs=200
said_once "No space left on device"
fill
status_is failed run.h5
[ -z "$(find "$work/runs" -name '*.partial')" ] || fail "left $(find "$work/runs" -name '*.partial')"
attribute "$(newest)/run.h5" invalid_reasons | grep -q "No space left on device" || fail "the run file does not say why"
dataset "$(newest)/run.h5" /epochs/train_loss > /dev/null
run 0 "$BIN/analyze" validate "$(newest)/run.h5"
grep -q "0 of 1 runs can be used, 0 cannot be read" "$work/out" || fail "analyze does not read the run file as one of a run that failed"

# A checkpoint: half a megabyte each, and room for two.
disk 1800k
seq_run 1 --set training.epochs=4 --set checkpoint.every_epochs=1
said_once "epoch_000003.safetensors: cannot be written: No space left on device"
full=$(newest)
[ "$(ls "$full/checkpoint")" = "$(printf 'epoch_00000%d.safetensors\n' 1 2)" ] || fail "left $(ls "$full/checkpoint")"
run 0 "$BIN/train_seq" --resume "$full" --set checkpoint.every_epochs=0 --output "$work/elsewhere" --quiet

# From the start, on one rank and on several.
disk 100k
fill
seq_run 1
said_once "No space left on device"
ddp_run 1 2
said_once "No space left on device"
[ -z "$(find "$work/runs" -name config.yaml)" ] || fail "a config.yaml that is cut short"

# The cache costs a line in the log, not the run.
mkdir "$work/news"
for part in train test; do
  for i in $(seq 300); do echo "$((i % 4 + 1)),title of $i,some words"; done > "$work/news/$part.csv"
done
run 0 "$BIN/train_seq" --config "$work/empty.yaml" --output "$work/elsewhere" --quiet --set model.name=nbow --set data.name=ag_news \
  --set data.path="$work/news" --set data.vocabulary=100 --set data.max_length=64 --set data.cache="$work/runs/cache" \
  --set training.global_batch=24 --set training.epochs=1 --set parallel.device=cpu --set parallel.threads=1
[ -z "$(find "$work/runs" -name '*.rows*')" ] || fail "left $(find "$work/runs" -name '*.rows*')"
grep -qE "the encoded data is not cached: .*ag_news-.*\.rows: cannot be written: No space left on device" \
  "$(find "$work/elsewhere" -name log.txt -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)" || fail "the log does not say that the cache was not kept"

# commbench.
run 1 timeout 120 "$MPIRUN" -np 2 "$BIN/commbench" --max 1K --output "$work/runs"
said_once "No space left on device"
[ -z "$(find "$work/runs" -name commbench.h5)" ] || fail "a commbench.h5 that is cut short"

# A sweep: neither its folders nor its record of a failure fit.
printf 'model: {name: mlp}\ndata: {name: synthetic_images}\ntraining: {epochs: 1, global_batch: 24}\n' > "$work/base.yaml"
printf 'config: %s/base.yaml\naxes: {mode: [seq]}\nrepeats: 1\n' "$work" > "$work/sweep.yaml"
run 1 "$BIN/sweep" "$work/sweep.yaml" --output "$work/runs/swept"
said_once "No space left on device"
[ -z "$(find "$work/runs" -name failed.txt)" ] || fail "a failed.txt that is cut short"

# A report: the earlier one stays whole.
disk 4m
cp -r "$work/elsewhere" "$work/runs/results"
"$BIN/analyze" "$work/runs/results" > /dev/null 2>&1
before=$(md5sum "$work/runs/results/report"/*)
fill
run 1 "$BIN/analyze" "$work/runs/results"
said_once "No space left on device"
[ "$before" = "$(md5sum "$work/runs/results/report"/*)" ] || fail "the earlier report is not what it was"
run 1 "$BIN/analyze" export csv "$work/runs/results" --output "$work/runs/rows.csv"
said_once "rows.csv: cannot be written: No space left on device"
[ ! -e "$work/runs/rows.csv" ] || fail "rows.csv is cut short"
run 1 "$BIN/analyze" trace "$(find "$work/runs/results" -name run.h5 | head -n 1)" --output "$work/runs/trace.json"
said_once "trace.json: cannot be written: No space left on device"
[ ! -e "$work/runs/trace.json" ] || fail "trace.json is cut short"
finish
