#!/usr/bin/env bash
# Two hosts of this machine (scripts/two-hosts) with a link of 100 Mbit/s and clocks 5000 s apart: MPI, lifeline and
# clocks across them, and what analyze makes of the link.
# shellcheck disable=SC2086  # $small is a list of words
if [[ -z "${OTHER_HOST:-}" ]]; then exec "$SOURCE/scripts/two-hosts" --rate 100mbit --clock 5000 "$0"; fi
# shellcheck source=tests/cli/support.sh
source "$(dirname "$0")/support.sh"
# shellcheck source=tests/support/busy.sh
source "$(dirname "$0")/../support/busy.sh"
unset OMPI_MCA_rmaps_base_oversubscribe  # said by the mapping policy of scripts/two-hosts
# What every cluster node has, and MPI falls for: an interface with the same address on each host, and no way between.
for host in "sh -c" "$OTHER_HOST lockstep-2"; do
  $host "ip link add name decoy0 type veth peer name decoy1; ip address add 172.17.0.1/16 dev decoy0; ip link set decoy0 up; ip link set decoy1 up"
done

# cell FILE COLUMN: of the first row of a CSV table.
cell() {
  awk -F, -v name="$2" 'NR == 1 {for (i = 1; i <= NF; ++i) if ($i == name) column = i}
    NR == 2 && column {print $column}' "$1"
}
# between LOW VALUE HIGH; no number is between none.
between() {
  awk -v low="$1" -v x="$2" -v high="$3" 'BEGIN {exit !(x ~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ && x >= low && x <= high)}'
}

# timed LOW VALUE HIGH WORDS: fails unless the machine is to blame.
timed() { between "$1" "$2" "$3" || { skip_if_busy; fail "$4"; }; }

# read_link WORDS: what analyze has just said of the communication, printed with these words before it.
read_link() {
  exposed=$(cell "$work/out" comm_exposed_share)
  waits=$(cell "$work/out" wait_share)
  busbw=$(cell "$work/out" busbw)
  transfer=$(awk -v exposed="$exposed" -v waits="$waits" 'BEGIN {print exposed - waits}')
  echo "$1: a step of $(cell "$work/out" step_seconds) s, transfer $transfer and waiting $waits of it, bus bandwidth $busbw B/s"
}

# A step sends 889 KB each way and computes for a few ms.
linked="--set model.name=mlp --set data.name=synthetic_images --set data.samples=1200 --set data.test_samples=100
  --set training.global_batch=32 --set training.steps=30 --set parallel.device=cpu --set parallel.threads=1 --quiet"
: > "$work/linked.yaml"
on_both() {  # on_both CODE NAME FLAG...
  local want=$1 name=$2
  run "$want" "$MPIRUN" -np 2 "$BIN/train_ddp" --config "$work/linked.yaml" --output "$work/runs/$name" $linked "${@:3}"
}

on_both 0 slow_link
slow=$(find "$work/runs/slow_link" -name run.h5)
[ "$(texts "$slow" /env/host | tr '\n' ' ')" = "lockstep-1 lockstep-2 " ] ||
  fail "the ranks are not on both hosts: $(texts "$slow" /env/host)"

# The clocks: what is 5000 s apart is measured within the bound that is stated, which is not the worst that can be said.
offset=$(last_value "$slow" /env/clock_offset)
error=$(last_value "$slow" /env/clock_error)
echo "clock of lockstep-2: $offset s ahead, +- $error s"
awk -v offset="$offset" -v error="$error" 'BEGIN {d = offset - 5000; exit !(error > 0 && (d < 0 ? -d : d) <= error)}' ||
  fail "an offset of 5000 s was measured as $offset +- $error s"
timed 0 "$error" 0.005 "the clocks are known within $error s alone"

# The link: what the replicas tell each other is on the wire for most of the step. A rank also waits for the other at times,
# by what the link has delayed, but for neither of them more than for the other.
run 0 "$BIN/analyze" summary "$work/runs/slow_link" --format csv
read_link "100 Mbit/s"
timed 0.7 "$exposed" 1 "exposed communication is $exposed of the step, not most of it"
timed 0.5 "$transfer" 1 "transfer is $transfer of the step, though the link is slow"
timed 0 "$waits" 0.3 "waiting is $waits of the step, though only the link is slow"
timed 6e6 "$busbw" 12.5e6 "the bus bandwidth is $busbw B/s over a link of 12.5e6"
[ "$(cell "$work/out" waited_for_kind)" != "always the same" ] || { skip_if_busy; fail "one rank is blamed for a slow link"; }

# Beside it the same with a slow rank: that one is waited for, always, for its computing.
on_both 0 slow_rank --set parallel.backend=sim --set parallel.link.slow_rank=1 --set parallel.link.slow_factor=200
run 0 "$BIN/analyze" summary "$work/runs/slow_rank" --format csv
read_link "with a slow rank"
timed 0.25 "$waits" 1 "waiting is $waits of the step, though rank 1 is slow"
for pair in waited_for_rank=1 "waited_for_kind=always the same" late_phase=compute; do
  [ "$(cell "$work/out" "${pair%%=*}")" = "${pair#*=}" ] || fail "${pair%%=*} is '$(cell "$work/out" "${pair%%=*}")', not '${pair#*=}'"
done

# start NAME: a run without end, in the background; returns when it trains.
start() {
  "$MPIRUN" -np 2 "$BIN/train_ddp" --config "$work/linked.yaml" --output "$work/runs/$1" $linked --set training.steps=1000000 \
    > "$work/out" 2> "$work/err" &
  job=$!
  for _ in $(seq 300); do
    compgen -G "$work/runs/$1/*/run.h5.partial" > /dev/null && break
    sleep 0.1
  done
  sleep 2
}
# ends_within SECONDS: the ranks on both hosts.
ends_within() {
  local began=$SECONDS code=0
  for _ in $(seq $((10 * $1))); do pgrep -x train_ddp > /dev/null || break; sleep 0.1; done
  echo "ended after $((SECONDS - began)) s: $(grep -m 1 '^train_ddp: ' "$work/err")"
  pgrep -x train_ddp > /dev/null && fail "ranks are left after $1 s"
  # mpirun itself has to hear of the end from its daemon on the other host, if there is still a way to it.
  for _ in $(seq 50); do kill -0 "$job" 2> /dev/null || break; sleep 0.1; done
  kill -9 "$job" 2> /dev/null
  wait "$job" || code=$?
  [ "$code" -ne 0 ] || fail "a broken run ended with exit code 0"
}
# there COMMAND: on the second host, for each rank that it has.
there() {
  "$OTHER_HOST" lockstep-2 "for rank in \$(pgrep -x train_ddp); do
    [ \$(readlink /proc/\$rank/ns/net) = \$(readlink /proc/self/ns/net) ] && $1 \$rank; done"
}

# A rank that dies on the other host, and one whose host goes.
start killed
there "kill -9"
ends_within 15
said "rank 1 on host lockstep-2"
[ "$(own_lines)" -eq 1 ] || fail "said $(own_lines) lines, not one"
start unplugged
ip link set link0 down
ends_within 60
said "rank 1 on host lockstep-2"

finish
