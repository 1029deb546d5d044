#!/usr/bin/env bash
# A sharded optimizer as a user meets it: what the run file says, what checkpoints it leaves and takes, what is refused.
# shellcheck source=tests/cli/support.sh disable=SC2154
source "$(dirname "$0")/support.sh"

sharded="--set parallel.shard=optimizer --set training.optimizer.name=adamw"
whole="--set parallel.shard=none --set training.optimizer.name=adamw"
losses() { dataset "$1/run.h5" /steps/loss | tr -d ' \n' | sed 's/DATA{//; s/}//' | tr ',' '\n'; }
# last_epoch RUN EPOCHS: of the two ranks of a run of so many epochs the first one's losses in the last.
last_epoch() {
  local all
  all=$(losses "$1")
  local per_rank=$(($(wc -l <<< "$all") / 2))
  head -n "$per_rank" <<< "$all" | tail -n $((per_rank / $2))
}
metric() { last_value "$1/run.h5" /epochs/test_metric; }
# bytes RUN KIND: of all ranks, a line each.
bytes() { dataset "$1/run.h5" "/memory/$2" | grep -oE '[0-9]+'; }
sum() { awk '{ sum += $1 } END { print sum }'; }
kinds() { h5dump -a /comm/kind/names "$1/run.h5"; }
# gathered RUN: the bytes of its largest all-gather.
gathered() { "$BIN/analyze" export csv "$1" --table comm | awk -F, '$9 == "all_gather" && $8 > most { most = $8 } END { print most + 0 }'; }
buckets() { dataset "$1/run.h5" /buckets/bytes | grep -oE '[0-9]+' | wc -l; }
setting() { attribute "$1/run.h5" config/parallel.shard; }
resumed() {
  local ranks=$1 from=$2
  shift 2
  sleep 1
  run 0 "$MPIRUN" -np "$ranks" "$BIN/train_ddp" --resume "$from" --set training.epochs=3 --output "$work/runs" --quiet "$@"
}

