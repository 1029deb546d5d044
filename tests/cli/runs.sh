#!/usr/bin/env bash
# Whole runs: run file, validity, reproducibility, the audit.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

seq_run 0
status_is complete run.h5
first=$(newest)
for file in config.yaml log.txt; do [ -s "$first/$file" ] || fail "no $file"; done
[ "$(attribute "$first/run.h5" mode)" = seq ] || fail "mode is not seq"
run 0 "$BIN/train_seq" --config "$first/config.yaml" --output "$work/runs" --quiet
[ "$(dataset "$first/run.h5" /steps/loss)" = "$(dataset "$(newest)/run.h5" /steps/loss)" ] ||
  fail "the resolved configuration does not repeat the run bit for bit"

seq_run 0 --set run.seed=43
[ "$(dataset "$first/run.h5" /steps/loss)" != "$(dataset "$(newest)/run.h5" /steps/loss)" ] ||
  fail "another seed gave the same run"

for ranks in 1 2 4; do
  ddp_run 0 "$ranks"
  status_is complete run.h5
  ddp=$(newest)
  ddp_run 0 "$ranks"
  [ "$(dataset "$ddp/run.h5" /steps/loss)" = "$(dataset "$(newest)/run.h5" /steps/loss)" ] ||
    fail "the same seed on $ranks ranks gave other bits"
  a=$(dataset "$first/run.h5" /epochs/test_metric | tr -d ' ')
  b=$(dataset "$ddp/run.h5" /epochs/test_metric | tr -d ' ')
  [ "$a" = "$b" ] || echo "note: test accuracy on $ranks ranks: $b, sequential: $a"
done

# Options that must not change whether a run is valid.
ddp_run 0 2 --set parallel.overlap=false --set training.accumulate=2 --set parallel.bucket_mb=0.01 --set parallel.first_bucket_mb=0.01
ddp_run 0 2 --set parallel.reduce_dtype=bf16 --set training.precision=bf16 --set training.grad_clip=1
ddp_run 0 2 --set training.global_batch=null --set training.micro_batch=12 --set measure.scaling=weak
seq_run 0 --set training.epochs=null --set training.steps=7
[ "$(h5dump -H -d /steps/wall "$(newest)/run.h5" | grep -c '( 1, 7 )')" -ge 1 ] || fail "training.steps=7 did not give 7 steps"

# The same work in every mode, and one table that compares them.
work_of=$work/modes
for mode in seq ddp ps mp pipe hybrid; do
  case "$mode" in
    seq) run 0 "$BIN/train_seq" --config "$work/empty.yaml" --output "$work_of" $small ;;
    ddp) run 0 "$MPIRUN" -np 2 "$BIN/train_ddp" --config "$work/empty.yaml" --output "$work_of" $small ;;
    ps) run 0 "$MPIRUN" -np 2 "$BIN/train_ddp" --config "$work/empty.yaml" --output "$work_of" $small \
      --set parallel.algorithm=parameter_server ;;
    mp) run 0 "$MPIRUN" -np 2 "$BIN/train_mp" --config "$work/empty.yaml" --output "$work_of" $small \
      --set parallel.schedule=layerwise ;;
    pipe) run 0 "$MPIRUN" -np 2 "$BIN/train_mp" --config "$work/empty.yaml" --output "$work_of" $small \
      --set parallel.schedule=1f1b --set parallel.micro_batches=4 ;;
    hybrid) run 0 "$MPIRUN" -np 4 "$BIN/train_mp" --config "$work/empty.yaml" --output "$work_of" $small \
      --set parallel.schedule=gpipe --set parallel.micro_batches=2 --set parallel.stages=2 ;;
  esac
done
run 0 "$BIN/analyze" summary "$work_of"
for row in 'seq' 'ddp x2' 'ps x2' 'mp x2' 'pipe x2' 'hybrid x4'; do
  grep -qE "^ *$row " "$work/out" || fail "analyze has no row of $row"
done

# The fault that the audit is there for.
FAULT_UNSHARDED=1 run 4 "$MPIRUN" -np 2 "$BIN/faulty/train_ddp" --config "$work/empty.yaml" --output "$work/runs" $small
grep -q 'NOT VALID' "$(newest)/log.txt" || fail "the audit's sentence is not in the log"
[ "$(attribute "$(newest)/run.h5" valid)" = 0 ] || fail "an unsharded run is called valid"
finish
