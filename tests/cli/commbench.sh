#!/usr/bin/env bash
# commbench as a user types it: its table, its file, what analyze makes of it, and the user's mistakes.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

bench() {
  local want=$1 ranks=$2
  shift 2
  run "$want" "$MPIRUN" -np "$ranks" "$BIN/commbench" --device cpu --backend mpi --output "$work/bench" "$@"
}
own_lines() { grep -cE '^(commbench|analyze): ' "$work/err"; }

for ranks in 2 3; do
  bench 0 "$ranks" --max 4M --factor 32 --iterations 6 --warmup 1
  for collective in all_reduce reduce_scatter all_gather broadcast reduce send_recv barrier; do
    grep -qx "# $collective" "$work/out" || fail "$ranks ranks: no $collective in the table"
  done
  grep -E '^ +[0-9]+ +[0-9]+ +float +sum +-1 ' "$work/out" | awk '{if ($9 != 0 || $6 <= 0) exit 1}' ||
    fail "$ranks ranks: wrong results or no times"
  [ "$(grep -c '^# link behind' "$work/out")" -eq 2 ] || fail "$ranks ranks: no links"
done
[ "$(find "$work/bench" -name commbench.h5 | wc -l)" -eq 2 ] || fail "not one file a launch"
file=$(find "$work/bench" -path '*_commbench_mpi_3r_*' -name commbench.h5)
[ "$(attribute "$file" kind) $(attribute "$file" status)" = "commbench complete" ] || fail "kind or status of $file"
[ -z "$(find "$work/bench" -name '*.partial')" ] || fail "a .partial is left"

run 0 "$BIN/analyze" bandwidth "$work/bench"
grep -q 'all-reduces, as rings show a link of' "$work/out" || fail "analyze shows no link"
run 0 "$BIN/analyze" bandwidth --format json "$file"
grep -q '"busbw"' "$work/out" || fail "no busbw in JSON"

# The link is used for runs on the same hardware, and named.
seq_run 0
run 0 "$BIN/analyze" predict --ranks 2 "$work/runs" "$work/bench"
tr '\n' ' ' < "$work/out" | tr -s ' ' | grep -q 'as the all-reduces of commbench show (mpi, 3 ranks' || fail "predict does not name the link"

bench 2 2 --frobnicate
said_once "unknown flag '--frobnicate'"
bench 2 2 --max 1K --min 2K
said_once "--max 1K is less than --min 2K"
run 2 "$MPIRUN" -np 2 "$BIN/commbench" --backend tcp
said_once "--backend tcp: not one of auto, mpi, shm, nccl"
run 2 "$BIN/commbench"
said_once "start it as mpirun -np N commbench"
touch "$work/file"
run 2 "$MPIRUN" -np 2 "$BIN/commbench" --device cpu --output "$work/file"
said_once "choose another with --output DIR"
[ -e /dev/nvidia0 ] || { run 2 "$MPIRUN" -np 2 "$BIN/commbench" --device cpu --backend nccl; said_once "--backend"; }
run 0 "$BIN/commbench" --help
grep -q -- '--iterations' "$work/out" || fail "--help does not list the flags"
run 0 "$BIN/commbench" --version
finish
