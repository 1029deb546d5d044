#!/usr/bin/env bash
# What the scripts of this folder share: run a command, expect an exit code and words. Sourced.
# Wanted from the environment: BIN, SOURCE, MPIRUN.
# shellcheck disable=SC2086  # $small is a list of words
set -uo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: > "$work/failures"  # a line each: a file, for fail() is called in subshells too
export LC_ALL=C
# Within a Slurm allocation its variables would speak to the programs and to mpirun.
unset "${!SLURM_@}" OMP_NUM_THREADS
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1

# A small run: a second or two.
small="--set model.name=mlp --set data.name=synthetic_images --set data.samples=600 --set data.test_samples=100
  --set data.shape=[1,8,8] --set data.classes=4 --set training.global_batch=24
  --set training.epochs=2 --set parallel.device=cpu --set parallel.threads=1 --quiet"
: > "$work/empty.yaml"

fail() {
  {
    echo "FAILED: $*"
    sed 's/^/    | /' "$work/err" "$work/out" 2>/dev/null | head -4
  } >&2
  echo "$*" >> "$work/failures"
}

# run CODE COMMAND...: stdout in $work/out, stderr in $work/err.
run() {
  local want=$1
  shift
  "$@" > "$work/out" 2> "$work/err"
  local got=$?
  [ "$got" -eq "$want" ] || fail "exit code $got, not $want: $*"
}

seq_run() { run "$1" "$BIN/train_seq" --config "$work/empty.yaml" --output "$work/runs" $small "${@:2}"; }
ddp_run() {
  local want=$1 ranks=$2
  shift 2
  run "$want" "$MPIRUN" -np "$ranks" "$BIN/train_ddp" --config "$work/empty.yaml" --output "$work/runs" $small "$@"
}

mp_run() {
  local want=$1 ranks=$2
  shift 2
  run "$want" "$MPIRUN" -np "$ranks" "$BIN/train_mp" --config "$work/empty.yaml" --output "$work/runs" $small "$@"
}

said() { grep -qF -- "$1" "$work/err" || fail "did not say: $1"; }
# Our own lines on stderr; mpirun's are not ours.
own_lines() { grep -cE '^(train_seq|train_ddp|train_mp|analyze): ' "$work/err"; }
said_once() {
  said "$1"
  [ "$(own_lines)" -eq 1 ] || fail "said $(own_lines) lines, not one"
}

newest() { find "$work/runs" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2-; }
# attribute FILE NAME: a string attribute of the root group.
attribute() { h5dump -a "/$2" "$1" 2>/dev/null | grep '(0)' | sed 's/^[^:]*: *//; s/"//g'; }
status_is() {
  local file
  file=$(newest)/$2
  [ -e "$file" ] || { fail "no $file"; return; }
  [ "$(attribute "$file" status)" = "$1" ] || fail "status is '$(attribute "$file" status)', not '$1'"
}
# dataset FILE PATH: its values; a failure where there are none, for nothing equals nothing.
dataset() {
  local values
  values=$(h5dump -A 0 -m "%.17g" -y -d "$2" "$1" 2>/dev/null | sed -n "/DATA {/,/}/p")
  if grep -q '[0-9]' <<< "$values"; then echo "$values"; else fail "nothing to read in $1, $2"; fi
}
# texts FILE PATH: the strings of a dataset, a line each.
texts() { h5dump -A 0 -y -d "$2" "$1" | sed -n '/DATA {/,/}/p' | grep -o '"[^"]*"' | tr -d '"'; }
# last_value FILE PATH: as it stands there, a number or not.
last_value() { dataset "$1" "$2" | tr -d ' \n' | sed 's/^DATA{//; s/}$//' | tr ',' '\n' | tail -n 1; }
# close_numbers A B BOUND: two numbers, by text, at most so far apart; fails where one is none (nan, nothing).
close_numbers() {
  awk -v a="$1" -v b="$2" -v bound="$3" 'function is(x) { return x ~ /^[-+]?[0-9.]+(e[-+]?[0-9]+)?$/ }
    BEGIN { d = a - b; exit !(is(a) && is(b) && (d < 0 ? -d : d) <= bound) }'
}

skip() {
  [ -s "$work/failures" ] && finish
  echo "SKIPPED: $1"
  exit 77
}

finish() {
  [ -s "$work/failures" ] && { echo "$(wc -l < "$work/failures") failed"; exit 1; }
  echo "passed"
}
