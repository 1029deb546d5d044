#!/usr/bin/env bash
# faults.sh CASE FAULT_PROGRAM MPIEXEC: does one kind of harm to a running job and checks how it ends: within 10 s, with
# one line of ours, the right exit code, and rank 0's emergency handler told the cause.
set -u
# shellcheck source=tests/support/busy.sh
source "$(dirname "$0")/../support/busy.sh"
case_name=$1 program=$2 mpiexec=$3
folder=$(mktemp -d)
job=
trap 'if [ -n "$job" ]; then kill -9 "$job" 2>/dev/null; fi; rm -rf "$folder"' EXIT

fail() {
  echo "FAILED ($case_name): $*"
  echo "--- stdout"; cat "$folder/out"
  echo "--- stderr"; cat "$folder/err"
  echo "--- handlers"; cat "$folder"/emergency.* 2>/dev/null
  exit 1
}

# start RANKS: in the background; 0 ranks: without mpirun.
start() {
  if [ "$1" = 0 ]; then
    "$program" "$case_name" "$folder" >"$folder/out" 2>"$folder/err" &
  else
    "$mpiexec" -n "$1" "$program" "$case_name" "$folder" >"$folder/out" 2>"$folder/err" &
  fi
  job=$!
}

# wait_ready RANKS: until every rank is in its loop.
wait_ready() {
  local ready
  for _ in $(seq 900); do
    ready=$(find "$folder" -name 'pid.*' -size +0c | wc -l)
    [ "$ready" -eq "$1" ] && return
    kill -0 "$job" 2>/dev/null || fail "the job ended before it was ready"
    sleep 0.1
  done
  fail "not ready in 90 s: $ready of $1 ranks"
}

pid_of() { cat "$folder/pid.$1"; }

# expect_end CODE [SECONDS]: of the whole job, within 10 s of the harm, leaving no rank behind. Where the harm comes from
# within, the limit holds the start-up of MPI as well. A busy machine has six times as long before it counts as a hang.
expect_end() {
  local began=$SECONDS limit=${2:-10} code
  ( sleep $((6 * limit)); kill -9 "$job" ) >/dev/null 2>&1 &
  local guard=$!
  wait "$job"
  code=$?
  kill "$guard" 2>/dev/null
  local took=$((SECONDS - began))
  [ "$took" -lt $((6 * limit)) ] || fail "it took more than $((6 * limit)) s to end"
  [ "$took" -lt "$limit" ] || { skip_if_busy; fail "it took $took s to end, more than $limit s"; }
  [ "$code" -eq "$1" ] || fail "exit code $code, not $1"
  local pid
  cat "$folder"/pid.* 2>/dev/null | while read -r pid; do
    for _ in $(seq 80); do
      kill -0 "$pid" 2>/dev/null || continue 2
      sleep 0.1
    done
    fail "process $pid is still there"
  done || exit 1
  job=
}

# expect_line TEXT: exactly one line of ours, and it holds TEXT. Empty TEXT: no line.
expect_line() {
  local lines
  lines=$(grep -c '^fault_program:' "$folder/err")
  if [ -z "$1" ]; then
    [ "$lines" -eq 0 ] || fail "a line where none was due"
    return
  fi
  [ "$lines" -eq 1 ] || fail "$lines lines of ours, not 1"
  grep -qF "fault_program: $1" "$folder/err" || fail "the line does not say: $1"
}

expect_handler() { grep -qF "$2" "$folder/emergency.$1" 2>/dev/null || fail "the handler of rank $1 was not told: $2"; }
expect_no_handler() { [ ! -e "$folder/emergency.$1" ] || fail "the handler of rank $1 was called"; }

case $case_name in
  lost_rank)
    start 3; wait_ready 3; kill -9 "$(pid_of 2)"
    expect_end 137; expect_line "rank 2 on host $(hostname) was lost"; expect_handler 0 "lost_rank rank 2"
    ;;
  lost_root)
    start 3; wait_ready 3; kill -9 "$(pid_of 0)"
    expect_end 137; expect_line "rank 0 on host $(hostname) was lost"
    ;;
  sigint)
    # As srun passes it on; mpirun turns it into SIGTERM.
    start 3; wait_ready 3; kill -INT "$(pid_of 0)" "$(pid_of 1)" "$(pid_of 2)"
    expect_end 1; expect_line "interrupted by SIGINT"; expect_handler 0 "signal interrupted by SIGINT"
    ;;
  sigint_to_launcher)
    start 3; wait_ready 3; kill -INT "$job"
    expect_end 1; expect_line "interrupted by SIGTERM"; expect_handler 0 "signal interrupted by SIGTERM"
    ;;
  sigterm)
    start 3; wait_ready 3; kill -TERM "$job"
    expect_end 1; expect_line "interrupted by SIGTERM"; expect_handler 0 "signal interrupted by SIGTERM"
    ;;
  sigterm_one_rank)
    start 3; wait_ready 3; kill -TERM "$(pid_of 1)"
    expect_end 1; expect_line "interrupted by SIGTERM"; expect_handler 0 "signal interrupted by SIGTERM"
    ;;
  throw_one)
    start 3
    expect_end 1 60; expect_line "the loss is not finite in step 20 (rank 1)"; expect_handler 0 "error the loss is not finite"
    ;;
  throw_root)
    start 3
    expect_end 1 60; expect_line "the disk is full (rank 0)"; expect_no_handler 0
    ;;
  throw_all)
    start 3
    expect_end 2 60
    expect_line "conf.yaml:3: unknown key 'training.batchsize'; did you mean 'training.global_batch'?"
    grep -q 'rank' <(grep '^fault_program:' "$folder/err") && fail "a fault of all ranks names one"
    expect_no_handler 0
    ;;
  late_throw)
    start 3
    expect_end 1 60; expect_line "too late (rank 1)"
    ;;
  not_valid)
    start 2
    expect_end 4 60; expect_line ""; expect_no_handler 0
    ;;
  single_signal)
    start 0; wait_ready 1; kill -TERM "$job"
    expect_end 1; expect_line "interrupted by SIGTERM"; expect_handler 0 "signal interrupted by SIGTERM"
    ;;
  clean)
    start 3
    expect_end 0 60; expect_line ""; expect_no_handler 0; expect_no_handler 1
    ;;
  *) fail "no such case" ;;
esac
echo "$case_name: ended as it should"
