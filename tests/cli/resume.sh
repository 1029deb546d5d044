#!/usr/bin/env bash
# A resumed run goes on with the same bits as one that was never stopped.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

losses() { dataset "$1/run.h5" /steps/loss | tr -d ' \n' | sed 's/([0-9,]*)://g; s/DATA{//; s/}//' | tr ',' '\n' | tail -n "$2"; }

for ranks in 1 2; do
  ddp_run 0 "$ranks" --set training.epochs=3
  straight=$(losses "$(newest)" $((ranks * 30)))
  ddp_run 0 "$ranks" --set training.epochs=2 --set checkpoint.every_epochs=1 --set checkpoint.keep=1
  half=$(newest)
  [ "$(find "$half/checkpoint" -name '*.pt' | wc -l)" -eq 1 ] || fail "checkpoint.keep=1 kept $(ls "$half/checkpoint")"
  sleep 1
  run 0 "$MPIRUN" -np "$ranks" "$BIN/train_ddp" --resume "$half" --set training.epochs=3 --output "$work/runs" --quiet
  resumed=$(losses "$(newest)" $((ranks * 30)))
  if [ "$ranks" -eq 1 ]; then
    [ "$straight" = "$resumed" ] || fail "resumed on 1 rank, the third epoch has other losses"
  fi
  [ -n "$resumed" ] || fail "no losses"
done

seq_run 0
run 2 "$BIN/train_seq" --resume "$(newest)" --set training.epochs=9 --quiet
said_once "checkpoint.every_epochs"
echo damaged > "$half/checkpoint/epoch_000002.pt"
run 2 "$BIN/train_seq" --resume "$half" --set training.epochs=9 --output "$work/runs" --quiet
said_once "epoch_000002.pt"
finish
