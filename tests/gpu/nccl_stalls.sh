#!/usr/bin/env bash
# A rank that is stopped while the others wait for it in NCCL: found, named with what it was at, and the run ended for all
# within parallel.timeout_s + 10 s, with what each waited in. One GPU is enough.
# shellcheck disable=SC2317  # functions that only background() calls

# shellcheck source=tests/gpu/support.sh
source "$(dirname "$0")/support.sh"
require_gpu
require_own_hosts

limit=${TIMEOUT_S:-10}
common="--set model.name=mlp --set data.name=synthetic_images --set data.classes=10 --set data.shape=[1,28,28]
  --set data.samples=2000 --set data.test_samples=64 --set training.global_batch=16 --set training.epochs=2
  --set parallel.device=cuda --set parallel.threads=1 --set parallel.timeout_s=$limit"
: > "$OUT/empty.yaml"

# stop NAME PROGRAM PART WORDS [FLAG...]: rank 1 of 2 stops when it comes to that part; WORDS: what rank 0 waits in.
stop() {
  export FAULT_STOP="1:$3"
  # shellcheck disable=SC2086  # a list of words
  train "$1" 90 2 "faulty/$2" --config "$OUT/empty.yaml" $common "${@:5}"
  judge "$1" "$3" "$4"
}

# judge NAME PART WORDS: of the log's line about what rank 0 waits in.
judge() {
  local err=$OUT/$1/err
  if [ "$(exit_code "$1")" -ne 1 ]; then
    report FAIL "$1" "exit code $(exit_code "$1"), not 1: $(tail -n 1 "$err")"
  elif ! grep -qE "rank 1 on host .* no sign of life for $limit.*last: .*$2" "$err"; then
    report FAIL "$1" "it does not name rank 1 and '$2': $(tail -n 1 "$err")"
  elif ! grep -qE "rank 0: $3.* not ended" <<< "$(log_of "$1")"; then
    report FAIL "$1" "log.txt does not say that rank 0 waits in '$3'"
  else
    report pass "$1" "$(grep -oE 'rank 1 on host.*' "$err" | head -n 1)"
  fi
}

message="(recv|send) number [0-9]+ (from|to) rank 1"
background stop message train_mp "training step 3, forward" "$message" --set parallel.schedule=1f1b
background stop all_reduce train_ddp "training step 3, backward" "all_reduce number [0-9]+"
background stop between train_mp "training step 4" "$message" --set parallel.schedule=gpipe
background stop first train_mp "training step 1, forward" "$message" --set parallel.schedule=1f1b
finish
