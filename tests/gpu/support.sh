#!/usr/bin/env bash
# What the scripts of this folder share. Sourced. Wanted from the environment: BIN, a folder of programs; and, where they
# are not what is usual, MPIRUN, OUT (a folder for what the cases print) and JOBS (cases at a time).
set -uo pipefail

: "${BIN:?set it to the folder of the programs}" "${MPIRUN:=mpirun}" "${JOBS:=4}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/gpu_check/losses.sh
source "$here/../../scripts/gpu_check/losses.sh"
if [ -z "${OUT:-}" ]; then
  OUT=$(mktemp -d)
  trap 'rm -rf "$OUT"' EXIT
fi
mkdir -p "$OUT"
: > "$OUT/results.txt"
: > "$OUT/failures.txt"
export LC_ALL=C OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1

skip() {
  echo "skipped: $*"
  exit 77
}
# CTest takes 77 for skipped, not for passed.
require_gpu() {
  nvidia-smi -L > /dev/null 2>&1 || skip "no GPU here (nvidia-smi finds none)"
}
require_own_hosts() {
  unshare --uts true 2> /dev/null || skip "several NCCL ranks on one GPU need UTS namespaces, and with them root"
}

# background COMMAND...: JOBS of them at a time.
background() {
  while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n; done
  "$@" &
}

# train NAME SECONDS RANKS PROGRAM [ARGUMENT...]: runs it in $OUT/NAME, over NCCL on hosts of their own where RANKS is not
# 0, for so long at most. Leaves there: out, err, status ("exit code, seconds").
train() {
  local name=$1 limit=$2 ranks=$3 program=$4 begin=$SECONDS launch=() backend=()
  shift 4
  rm -rf "${OUT:?}/$name"
  mkdir -p "$OUT/$name"
  if [ "$ranks" -gt 0 ]; then
    launch=("$MPIRUN" --bind-to none -np "$ranks" sh "$here/own_host.sh")
    backend=(--set parallel.backend=nccl)
  fi
  timeout -k 5 "$limit" "${launch[@]}" "$BIN/$program" --output "$OUT/$name" --quiet "$@" "${backend[@]}" \
    > "$OUT/$name/out" 2> "$OUT/$name/err"
  echo "$? $((SECONDS - begin))" > "$OUT/$name/ended"
  mv "$OUT/$name/ended" "$OUT/$name/status"
}
exit_code() { cut -d' ' -f1 "$OUT/$1/status"; }
took() { cut -d' ' -f2 "$OUT/$1/status"; }
log_of() { cat "$OUT/$1"/*/log.txt 2> /dev/null; }

# steps_of NAME: the run's steps as CSV.
steps_of() { "$BIN/analyze" export csv --table steps "$OUT/$1" 2> /dev/null; }

# report pass|FAIL NAME TEXT: what failed leaves its messages and its flight recorder behind.
report() {
  echo "$1 $2 ($(took "$2") s): $3" | tee -a "$OUT/results.txt"
  [ "$1" = pass ] && return
  { echo "---- $2: $3"; tail -n 20 "$OUT/$2/err"; tail -n 60 <<< "$(log_of "$2")"; } >> "$OUT/failures.txt"
}

finish() {
  wait
  [ -s "$OUT/results.txt" ] || { echo "no case has run"; exit 1; }
  grep -q '^FAIL' "$OUT/results.txt" || { echo "passed"; exit 0; }
  head -c 20000 "$OUT/failures.txt"
  echo "$(grep -c '^FAIL' "$OUT/results.txt") failed"
  exit 1
}
