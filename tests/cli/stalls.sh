#!/usr/bin/env bash
# A rank that stands still: found after parallel.timeout_s, named, and the run ends for all, with the status failed.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

long="--set training.epochs=100000 --set parallel.timeout_s=3"
ranks_of() { pgrep -P "$1" -x "$2"; }

# start RANKS PROGRAM [FLAG...]: in the background; returns a second after its run file exists.
start() {
  rm -rf "$work/runs"
  local launch=()
  [ "$1" -eq 0 ] || launch=("$MPIRUN" -np "$1")
  "${launch[@]}" "$BIN/$2" --config "$work/empty.yaml" --output "$work/runs" $small $long "${@:3}" > "$work/out" 2> "$work/err" &
  pid=$!
  for _ in $(seq 300); do
    [ -n "$(find "$work/runs" -name 'run.h5.partial' 2>/dev/null)" ] && break
    sleep 0.1
  done
  sleep 1
}

# ended: the job is over within 25 s, with exit code 1, and no rank is left.
ended() {
  local begin=$SECONDS
  while kill -0 "$pid" 2>/dev/null && [ $((SECONDS - begin)) -lt 25 ]; do sleep 0.1; done
  if kill -0 "$pid" 2>/dev/null; then
    fail "still running 25 s later"
    kill -9 "$pid"
  fi
  wait "$pid"
  local got=$?
  [ "$got" -eq 1 ] || fail "exit code $got, not 1"
  sleep 0.3
  pgrep -f -- "--output $work/runs" > /dev/null && fail "a rank was left behind" && pkill -9 -f -- "--output $work/runs"
}
# named RANK: one line, about this rank; the flight recorders are in the log.
named() {
  said_once "rank $1 on host $(hostname) has given no sign of life for 3"
  said "; parallel.timeout_s allows 3 s"
  status_is failed run.h5
  grep -q "rank $1: no answer" "$(newest)/log.txt" || fail "log.txt does not say that rank $1 gave no answer"
}

# Epochs of many seconds, so that a rank is stopped within a step, and not while rank 0 writes an epoch.
within_steps="--set data.samples=300000 --set model.hidden=[256,256]"
start 3 train_ddp $within_steps
kill -STOP "$(ranks_of "$pid" train_ddp | sed -n 2p)"
ended
named 1
said "training step"
[ "$(grep -cE ' rank 0: .*, [0-9]+ bytes, begun ' "$(newest)/log.txt")" -eq 16 ] || fail "not 16 operations of rank 0 in log.txt"

# Rank 0 itself: another rank speaks, and rank 0 closes its file when mpirun lets it go on long enough.
start 3 train_ddp $within_steps
kill -STOP "$(ranks_of "$pid" train_ddp | sed -n 1p)"
ended
said_once "rank 0 on host $(hostname) has given no sign of life for 3"
grep -q "rank 0 on host .* no sign of life" "$(newest)/log.txt" || fail "log.txt does not say why the run has ended"
# mpirun leaves it a second, which is not always enough to close the file, or to rename it then.
if [ -e "$(newest)/run.h5" ] || [ "$(attribute "$(newest)/run.h5.partial" status)" != running ]; then
  file=$(basename "$(newest)"/run.h5*)
  status_is failed "$file"
fi

start 3 train_ddp --set parallel.backend=sim --set parallel.link.latency_us=10
kill -STOP "$(ranks_of "$pid" train_ddp | sed -n 3p)"
ended
named 2
start 3 train_mp --set parallel.schedule=1f1b --set parallel.micro_batches=4
kill -STOP "$(ranks_of "$pid" train_mp | sed -n 2p)"
ended
named 1
start 3 train_ddp --set parallel.algorithm=parameter_server
kill -STOP "$(ranks_of "$pid" train_ddp | sed -n 3p)"
ended
named 2

# A link on which nothing arrives: nobody is stopped, and nobody gets on.
rm -rf "$work/runs"
ddp_run 1 2 --set parallel.backend=sim --set parallel.link.latency_us=9e6 --set parallel.timeout_s=2
said_once "has made no progress for 2"
status_is failed run.h5

# Before the run has begun: whatever the ranks are at by then.
rm -rf "$work/runs"
"$MPIRUN" -np 2 "$BIN/train_ddp" --config "$work/empty.yaml" --output "$work/runs" $small $long > "$work/out" 2> "$work/err" &
pid=$!
for _ in $(seq 100); do
  victim=$(ranks_of "$pid" train_ddp | sed -n 2p)
  [ -n "$victim" ] && break
  sleep 0.02
done
kill -STOP "$victim"
ended
[ "$(own_lines)" -eq 1 ] || fail "$(own_lines) lines, not one"
grep -qE "rank 1\) is stopped|rank 1 on host .* no sign of life" "$work/err" || fail "it does not name rank 1"

# 0: without limit.
start 2 train_ddp --set parallel.timeout_s=0
victim=$(ranks_of "$pid" train_ddp | sed -n 2p)
kill -STOP "$victim"
sleep 5
kill -0 "$pid" || fail "it ended without a limit"
kill -CONT "$victim"
kill -TERM "$pid"
ended
status_is interrupted run.h5

# A signal that ends any program ends a run with a line and a status.
for signal in HUP USR1 USR2 XCPU; do
  start 0 train_seq
  kill "-$signal" "$pid"
  ended
  status_is interrupted run.h5
  said_once "interrupted by SIG$signal"
done
for signal in HUP USR1 USR2; do
  start 2 train_ddp
  kill "-$signal" "$pid"
  ended
  status_is interrupted run.h5
  said_once "interrupted by SIG"
  start 2 train_ddp
  kill "-$signal" "$(ranks_of "$pid" train_ddp | sed -n 2p)"
  ended
  status_is interrupted run.h5
  said_once "interrupted by SIG$signal"
done
# As nohup starts it.
( trap '' HUP; exec "$BIN/train_seq" --config "$work/empty.yaml" --output "$work/nohup" $small --set training.epochs=100000 ) \
  > "$work/out" 2> "$work/err" &
pid=$!
for _ in $(seq 100); do
  [ -n "$(find "$work/nohup" -name 'run.h5.partial' 2>/dev/null)" ] && break
  sleep 0.1
done
kill -HUP "$pid"
sleep 1
kill -0 "$pid" || fail "an ignored SIGHUP ended a run"
kill -TERM "$pid"
wait "$pid"
finish
