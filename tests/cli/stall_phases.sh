#!/usr/bin/env bash
# A rank that is stopped in each part of a run: found, named with what it was at, and the run ended for all within
# parallel.timeout_s + 10 s, with exit code 1, one line, and the status failed where there is a run file yet.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"
# shellcheck source=tests/support/busy.sh
source "$(dirname "$0")/../support/busy.sh"

limit=5
ranks_of() { pgrep -P "$1" -x "$2"; }
# stopped PROGRAM: whether a rank of the job is.
stopped() {
  local rank
  for rank in $(ranks_of "$pid" "$1"); do
    grep -q '^State:.T' "/proc/$rank/status" 2>/dev/null && return
  done
  return 1
}

# stop RANK PART PROGRAM [FLAG...]: on three ranks, or two stages; the rank is stopped when it comes to that part.
# Fails where the whole does not end in time.
stop() {
  local rank=$1 part=$2 program=$3 ranks=3 begin took got
  [ "$program" = train_mp ] && ranks=2
  rm -rf "$work/runs"
  FAULT_STOP="$rank:$part" "$MPIRUN" -np $ranks "$BIN/faulty/$program" --config "$work/empty.yaml" --output "$work/runs" \
    $small --set parallel.timeout_s=$limit "${@:4}" > "$work/out" 2> "$work/err" &
  pid=$!
  for _ in $(seq 600); do
    stopped "$program" && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  if ! stopped "$program"; then
    skip_if_busy
    fail "$program: rank $rank never came to '$part'"
  fi
  begin=$SECONDS
  while kill -0 "$pid" 2>/dev/null && [ $((SECONDS - begin)) -lt 60 ]; do sleep 0.1; done
  took=$((SECONDS - begin))
  kill -0 "$pid" 2>/dev/null && kill -9 "$pid"
  wait "$pid"
  got=$?
  if [ "$took" -gt $((limit + 10)) ]; then
    skip_if_busy
    fail "$program, rank $rank stopped at '$part': it took $took s to end"
  fi
  [ "$got" -eq 1 ] || fail "$program, '$part': exit code $got, not 1"
  [ "$(own_lines)" -eq 1 ] || fail "$program, '$part': said $(own_lines) lines, not one"
  grep -qE "rank $rank on host $(hostname) has given no sign of life for [0-9.]+ s \(last: .*$part.*; parallel.timeout_s allows $limit s" \
    "$work/err" || fail "$program: it does not name rank $rank and '$part'"
  sleep 0.3
  pgrep -f -- "--output $work/runs" > /dev/null && fail "a rank was left behind" && pkill -9 -f -- "--output $work/runs"
}
# recorded RANK OPERATION: the run file is closed, and the log has what another rank waits in.
recorded() {
  status_is failed run.h5
  grep -qE " rank $1: $2.* not ended" "$(newest)/log.txt" || fail "log.txt has no open '$2' of rank $1"
}

stop 1 "reading the data and making the model" train_ddp
stop 1 "training step 1, forward" train_mp --set parallel.schedule=1f1b
recorded 0 "(recv|send) number [0-9]+ (to|from) rank 1"
stop 2 "training step 3, backward" train_ddp
recorded 0 "all_reduce number [0-9]+"
stop 1 "training step 3, forward" train_mp --set parallel.schedule=gpipe
recorded 0 "(recv|send) number [0-9]+ (to|from) rank 1"
stop 1 "training step 4" train_ddp
recorded 0 "all_reduce number [0-9]+"
stop 1 "gathering epoch 1" train_ddp
recorded 0 "control "
stop 1 "evaluating after epoch 1" train_ddp --set data.validation=0.2
recorded 0 "control "
stop 1 "evaluating after epoch 1" train_mp --set data.validation=0.2
recorded 0 "(control |recv|send)"
stop 1 "saving the checkpoint after epoch 1" train_mp --set checkpoint.every_epochs=1
recorded 0 "control "
# Rank 0 saves alone; another speaks for it.
stop 0 "saving the checkpoint after epoch 1" train_ddp --set checkpoint.every_epochs=1
finish
