#!/usr/bin/env bash
# A resumed run goes on with the same bits as one that was never stopped.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

losses() { dataset "$1/run.h5" /steps/loss | tr -d ' \n' | sed 's/DATA{//; s/}//' | tr ',' '\n'; }

for ranks in 1 2; do
  ddp_run 0 "$ranks" --set training.epochs=3
  straight=$(losses "$(newest)")
  per_rank=$(($(wc -l <<< "$straight") / ranks))
  [ "$per_rank" -ge 3 ] || fail "no losses of three epochs"
  ddp_run 0 "$ranks" --set training.epochs=2 --set checkpoint.every_epochs=1 --set checkpoint.keep=1
  half=$(newest)
  [ "$(find "$half/checkpoint" -name '*.safetensors' | wc -l)" -eq 1 ] || fail "checkpoint.keep=1 kept $(ls "$half/checkpoint")"
  sleep 1
  run 0 "$MPIRUN" -np "$ranks" "$BIN/train_ddp" --resume "$half" --set training.epochs=3 --output "$work/runs" --quiet
  # The last epoch of the first rank, a third of its steps.
  [ "$(head -n "$per_rank" <<< "$straight" | tail -n $((per_rank / 3)))" = "$(losses "$(newest)" | head -n $((per_rank / 3)))" ] ||
    fail "resumed on $ranks ranks, the third epoch has other losses"
  # Events are numbered as the columns of this file are, not as those of the run before it.
  [ "$(dataset "$(newest)/run.h5" /comm/step | grep -oE "[0-9]+" | sort -n | tail -1)" -lt "$per_rank" ] ||
    fail "/comm/step counts beyond the columns of /steps"
done

# A split model is saved whole, its tied weight once. Metrics of an epoch say that parameters and moments came back.
gpt="--set model.name=gpt --set model.preset=mini --set model.layers=2 --set model.embedding=16 --set model.heads=2
  --set data.name=synthetic_tokens --set data.vocabulary=60 --set data.max_length=16 --set model.context=16
  --set data.shape=null --set data.classes=null --set parallel.schedule=1f1b --set parallel.micro_batches=2"
metric() { last_value "$1/run.h5" /epochs/test_metric; }
mp_run 0 2 $gpt --set training.epochs=3
straight=$(metric "$(newest)")
mp_run 0 2 $gpt --set training.epochs=2 --set checkpoint.every_epochs=1
split=$(newest)
sleep 1
run 0 "$MPIRUN" -np 2 "$BIN/train_mp" --resume "$split" --set training.epochs=3 --output "$work/runs" --quiet
close_numbers "$(metric "$(newest)")" "$straight" 0 || fail "a resumed pipeline ends at $(metric "$(newest)"), not $straight"
# Another split of the same model goes on from it, up to rounding.
sleep 1
run 0 "$BIN/train_seq" --resume "$split" --set training.epochs=3 --set parallel.schedule=null --set parallel.micro_batches=null \
  --output "$work/runs" --quiet
close_numbers "$(metric "$(newest)")" "$straight" 1e-3 ||
  fail "train_seq goes on from a pipeline's checkpoint to $(metric "$(newest)"), not $straight"

seq_run 0
run 2 "$BIN/train_seq" --resume "$(newest)" --set training.epochs=9 --quiet
said_once "checkpoint.every_epochs"
finish
