#!/usr/bin/env bash
# What --resume refuses: files that are damaged, hostile or of another training. A refused resume leaves nothing behind.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

run_folders() { find "$work/runs" -mindepth 1 -maxdepth 1 -type d | wc -l; }
# resume CODE WHAT [ARGUMENT...]
resume() {
  local before
  before=$(run_folders)
  run "$1" timeout 60 "$BIN/train_seq" --resume "${@:2}" --output "$work/runs" --quiet
  [ "$1" -eq 0 ] || [ "$(run_folders)" -eq "$before" ] || fail "the refused resume left a run folder: ${*:2}"
}
# flip FILE OFFSET: one bit; a negative offset counts from the end.
flip() {
  local at=$2 byte
  [ "$at" -ge 0 ] || at=$(($(stat -c %s "$1") + at))
  byte=$(od -An -tu1 -j "$at" -N 1 "$1")
  printf '%b' "\\x$(printf %02x $((byte ^ 16)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
losses_of_epoch() { dataset "$1/run.h5" /steps/loss | grep -oE '[0-9.]+(e-?[0-9]+)?' | tail -n "$2"; }

seq_run 0 --set checkpoint.every_epochs=1
whole=$(newest)
first=$whole/checkpoint/epoch_000001.safetensors second=$whole/checkpoint/epoch_000002.safetensors
ls "$first" "$second" > /dev/null || fail "no checkpoints"

# --- an older one by its file, and what is recorded of it
sleep 1
resume 0 "$first"
resumed=$(newest)
[ "$(losses_of_epoch "$resumed" 22)" = "$(losses_of_epoch "$whole" 22)" ] || fail "the second epoch has other losses"
[ "$(attribute "$resumed/run.h5" resumed_run)" = "$(attribute "$whole/run.h5" uuid)" ] || fail "resumed_run is another's"
[ "$(attribute "$resumed/run.h5" resumed_epochs)" = 1 ] || fail "resumed_epochs is not 1"
[ "$(attribute "$resumed/run.h5" resumed_steps)" = 23 ] || fail "resumed_steps is $(attribute "$resumed/run.h5" resumed_steps)"
digest=$(head -c 60 "$first" | grep -aoE 'header_crc32":"[0-9a-f]{8}' | tail -c 9)
[ "$(attribute "$resumed/run.h5" resumed_checkpoint)" = "$digest" ] || fail "resumed_checkpoint is not $digest"
[ -z "$(attribute "$whole/run.h5" resumed_run)" ] || fail "a whole run calls itself resumed"

# --- damaged: the one before it is named; of the first there is none
cp "$second" "$work/kept"
for at in 3 20 200 -1; do
  flip "$second" "$at"
  resume 2 "$whole" --set training.epochs=3
  said_once "$second: damaged: "
  said "--resume $first"
  cp "$work/kept" "$second"
done
truncate -s -1 "$second"
resume 2 "$whole" --set training.epochs=3
said_once "$second: damaged: "
: > "$second"
resume 2 "$second" --set training.epochs=3
said_once "damaged: it is cut short"
cp "$work/kept" "$second"
mkdir -p "$work/alone/checkpoint"
cp "$whole/config.yaml" "$work/alone"
cp "$first" "$work/alone/checkpoint"
flip "$work/alone/checkpoint/epoch_000001.safetensors" -1
resume 2 "$work/alone" --set training.epochs=3
said_once "there is no earlier one"

# --- of another training: the key and both values are named
for other in run.seed=7:42 data.samples=700:600 data.validation=0.2:0.1 training.global_batch=12:24 training.precision=bf16:fp32 \
  "model.hidden=[9]:[250, 100]" training.optimizer.name=sgd:adam data.classes=5:4 training.optimizer.weight_decay=0.5:0; do
  resume 2 "$first" --set "${other%:*}"
  said_once "${other%%=*}'"
  said "${other##*:}"
done
resume 2 "$first" --set data.test_samples=50 --set "data.shape=[1,8,9]"
said_once "data.shape"
# What may differ: global batch by another key, more epochs, other workers.
resume 0 "$first" --set training.global_batch=null --set training.micro_batch=24 --set training.epochs=3 --set data.workers=2 \
  --set run.name=other --set checkpoint.keep=7
resume 2 "$second"
said_once "set training.epochs to more"

# --- of a version that made its digest of the data otherwise: nothing is said of the data
earlier="
import re, sys, zlib
data = open(sys.argv[1], 'rb').read()
size = int.from_bytes(data[:8], 'little')
header, found = re.subn(rb'(\"data_digest\":\")xxh3-', rb'\\1', data[8:8 + size])
assert found == 1
header = re.sub(rb'(\"header_crc32\":\")[0-9a-f]{8}', rb'\\g<1>00000000', header.ljust(size), count=1)
header = header.replace(b'00000000', b'%08x' % zlib.crc32(header), 1)
open(sys.argv[2], 'wb').write(data[:8] + header + data[8 + size:])
"
mkdir -p "$work/earlier/checkpoint"
cp "$whole/config.yaml" "$work/earlier"
run 0 python3 -c "$earlier" "$first" "$work/earlier/checkpoint/epoch_000001.safetensors"
resume 2 "$work/earlier" --set training.epochs=3
said_once "it was written by another version of Lockstep, whose digest of the data cannot be compared"
resume 2 "$work/earlier" --set training.epochs=3 --set data.samples=700
said_once "data.samples"

# --- a schedule that depends on the number of steps
for schedule in linear cosine; do
  sleep 1
  seq_run 0 --set training.schedule.name=$schedule --set checkpoint.every_epochs=1
  planned=$(newest)
  resume 2 "$planned" --set training.epochs=4
  said_once "checkpoint.reschedule"
  said "makes 92 steps, but it was 46"
  resume 2 "$planned" --set training.epochs=null --set training.steps=60
  said_once "training.steps"
  resume 0 "$planned/checkpoint/epoch_000001.safetensors"
  resume 0 "$planned" --set training.epochs=4 --set checkpoint.reschedule=true
done
for change in training.optimizer.lr=0.002 training.schedule.warmup_steps=3 training.schedule.name=linear training.grad_clip=1; do
  resume 2 "$first" --set "$change"
  said_once "${change%=*}'"
  said "checkpoint.reschedule"
  resume 0 "$first" --set "$change" --set checkpoint.reschedule=true
done

# --- what is no checkpoint
resume 2 "$work/nowhere"
said_once "no such run folder or checkpoint"
mkdir -p "$work/old/checkpoint"
cp "$whole/config.yaml" "$work/old"
printf 'PK\003\004 an archive' > "$work/old/checkpoint/epoch_000002.pt"
for old in "$work/old" "$work/old/checkpoint/epoch_000002.pt"; do
  resume 2 "$old" --set training.epochs=3
  said_once "reading one can run code"
done
mv "$work/old/checkpoint/epoch_000002.pt" "$work/old/checkpoint/epoch_000002.safetensors"
resume 2 "$work/old" --set training.epochs=3
said_once "reading one can run code"
rm "$work"/old/checkpoint/*
mkfifo "$work/old/checkpoint/epoch_000009.safetensors"
resume 2 "$work/old"
said_once "is not a regular file"
rm "$work"/old/checkpoint/*
ln -s "$second" "$work/old/checkpoint/epoch_000009.safetensors"
resume 2 "$work/old"
said_once "is a link"
rm "$work"/old/checkpoint/*
# Files that are not ours are neither read nor, by checkpoint.keep, removed.
cp "$second" "$work/old/checkpoint/zzz.safetensors"
resume 2 "$work/old"
said_once "no checkpoint to resume from"

# --- an archive that runs code when LibTorch reads it
hostile="
import sys, torch
class Hostile(torch.nn.Module):
    def __init__(self, path: str):
        super().__init__()
        self.path = path
        self.kept = torch.zeros(1)
    @torch.jit.export
    def __getstate__(self):
        return (self.path, True)
    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]):
        self.path = state[0]
        self.training = state[1]
        self.kept = torch.from_file(state[0], True, 4)
    def forward(self, x):
        return x
torch.jit.script(Hostile(sys.argv[1])).save(sys.argv[2])
"
if [ -n "${TORCH_PYTHON:-}" ] && "$TORCH_PYTHON" -c 'import torch' 2> /dev/null; then
  mkdir -p "$work/hostile/checkpoint"
  cp "$whole/config.yaml" "$work/hostile"
  printf '%s' "$hostile" > "$work/hostile.py"
  archive=$work/hostile/checkpoint/epoch_000002.safetensors
  run 0 "$TORCH_PYTHON" "$work/hostile.py" "$work/made_by_the_archive" "$archive"
  rm -f "$work/made_by_the_archive"
  run 0 "$TORCH_PYTHON" -c "import torch, sys; torch.jit.load(sys.argv[1])" "$archive"
  [ -e "$work/made_by_the_archive" ] || fail "the archive runs no code: this test shows nothing"
  rm -f "$work/made_by_the_archive"
  resume 2 "$work/hostile" --set training.epochs=3
  said_once "reading one can run code"
  [ ! -e "$work/made_by_the_archive" ] || fail "the archive has run code"
fi

# --- one rank of two finds the damage: no rank hangs, one line
gpt="--set model.name=gpt --set model.preset=mini --set model.layers=2 --set model.embedding=16 --set model.heads=2
  --set data.name=synthetic_tokens --set data.vocabulary=60 --set data.max_length=16 --set model.context=16
  --set data.shape=null --set data.classes=null --set parallel.micro_batches=2"
sleep 1
mp_run 0 2 $gpt --set training.epochs=1 --set checkpoint.every_epochs=1
split=$(newest)/checkpoint/epoch_000001.safetensors
cp "$split" "$work/kept"
for at in -1 $(($(od -An -tu8 -N 8 "$split") + 16)); do
  flip "$split" "$at"
  before=$(run_folders)
  run 2 timeout 60 "$MPIRUN" -np 2 "$BIN/train_mp" --resume "$split" --set training.epochs=2 --output "$work/runs" --quiet
  said_once "damaged: the checksum of tensor"
  [ "$(run_folders)" -eq "$before" ] || fail "the refused resume left a run folder"
  cp "$work/kept" "$split"
done

# --- interrupted, resumed, analysed
sleep 1
"$BIN/train_seq" --config "$work/empty.yaml" --output "$work/runs" $small --set training.epochs=100000 --set checkpoint.every_epochs=1 &
pid=$!
for _ in $(seq 600); do
  interrupted=$(newest)
  compgen -G "$interrupted/checkpoint/*.safetensors" > /dev/null && [ "$interrupted" != "$(dirname "$(dirname "$split")")" ] && break
  sleep 0.1
done
kill -TERM "$pid"
wait "$pid"
status_is interrupted run.h5
last=$(find "$interrupted/checkpoint" -name '*.safetensors' | sort | tail -1)
done_before=$((10#$(grep -oE 'epoch_[0-9]{6}' <<< "$last" | tail -1 | tr -d epoch_)))
resume 0 "$interrupted" --set training.epochs=$((done_before + 2))
resumed=$(newest)
[ "$(attribute "$resumed/run.h5" valid)" = 1 ] || fail "the resumed run is not valid"
run 0 "$BIN/analyze" summary "$resumed"
grep -q "resumed after $done_before epochs" "$work/out" || fail "the group is not marked as resumed"
grep -q "resumed-run" "$work/out" || fail "analyze does not say that the run was resumed"
run 0 "$BIN/analyze" summary "$interrupted" "$resumed"
if grep -qE "work-audit|divide the data set|incomplete-run" "$work/out" "$work/err"; then fail "analyze accuses the resumed run"; fi
grep -q "joined-run" "$work/out" || fail "the two are not joined"
finish
