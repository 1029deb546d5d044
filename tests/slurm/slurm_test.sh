#!/usr/bin/env bash
# Usage: slurm_test.sh FOLDER_OF_THE_PROGRAMS SOURCE_FOLDER
# Submits slurm/ddp_cpu.sh to a one-node Slurm started here, and looks at the run file it leaves.
# Exit code 77: Slurm is not installed.
set -euo pipefail
# shellcheck source=tests/slurm/one_node.sh
source "$(dirname "$0")/one_node.sh"

begin_slurm_test

write_small_configuration

# submit LOG PROGRAMS FLAG...: submits slurm/ddp_cpu.sh with two tasks and waits for its end.
submit() {
  local log="$1" folder="$2"
  shift 2
  (cd "$source_folder" && LOCKSTEP_PROGRAMS="$folder" LOCKSTEP_CONFIG="$work/small.yaml" \
    sbatch --quiet --wait --ntasks=2 --ntasks-per-node=2 --cpus-per-task=1 --time=5 --output="$log" slurm/ddp_cpu.sh "$@")
}

start_slurm "$work/slurm" || fail "no Slurm"

# mpirun, the second launcher, refuses root otherwise.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

code=0
submit "$work/missing.log" "$work/nowhere" || code=$?
((code == 2)) || fail "a missing program gave exit code $code, not 2"
[[ "$(cat "$work/missing.log")" == "ddp_cpu: no program train_ddp in $work/nowhere; "* ]] ||
  fail "a missing program is not refused in one line"

# check_run LAUNCHER: the two-rank run below runs/LAUNCHER is complete and got the flag of the command line.
check_run() {
  local launcher="$1" run
  local -a runs=("$work/runs/$launcher"/*_ddp_mlp_2r_*)
  run="${runs[0]}"
  [[ ${#runs[@]} == 1 && -f "$run/run.h5" ]] || fail "$launcher: not one run of two ranks: ${runs[*]}"
  h5dump -a /status "$run/run.h5" | grep '"complete"' >/dev/null || fail "$launcher: the run file does not say complete"
  h5dump -H -d /steps/wall "$run/run.h5" | grep '( 2, 6 )' >/dev/null || fail "$launcher: not 2 ranks x 6 steps in the run file"
  grep -q 'accumulate: 2' "$run/config.yaml" || fail "$launcher: the job script lost a flag"
}

for launcher in srun mpirun; do
  export LOCKSTEP_LAUNCHER="$launcher" LOCKSTEP_OUTPUT="$work/runs/$launcher"
  submit "$work/$launcher.log" "$programs" --set training.accumulate=2 || fail "$launcher: the job ended with exit code $?"
  check_run "$launcher"
done
echo "ok"
