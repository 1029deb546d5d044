#!/usr/bin/env bash
# What ends a run before its time: signals, killed ranks, a loss that is not finite. Nobody hangs, one line is said, and
# the run file tells what happened.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"
# shellcheck source=tests/support/busy.sh
source "$(dirname "$0")/../support/busy.sh"

long="--set training.epochs=100000"
ranks_of() { pgrep -P "$1" -x "${2:-train_ddp}"; }

# start RANKS [PROGRAM [FLAG...]]: a long run in the background; returns when its run file exists.
start() {
  local program="${2:-train_ddp}"
  rm -rf "$work/runs"
  if [ "$1" -eq 0 ]; then
    "$BIN/train_seq" --config "$work/empty.yaml" --output "$work/runs" $small $long > "$work/out" 2> "$work/err" &
  else
    "$MPIRUN" -np "$1" "$BIN/$program" --config "$work/empty.yaml" --output "$work/runs" $small $long "${@:3}" \
      > "$work/out" 2> "$work/err" &
  fi
  pid=$!
  for _ in $(seq 900); do
    [ -n "$(find "$work/runs" -name 'run.h5.partial' 2>/dev/null)" ] && break
    sleep 0.1
  done
  [ -n "$(find "$work/runs" -name 'run.h5.partial' 2>/dev/null)" ] || fail "no run file in 90 s"
  sleep 1
}

# ended CODE: the job is over within 10 s, with this exit code, and no rank is left. A busy machine has a minute before it
# counts as a hang.
ended() {
  local begin=$SECONDS
  while kill -0 "$pid" 2>/dev/null && [ $((SECONDS - begin)) -lt 60 ]; do sleep 0.1; done
  local took=$((SECONDS - begin))
  if kill -0 "$pid" 2>/dev/null; then
    fail "still running $took s later"
    kill -9 "$pid"
  elif [ "$took" -ge 10 ]; then
    skip_if_busy
    fail "took $took s to end"
  fi
  wait "$pid"
  local got=$?
  [ "$1" = any ] || [ "$got" -eq "$1" ] || fail "exit code $got, not $1"
  sleep 0.3
  pgrep -f -- "--output $work/runs" > /dev/null && fail "a rank was left behind" && pkill -9 -f -- "--output $work/runs"
}

for signal in INT TERM; do
  start 0
  kill "-$signal" "$pid"
  ended 1
  status_is interrupted run.h5
  said_once "SIG$signal"

  start 3
  kill "-$signal" "$pid"
  ended any
  status_is interrupted run.h5
  said_once "SIG"
done

start 3
kill -9 "$(ranks_of "$pid" | sed -n 3p)"
ended any
status_is failed run.h5
said_once "lost"

# In the middle of a pipeline, and of a parameter server's scatter and gather.
start 3 train_mp --set parallel.schedule=1f1b --set parallel.micro_batches=4
kill -9 "$(ranks_of "$pid" train_mp | sed -n 2p)"
ended any
status_is failed run.h5
said_once "lost"
start 3 train_ddp --set parallel.algorithm=parameter_server
kill -9 "$(ranks_of "$pid" | sed -n 2p)"
ended any
status_is failed run.h5
said_once "lost"

start 3
kill -9 "$(ranks_of "$pid" | sed -n 1p)"
ended any
status_is running run.h5.partial

rm -rf "$work/runs"
seq_run 1 --set training.optimizer.name=sgd --set training.optimizer.lr=1000000
said_once "the loss is"
status_is failed run.h5
rm -rf "$work/runs"
ddp_run 1 2 --set training.optimizer.name=sgd --set training.optimizer.lr=1000000
said_once "the loss is"
status_is failed run.h5
finish
