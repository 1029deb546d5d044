#!/usr/bin/env bash
# Where ranks and threads run: what --dry-run, the run file and the report say of it, and the warning at the start when
# threads must take turns.
# shellcheck disable=SC2086  # $small is a list of words
# shellcheck source=tests/cli/support.sh
source "$(dirname "$0")/support.sh"

# Cores, each by its lowest logical CPU, that this shell may run on.
mapfile -t cores < <(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' |
  awk -F- '{for (c = $1; c <= ($2 == "" ? $1 : $2); ++c) print c}' |
  while read -r cpu; do
    sed 's/[,-].*//' "/sys/devices/system/cpu/cpu$cpu/topology/thread_siblings_list" 2>/dev/null || echo "$cpu"
  done | sort -nu)
first=${cores[0]}
[ "${#cores[@]}" -ge 2 ] || skip "binding needs two cores, and this process has ${#cores[@]}"

dry() { run 0 "$@" "$BIN/train_seq" --config "$work/empty.yaml" $small --dry-run --set parallel.threads=auto; }
printed() { grep -qE -- "$1" "$work/out" || fail "--dry-run does not print: $1"; }
warned() { grep -qF -- "warning: more threads compute than there are cores, so they take turns: $1" "$2" || fail "no warning: $1"; }
not_warned() { ! grep -q 'warning:' "$1" || fail "warns without a reason: $(grep warning: "$1")"; }

dry env
printed "^  [^ ]+: [0-9]+ packages?, [0-9]+ NUMA nodes?, .*[0-9]+ cores?, [0-9]+ hardware threads?$"
printed "^    NUMA nodes [0-9,-]+, .*; computes on cores .*; loads data on cores .* \(1 thread\)$"
not_warned "$work/out"

dry taskset -c "$first"
printed "^  rank 0: cpu on .*, 1 threads, 1 cores bound "
printed "; computes on cores $first \(1 thread\); loads data on cores $first \(1 thread\)$"
not_warned "$work/out"

# OpenMP binds the main thread, too: what the process may use is more than what that thread may.
dry taskset -c "${cores[0]},${cores[1]}" env OMP_PROC_BIND=true OMP_PLACES=cores
printed "^  rank 0: cpu on .*, 2 threads, 2 cores bound "
printed "; computes on cores ${cores[0]} \(1 thread\), ${cores[1]} \(1 thread\);"
not_warned "$work/out"

# Two threads of one rank on one core: a line at the start, the same in the log, and a finding of the report.
loud="${small/--quiet/} --set training.epochs=1"
run 0 taskset -c "$first" "$BIN/train_seq" --config "$work/empty.yaml" --output "$work/runs" $loud --set parallel.threads=2
[ "$(grep -c 'warning:' "$work/err")" -eq 1 ] || fail "not one line of warning"
warned "2 threads of 1 rank on 1 core of '" "$work/err"
crowded=$(newest)
warned "2 threads of 1 rank on 1 core of '" "$crowded/log.txt"
[ "$(texts "$crowded/run.h5" /env/thread_cores)" = "$first $first" ] || fail "/env/thread_cores: $(texts "$crowded/run.h5" /env/thread_cores)"
[ "$(texts "$crowded/run.h5" /env/loader_cores)" = "$first" ] || fail "/env/loader_cores: $(texts "$crowded/run.h5" /env/loader_cores)"
texts "$crowded/run.h5" /env/machine | grep -q 'NUMA node' || fail "/env/machine says nothing"
run 0 "$BIN/analyze" validate "$crowded"
tr -s ' \n' ' ' < "$work/out" | grep -qF '2 threads of 1 rank on 1 core of' || fail "analyze does not see the crowded core"
run 0 "$BIN/analyze" "$crowded"
grep -qF 'Binding: where ranks and threads may run' "$crowded/report/index.html" || fail "the report has no map"

# Ranks that nobody has bound, and OpenMP in each, which begins at the same core.
run 0 taskset -c "${cores[0]},${cores[1]}" env OMP_PROC_BIND=true OMP_PLACES=cores "$MPIRUN" --bind-to none -np 2 "$BIN/train_ddp" \
  --config "$work/empty.yaml" --output "$work/runs" $loud
warned "2 threads of 2 ranks on 1 core of '" "$work/err"
grep -q "give each its own" "$work/err" || fail "the remedy is not to bind them apart"
[ "$(texts "$(newest)/run.h5" /env/thread_cores | tr '\n' ' ')" = "$first $first " ] || fail "the ranks' threads are not both on core $first"

# Bound apart there is nothing to warn of.
run 0 "$MPIRUN" --bind-to core -np 2 "$BIN/train_ddp" --config "$work/empty.yaml" --output "$work/runs" $loud
not_warned "$work/err"
[ "$(texts "$(newest)/run.h5" /env/thread_cores | sort -u | wc -l)" -eq 2 ] || fail "ranks bound to cores share one"

finish
