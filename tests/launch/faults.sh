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
  sighup)
    start 3; wait_ready 3; kill -HUP "$(pid_of 1)"
    expect_end 1; expect_line "interrupted by SIGHUP"; expect_handler 0 "signal interrupted by SIGHUP"
    ;;
  sigusr1_to_launcher)
    start 3; wait_ready 3; kill -USR1 "$job"
    expect_end 1; expect_line "interrupted by SIGUSR1"; expect_handler 0 "signal interrupted by SIGUSR1"
    ;;
  sigusr2_single | sigxcpu_single)
    signal=$(tr '[:lower:]' '[:upper:]' <<<"${case_name%_single}")
    start 0; wait_ready 1; kill -"${signal#SIG}" "$job"
    expect_end 1; expect_line "interrupted by $signal"; expect_handler 0 "signal interrupted by $signal"
    ;;
  sighup_ignored_single)
    # As nohup starts a program. (Open MPI's mpirun gives its ranks the default of every signal back.)
    trap '' HUP
    start 0; wait_ready 1; kill -HUP "$job"
    sleep 1
    kill -0 "$job" || fail "an ignored SIGHUP ended it"
    kill -TERM "$job"
    expect_end 1; expect_line "interrupted by SIGTERM"
    ;;
  stop_rank)
    start 3; wait_ready 3; kill -STOP "$(pid_of 2)"
    expect_end 1 20; expect_line "rank 2 on host $(hostname) has given no sign of life for 2"
    grep -qE "; rank 0 waits in all_reduce number [0-9]+; the limit allows 2 s" "$folder/err" || fail "it does not say who waits in what"
    expect_handler 0 "stalled_rank rank 2 on host"
    expect_handler 0 "rank 2: no answer"
    for rank in 0 1; do
      [ "$(grep -cE "^rank $rank: .* number [0-9]+, [0-9]+ bytes, begun " "$folder/emergency.0")" -eq 16 ] ||
        fail "not 16 operations of rank $rank"
      grep -qE "^rank $rank: all_reduce number [0-9]+, 1048576 bytes, .* not ended$" "$folder/emergency.0" || fail "no open operation of rank $rank"
    done
    ;;
  stop_root)
    start 3; wait_ready 3; kill -STOP "$(pid_of 0)"
    expect_end 1 20; expect_line "rank 0 on host $(hostname) has given no sign of life for 2"
    expect_handler 0 "stalled_rank rank 0 on host"  # once mpirun has let it go on, to end
    ;;
  stop_start)
    start 3
    expect_end 1 20; expect_line "rank 0 has waited 2 s for the other ranks to start, process "
    grep -qE "process [0-9]+ \(rank 1\) is stopped; the limit allows 2 s" "$folder/err" || fail "it does not name rank 1"
    ;;
  stop_end)
    start 3
    expect_end 1 60; expect_line "rank 0 has waited 2 s for the other ranks to end (MPI_Finalize), process "
    grep -qF "(rank 1) is stopped" "$folder/err" || fail "it does not name rank 1"
    ;;
  hang_local)
    start 3
    expect_end 1 60; expect_line "rank 1 on host $(hostname) has made no progress for "
    grep -qF "(reading file 7); rank 0 waits in control barrier number" "$folder/err" || fail "it does not say who waits for what"
    expect_handler 0 "stalled_rank rank 1 on host"
    ;;
  hang_apart)
    start 2
    expect_end 1 60; expect_line "rank "
    grep -qF "waits in barrier number 0" "$folder/err" || fail "it does not name rank 0's collective"
    grep -qE "^rank 1: control barrier number [0-9]+, .* not ended" "$folder/emergency.0" || fail "it does not tell rank 1's collective"
    ;;
  leave_rank)
    start 3
    expect_end 1 20; expect_line "rank 1 on host $(hostname) has ended; rank 0 waits in all_reduce number 15; all ranks "
    expect_handler 0 "stalled_rank rank 1 on host"
    ;;
  leave_root)
    start 3
    expect_end 1 30; expect_line "rank 0 on host $(hostname) has ended; rank 1 waits in all_reduce number 15; all ranks "
    ;;
  hang_single)
    start 0
    expect_end 1 20; expect_line "the run has made no progress for "
    grep -qF "(reading a file that does not come); the limit allows 2 s" "$folder/err" || fail "it does not say what it was at"
    ;;
  suspended)
    # A whole job that a batch system stops and lets go on later.
    start 3; wait_ready 3
    pids="$(pid_of 0) $(pid_of 1) $(pid_of 2)"
    # shellcheck disable=SC2086
    kill -STOP $pids
    sleep 5
    # shellcheck disable=SC2086
    kill -CONT $pids
    sleep 1
    kill -0 "$(pid_of 0)" || fail "it did not outlive the pause"
    kill -TERM "$(pid_of 1)"
    expect_end 1; expect_line "interrupted by SIGTERM"
    ;;
  clean)
    start 3
    expect_end 0 60; expect_line ""; expect_no_handler 0; expect_no_handler 1
    ;;
  *) fail "no such case" ;;
esac
echo "$case_name: ended as it should"