# shellcheck disable=SC2086  # lists of words
{
  # Four ranks: the same losses to the last bit, a quarter of the state, and the exchange of the parameters recorded.
  ddp_run 0 4 $whole --set training.epochs=1
  plain=$(newest)
  ddp_run 0 4 $sharded --set training.epochs=1
  shards=$(newest)
  [ "$(losses "$plain")" = "$(losses "$shards")" ] || fail "sharded and whole optimizers give other losses"
  all=$(bytes "$plain" optimizer | head -n 1)
  # Held once by all ranks together.
  [ "$(bytes "$shards" parameters | sum)" = "$(bytes "$plain" parameters | head -n 1)" ] || fail "the ranks do not share the parameters"
  [ "$(bytes "$plain" optimizer | sort -u)" = "$((2 * $(bytes "$plain" parameters | head -n 1)))" ] || fail "adamw keeps two moments"
  [ "$(bytes "$shards" optimizer | sum)" = "$all" ] || fail "the shards are not one optimizer"
  # Parts end with cache lines: beyond a quarter by 64 bytes at most, for each moment and bucket.
  [ "$(bytes "$shards" optimizer | sort -n | tail -n 1)" -le $((all / 4 + 1024)) ] || fail "a rank keeps more than a quarter"
  # In memory that they share the ranks need only meet, and gather the norms of their parts; otherwise they gather the
  # parameters.
  kinds "$shards" | grep -q barrier || fail "ranks that share parameters do not meet"
  [ "$(gathered "$shards")" -eq $((4 * 4 * $(buckets "$shards"))) ] || fail "ranks that share parameters gather $(gathered "$shards") bytes"
  ddp_run 0 2 $sharded --set training.epochs=1 --set parallel.backend=mpi
  kinds "$(newest)" | grep -q all_gather || fail "/comm has no all_gather"
  # auto: where it costs no exchange.
  adamw="--set training.optimizer.name=adamw --set training.epochs=1"
  ddp_run 0 2 $adamw
  [ "$(setting "$(newest)")" = optimizer ] || fail "auto does not shard in shared memory"
  ddp_run 0 2 $adamw --set parallel.backend=mpi
  [ "$(setting "$(newest)")" = none ] || fail "auto shards over messages"
  grep -q "shard: auto" "$(newest)/config.yaml" || fail "config.yaml has what auto came to, and not what was asked for"
  ddp_run 0 1 $adamw
  [ "$(setting "$(newest)")" = none ] || fail "auto shards on one rank"
  # Gradients too: a quarter of them, and the buffers that they pass through, of the largest buckets.
  scattered="--set parallel.shard=gradients --set training.optimizer.name=adamw"
  in_many="--set parallel.first_bucket_mb=0.001 --set parallel.bucket_mb=0.001"
  ddp_run 0 4 $scattered $in_many --set training.epochs=1
  scatters=$(newest)
  [ "$(losses "$scatters")" = "$(losses "$plain")" ] || fail "scattered gradients give other losses"
  largest=$(dataset "$scatters/run.h5" /buckets/bytes | grep -oE '[0-9]+' | sort -n | tail -n 1)
  [ "$(bytes "$scatters" gradients | sort -n | tail -n 1)" -le $(($(bytes "$plain" gradients | head -n 1) / 4 + 2 * largest + 2048)) ] ||
    fail "a rank keeps $(bytes "$scatters" gradients | tail -n 1) bytes of gradients"
  [ "$(bytes "$scatters" optimizer | sum)" = "$all" ] || fail "with scattered gradients the optimizer's state is not shared out alike"
  kinds "$scatters" | grep -q reduce_scatter || fail "/comm has no reduce_scatter"
  run 0 "$BIN/analyze" budget "$scatters"
  run 0 "$BIN/analyze" pop "$scatters"
  for more in "parallel.backend=mpi" "parallel.ablation=no_comm" "parallel.ablation=comm_only" "parallel.reduce_dtype=bf16" "training.accumulate=2 --set training.global_batch=24"; do
    ddp_run 0 2 $scattered --set training.grad_clip=0.1 --set training.epochs=1 --set $more
  done
  run 0 "$BIN/train_ddp" --config "$work/empty.yaml" $small $scattered $in_many --dry-run --ranks 4
  predicted=$(sed -n 's/.*gradients \([0-9.]*\) MiB.*/\1/p' "$work/out")
  found=$(bytes "$scatters" gradients | sort -n | tail -n 1 | awk '{ printf "%.2f", $1 / 1048576 }')
  [ "$predicted" = "$found" ] || fail "--dry-run predicts $predicted MiB of gradients, the run has $found"
  run 0 "$BIN/analyze" validate "$shards" "$scatters"
  run 0 "$BIN/analyze" budget "$plain" "$shards"
  grep -q "Memory of the rank" "$work/out" || fail "analyze budget shows no memory"

  # Checkpoints do not depend on it: sharded and whole go on from each other's with the same bits.
  ddp_run 0 2 $whole --set training.epochs=3
  straight=$(newest)
  ddp_run 0 2 $sharded --set training.epochs=2 --set checkpoint.every_epochs=1
  from_shards=$(newest)
  resumed 2 "$from_shards" --set parallel.shard=gradients
  [ "$(last_epoch "$(newest)" 1)" = "$(last_epoch "$straight" 3)" ] || fail "scattered gradients go on from shards with other losses"
  resumed 2 "$from_shards" --set parallel.shard=none
  [ "$(last_epoch "$(newest)" 1)" = "$(last_epoch "$straight" 3)" ] || fail "a whole optimizer goes on from shards with other losses"
  ddp_run 0 2 $whole --set training.epochs=2 --set checkpoint.every_epochs=1
  from_whole=$(newest)
  resumed 2 "$from_whole" --set parallel.shard=optimizer
  [ "$(last_epoch "$(newest)" 1)" = "$(last_epoch "$straight" 3)" ] || fail "shards go on from a whole optimizer with other losses"
  # Other ranks go on up to rounding; so does one program alone, and from it.
  resumed 3 "$from_shards"
  close_numbers "$(metric "$(newest)")" "$(metric "$straight")" 0.02 || fail "3 ranks go on from the shards of 2 to $(metric "$(newest)")"
  sleep 1
  run 0 "$BIN/train_seq" --resume "$from_shards" --set training.epochs=3 --set parallel.shard=none --output "$work/runs" --quiet
  close_numbers "$(metric "$(newest)")" "$(metric "$straight")" 0.02 || fail "train_seq goes on from shards to $(metric "$(newest)")"
  seq_run 0 $whole --set checkpoint.every_epochs=1
  resumed 4 "$(newest)" --set parallel.shard=optimizer
  close_numbers "$(metric "$(newest)")" "$(metric "$straight")" 0.02 || fail "4 shards go on from train_seq to $(metric "$(newest)")"

  # What cannot be sharded is refused.
  seq_run 2 $sharded
  said_once "'parallel.shard': only data-parallel training"
  mp_run 2 2 $sharded
  said_once "'parallel.shard': only data-parallel training"
  ddp_run 2 2 $sharded --set parallel.algorithm=parameter_server
  said_once "'parallel.shard': with parallel.algorithm parameter_server only rank 0 has an optimizer"
  ddp_run 2 2 --set parallel.shard=all
  said_once "parallel.shard"
}
finish
