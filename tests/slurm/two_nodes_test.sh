#!/usr/bin/env bash
# Usage: two_nodes_test.sh FOLDER_OF_THE_PROGRAMS SOURCE_FOLDER
# Submits slurm/ddp_multinode.sh to a Slurm of two nodes: the hosts of scripts/two-hosts, a daemon on each, and CPUs in the
# place of GPUs. Exit code 77: Slurm is not installed, or this machine cannot be made into two hosts.
set -euo pipefail
# shellcheck source=tests/slurm/one_node.sh
source "$(dirname "$0")/one_node.sh"
skip_without_slurm
[[ -n "${OTHER_HOST:-}" ]] || exec "$source_folder/scripts/two-hosts" "$0" "$@"
begin_slurm_test

write_small_configuration

# submit LOG INTERFACE: slurm/ddp_multinode.sh on both nodes, one task each; waits for its end.
submit() {
  (cd "$source_folder" && LOCKSTEP_PROGRAMS="$programs" LOCKSTEP_CONFIG="$work/small.yaml" LOCKSTEP_INTERFACE="$2" \
    LOCKSTEP_PROVIDER=tcp sbatch --quiet --wait --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --gres=none --time=5 \
    --output="$1" slurm/ddp_multinode.sh --set parallel.device=cpu --set parallel.backend=mpi)
}

# texts FILE PATH: the strings of a dataset, in one line.
texts() { h5dump -A 0 -y -d "$2" "$1" | sed -n '/DATA {/,/}/p' | grep -v 'DATA {\|}' | tr -d '[:space:]",'; }

# Which way the nodes are reached is for the job script and Slurm to say, not for the variables of scripts/two-hosts.
unset "${!OMPI_MCA_@}"
start_slurm "$work/slurm" lockstep-1=10.67.83.1 lockstep-2=10.67.83.2 || fail "no Slurm"

code=0
submit "$work/missing.log" eth7 || code=$?
((code == 2)) || fail "an interface that is not there gave exit code $code, not 2"
[[ "$(cat "$work/missing.log")" == "ddp_multinode: no network interface 'eth7' on lockstep-1; "*": "*"link0"* ]] ||
  fail "an interface that is not there is not refused in one line: $(cat "$work/missing.log")"

for launcher in srun mpirun; do
  export LOCKSTEP_LAUNCHER="$launcher" LOCKSTEP_OUTPUT="$work/runs/$launcher"
  submit "$work/$launcher.log" link0 || fail "$launcher: the job ended with exit code $?"
  runs=("$work/runs/$launcher"/*_ddp_mlp_2r_*)
  [[ ${#runs[@]} == 1 && -f "${runs[0]}/run.h5" ]] || fail "$launcher: not one run of two ranks: ${runs[*]}"
  h5dump -a /status "${runs[0]}/run.h5" | grep '"complete"' >/dev/null || fail "$launcher: the run is not complete"
  [[ "$(texts "${runs[0]}/run.h5" /env/host)" == lockstep-1lockstep-2 ]] || fail "$launcher: the ranks are not on both nodes"
  variables="$(texts "${runs[0]}/run.h5" /env/variables)"
  for variable in NCCL_SOCKET_IFNAME==link0 FI_PROVIDER=tcp OMPI_MCA_btl_tcp_if_include=link0; do
    [[ "$variables" == *"$variable"*"$variable"* ]] || fail "$launcher: $variable is not recorded of both ranks: $variables"
  done
done
echo "ok"
