# shellcheck shell=bash
# What the scripts of this folder share, beside those of tests/cli: a run in the background, and its end. Sourced.
# shellcheck source=tests/cli/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cli/support.sh"
# shellcheck source=tests/support/busy.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/busy.sh"

# start COMMAND...: in the background, in a session of its own; returns when it has a run file, or has ended.
start() {
  rm -rf "$work/runs"
  setsid "$@" > "$work/out" 2> "$work/err" &
  pid=$!
  for _ in $(seq 900); do
    [ -n "$(find "$work/runs" -name 'run.h5*' 2>/dev/null)" ] && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
}

# ended CODE SECONDS: the job is over in time, with this exit code, and none of its processes is left. A busy machine has
# a minute before it counts as a hang.
ended() {
  local begin=$SECONDS got took
  while kill -0 "$pid" 2>/dev/null && [ $((SECONDS - begin)) -lt 60 ]; do sleep 0.1; done
  took=$((SECONDS - begin))
  if kill -0 "$pid" 2>/dev/null; then
    fail "still running $took s later"
    pkill -9 -s "$pid"
  elif [ "$took" -gt "$2" ]; then
    skip_if_busy
    fail "took $took s to end"
  fi
  wait "$pid"
  got=$?
  [ "$got" -eq "$1" ] || fail "exit code $got, not $1"
  none_left || fail "a rank was left behind"
}

# none_left: no process of the job is there any more; kills those that still are, 5 s later.
none_left() {
  for _ in $(seq 50); do
    [ -z "$(pgrep -s "$pid")" ] && return
    sleep 0.1
  done
  pkill -9 -s "$pid"
  return 1
}
