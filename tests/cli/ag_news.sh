#!/usr/bin/env bash
# Real AG News on four ranks trains, and ends where sequential training ends.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

data=${LOCKSTEP_REALDATA:-$SOURCE/../shared/data}/ag_news
[ -f "$data/train.csv" ] || skip "no AG News in $data"

train() { # mode's command...
  run 0 "$@" --config "$SOURCE/configs/ag_news_transformer.yaml" --set "data.path=$data" --set data.cache="$work/cache" \
    --set data.max_train_rows=4000 --set data.max_length=48 --set training.epochs=2 --set parallel.threads=1 \
    --set parallel.device=cpu --output "$work/runs" --quiet
}
accuracy() { last_value "$(newest)/run.h5" /epochs/test_metric; }

train "$BIN/train_seq"
alone=$(accuracy)
train "$MPIRUN" -np 4 "$BIN/train_ddp"
four=$(accuracy)
echo "test accuracy: sequential $alone, four ranks $four"
close_numbers "$alone" 1 0.5 || fail "it has not learnt"
close_numbers "$alone" "$four" 0.02 || fail "sequential $alone, four ranks $four"
finish
