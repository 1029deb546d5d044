#!/usr/bin/env bash
# A CPU quota of a control group counts as cores. Needs the right to make a control group.
# shellcheck source=tests/cli/support.sh disable=SC2154,SC2086
source "$(dirname "$0")/support.sh"

# set_quota GROUP CPUS_IN_TENTHS: of a folder of cgroup v1 or v2.
set_quota() {
  if [ -e "$1/cpu.max" ]; then
    echo "$(($2 * 10000)) 100000" > "$1/cpu.max"
  else
    echo 100000 > "$1/cpu.cfs_period_us" && echo "$(($2 * 10000))" > "$1/cpu.cfs_quota_us"
  fi
}

no_quota() {
  if [ -e "$1/cpu.max" ]; then echo max > "$1/cpu.max"; else echo -1 > "$1/cpu.cfs_quota_us"; fi
}

group=
for top in /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
  candidate="$top/lockstep_test_$$"
  mkdir "$candidate" 2>/dev/null || continue
  if [ -e "$candidate/cpu.max" ] || [ -e "$candidate/cpu.cfs_quota_us" ]; then
    group=$candidate
    break
  fi
  rmdir "$candidate"
done
[ -n "$group" ] || skip "no control group can be made here"
trap 'rmdir "$group/inner" "$group" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$group/inner"

auto=$(tr '\n' ' ' <<< "${small/--set parallel.threads=1/}")
number() { dataset "$1" "$2" | grep -oE '[0-9.]+'; }

# in_group FOLDER: train_seq with threads auto in that group; prints threads, quota and fingerprint of its run file.
in_group() {
  rm -rf "$work/runs"
  run 0 bash -c "echo \$\$ > '$1/cgroup.procs' && exec '$BIN/train_seq' --config '$work/empty.yaml' --output '$work/runs' $auto"
  local file
  file=$(newest)/run.h5
  facts="$(number "$file" /env/threads) $(number "$file" /env/cpu_quota)"
  fingerprint=$(h5dump -a /env/fingerprint "$file" | grep '(0)')
}

in_group "$group/inner"
without=$fingerprint all=${facts%% *}
[ "${facts##* }" = 0 ] || skip "there is a quota here already"
set_quota "$group/inner" 10 || skip "no quota can be set here"
in_group "$group/inner"
[ "$facts" = "1 1" ] || fail "threads and quota are '$facts', not '1 1'"
[ "$fingerprint" != "$without" ] || fail "the fingerprint does not know the quota"
# That of a group above it holds as well.
no_quota "$group/inner"
set_quota "$group" 5
in_group "$group/inner"
[ "$facts" = "1 0.5" ] || fail "threads and quota are '$facts', not '1 0.5'"
set_quota "$group" 640
set_quota "$group/inner" 600
in_group "$group/inner"
[ "$facts" = "$all 60" ] || fail "threads and quota are '$facts', not '$all 60'"
finish
