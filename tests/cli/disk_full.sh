#!/usr/bin/env bash
# A disk that fills up while the run file is written: one line, exit code 1, no hang.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

mkdir -p "$work/runs"
if ! mount -t tmpfs -o size=200k none "$work/runs" 2>/dev/null; then
  echo "SKIPPED: needs the right to mount a small file system"
  exit 77
fi
trap 'umount "$work/runs"; rm -rf "$work"' EXIT
seq_run 1 --set training.epochs=200
said_once "No space left on device"
finish
