#!/usr/bin/env bash
# parallel.overlap and parallel.bucket_mb auto as a user meets them: what is said, recorded, analysed, and refused.
# shellcheck source=tests/cli/support.sh disable=SC2154
source "$(dirname "$0")/support.sh"

# Over messages, where a third way is not tried on machines with cores to spare.
open="--set parallel.overlap=auto --set parallel.backend=mpi"
logged() { grep -qE -- "$1" "$(newest)/log.txt" || fail "log.txt does not say: $1"; }
# chosen RUN NAME: an attribute of /reduction.
chosen() { h5dump -a "/reduction/$2" "$1/run.h5" | grep '(0)' | sed 's/^[^:]*: *//; s/"//g'; }

# shellcheck disable=SC2086  # lists of words
{
  # Two ranks try both ways, say which they go on with and why, and record it; analyze leaves these steps out.
  ddp_run 0 2 $open
  logged 'trying 2 ways of reducing gradients in 17 steps'
  logged 'gradients are reduced with overlap (true|false), buckets of 25 MiB: .* a step'
  tried=$(newest)
  grep -q 'overlap: auto' "$tried/config.yaml" || fail "config.yaml does not have what was asked for"
  [ "$(chosen "$tried" steps)" = 17 ] || fail "/reduction@steps is $(chosen "$tried" steps)"
  [ "$(dataset "$tried/run.h5" /reduction/seconds | grep -oE '[0-9.e-]+' | wc -l)" -eq 2 ] || fail "two ways were tried"
  [ "$(texts "$tried/run.h5" /reduction/overlap | tr '\n' ' ')" = "true false " ] || fail "/reduction/overlap"
  run 0 "$BIN/analyze" overlap "$tried"
  grep -q 'ddp x2: the launch reduced gradients with overlap' "$work/out" || fail "analyze overlap does not say what was chosen"
  grep -q 'Ways of reducing gradients that were tried' "$work/out" || fail "analyze overlap has no table of what was tried"
  run 0 "$BIN/analyze" summary --full "$tried"
  grep -q 'Ways of reducing gradients that were tried' "$work/out" || fail "the summary has no table of what was tried"
  run 0 "$BIN/analyze" summary --format json "$tried"
  least=$(grep -oE '"warmup_steps_min": *[0-9]+' "$work/out" | grep -oE '[0-9]+$')
  [ "${least:-0}" -ge 17 ] || fail "analyze leaves out ${least:-no} steps, not the 17 of the trial"
  run 0 "$BIN/analyze" "$tried"
  grep -q 'Ways of reducing gradients that were tried' "$tried/report/index.html" || fail "the page has no table of what was tried"

  # Where nothing can be tried, the usual way and why; nothing is refused.
  ddp_run 0 2 $open --set measure.warmup=16
  logged 'overlap true, buckets of 25 MiB: trying 2 ways takes 17 steps, and measure.warmup leaves out 16; set it to 17 or more'
  ddp_run 0 2 --set parallel.bucket_mb=auto
  logged 'overlap true, buckets of 25 MiB: gradients this small are in the same buckets at every size'
  ddp_run 0 1 $open
  logged 'overlap true, buckets of 25 MiB: one rank has no gradients to reduce'
  seq_run 0 --set parallel.overlap=auto --set parallel.bucket_mb=auto
  logged 'overlap true, buckets of 25 MiB: one rank has no gradients to reduce'

  # A checkpoint keeps the choice.
  ddp_run 0 2 $open --set checkpoint.every_epochs=1
  before=$(newest)
  sleep 1
  run 0 "$MPIRUN" -np 2 "$BIN/train_ddp" --resume "$before" --set training.epochs=4 --output "$work/runs" --quiet
  logged 'as the run has chosen that this one goes on from'
  [ "$(chosen "$(newest)" chosen_overlap)" = "$(chosen "$before" chosen_overlap)" ] || fail "the resumed run chose again"

  # A thread that takes a core carries out the same sums.
  losses() { dataset "$(newest)/run.h5" /steps/loss; }
  ddp_run 0 2
  by_caller=$(losses)
  ddp_run 0 2 --set parallel.overlap=thread
  [ "$by_caller" = "$(losses)" ] || fail "overlap: thread gives other losses"

  # What tries nothing refuses the key.
  mp_run 2 2 --set parallel.overlap=auto
  said_once "'parallel.overlap' is auto, but train_mp tries nothing out; set it to true, false or thread"
  mp_run 2 2 --set parallel.bucket_mb=auto
  said_once "'parallel.bucket_mb' is auto, but train_mp tries nothing out; set it to a number"
  ddp_run 2 2 --set parallel.bucket_mb=auto --set parallel.algorithm=parameter_server
  said_once "'parallel.bucket_mb' is auto, but parameter_server tries nothing out; set it to a number"
  ddp_run 2 2 $open --set parallel.ablation=no_comm
  said_once "'parallel.overlap': with parallel.ablation nothing is tried"
  ddp_run 2 2 --set parallel.overlap=maybe
  said_once "'parallel.overlap' must be auto, true, false or thread, not 'maybe'"
  # It reduces after the backward pass whatever is asked for.
  ddp_run 0 2 $open --set parallel.algorithm=parameter_server
  grep -q 'overlap: false' "$(newest)/config.yaml" || fail "parameter_server does not say that nothing overlaps"
}
finish
