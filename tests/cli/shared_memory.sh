#!/usr/bin/env bash
# The back end shm on two ranks, where there is memory to share and where there is not: a tiny /dev/shm, a limit on the
# size of files, ranks that do not see each other's processes.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

backend() { h5dump -a "/config/parallel.backend" "$1" | grep '(0)' | sed 's/^[^:]*: *//; s/"//g'; }
# came_to BACKEND REMARK: of the newest run; an empty remark: none.
came_to() {
  local file
  file=$(newest)/run.h5
  [ "$(backend "$file")" = "$1" ] || fail "back end '$(backend "$file")', not '$1'"
  local remark
  remark=$(attribute "$file" backend_remark)
  if [ -z "$2" ]; then
    [ -z "$remark" ] || fail "a remark where none was due: $remark"
  else
    [[ "$remark" == *"$2"* ]] || fail "the run file does not say '$2' but '$remark'"
    grep -qF -- "$2" "$(newest)/log.txt" || fail "the log does not say '$2'"
  fi
}

ddp_run 0 2
came_to shm ""
ddp_run 0 2 --set parallel.backend=mpi
came_to mpi ""
ddp_run 2 2 --set parallel.backend=shm --set parallel.device=cuda
said_once "'parallel.backend' is shm"

# A limit on the size of files holds for memory as well. The run file is smaller; MPI's own shared memory is not.
# shellcheck disable=SC2016,SC2054,SC2206
limited=("$MPIRUN" --mca btl tcp,self -np 2 bash -c 'ulimit -f 1000; exec "$@"' bash "$BIN/train_ddp"
  --config "$work/empty.yaml" --output "$work/runs" $small)
run 0 "${limited[@]}"
came_to mpi "the ranks of a node cannot share memory"
run 2 "${limited[@]}" --set parallel.backend=shm
said_once "the ranks of a node cannot share memory"
said "use --set parallel.backend=mpi"

if ! unshare -m true 2>/dev/null; then skip "no mount namespace can be made here: a tiny /dev/shm was not tried"; fi

# Nothing of ours lies in /dev/shm, so its size is of no consequence.
# shellcheck disable=SC2016
run 0 unshare -m bash -c 'mount -t tmpfs -o size=64k tmpfs /dev/shm && "$@"; code=$?; ls -A /dev/shm | grep -i lockstep; exit $code' bash \
  "$MPIRUN" -np 2 "$BIN/train_ddp" --config "$work/empty.yaml" --output "$work/runs" $small
came_to shm ""
grep -qi lockstep "$work/out" && fail "something was left in /dev/shm: $(cat "$work/out")"

# Each rank among its own processes, as in a container of its own. MPI's own shared memory does not survive that.
if unshare -p -f --mount-proc true 2>/dev/null; then
  run 0 "$MPIRUN" --mca btl tcp,self -np 2 unshare -p -f --mount-proc "$BIN/train_ddp" --config "$work/empty.yaml" --output "$work/runs" $small
  came_to mpi "the ranks of a node cannot share memory"
fi

finish
