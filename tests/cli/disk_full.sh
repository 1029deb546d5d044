#!/usr/bin/env bash
# A disk that fills up while the run file is written: one line, exit code 1, no hang.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

mkdir -p "$work/runs"
if ! mount -t tmpfs -o size=200k none "$work/runs" 2>/dev/null; then
  skip "needs the right to mount a small file system"
fi
trap 'umount "$work/runs"; rm -rf "$work"' EXIT
seq_run 1 --set training.epochs=200
said_once "No space left on device"
rm -rf "$work"/runs/*

# A checkpoint that does not fit: half a megabyte each, and room for two.
umount "$work/runs"
mount -t tmpfs -o size=1400k none "$work/runs"
seq_run 1 --set training.epochs=4 --set checkpoint.every_epochs=1
said_once "epoch_000003.safetensors: cannot be written: No space left on device"
full=$(newest)
[ "$(ls "$full/checkpoint")" = "$(printf 'epoch_00000%d.safetensors\n' 1 2)" ] || fail "left $(ls "$full/checkpoint")"
run 0 "$BIN/train_seq" --resume "$full" --set checkpoint.every_epochs=0 --output "$work/elsewhere" --quiet
finish
