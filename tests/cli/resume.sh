#!/usr/bin/env bash
# A resumed run goes on with the same bits as one that was never stopped.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

losses() { dataset "$1/run.h5" /steps/loss | tr -d ' \n' | sed 's/DATA{//; s/}//' | tr ',' '\n'; }

for ranks in 1 2; do
  ddp_run 0 "$ranks" --set training.epochs=3
  straight=$(losses "$(newest)")
  per_rank=$(($(wc -l <<< "$straight") / ranks))
  ddp_run 0 "$ranks" --set training.epochs=2 --set checkpoint.every_epochs=1 --set checkpoint.keep=1
  half=$(newest)
  [ "$(find "$half/checkpoint" -name '*.pt' | wc -l)" -eq 1 ] || fail "checkpoint.keep=1 kept $(ls "$half/checkpoint")"
  sleep 1
  run 0 "$MPIRUN" -np "$ranks" "$BIN/train_ddp" --resume "$half" --set training.epochs=3 --output "$work/runs" --quiet
  # The last epoch of the first rank, a third of its steps.
  [ "$(head -n "$per_rank" <<< "$straight" | tail -n $((per_rank / 3)))" = "$(losses "$(newest)" | head -n $((per_rank / 3)))" ] ||
    fail "resumed on $ranks ranks, the third epoch has other losses"
  # Events are numbered as the columns of this file are, not as those of the run before it.
  [ "$(dataset "$(newest)/run.h5" /comm/step | grep -oE "[0-9]+" | sort -n | tail -1)" -lt "$per_rank" ] ||
    fail "/comm/step counts beyond the columns of /steps"
done

seq_run 0
run 2 "$BIN/train_seq" --resume "$(newest)" --set training.epochs=9 --quiet
said_once "checkpoint.every_epochs"
echo damaged > "$half/checkpoint/epoch_000002.pt"
run 2 "$BIN/train_seq" --resume "$half" --set training.epochs=9 --output "$work/runs" --quiet
said_once "epoch_000002.pt"
finish
