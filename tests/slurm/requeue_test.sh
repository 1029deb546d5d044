#!/usr/bin/env bash
# Usage: requeue_test.sh FOLDER_OF_THE_PROGRAMS SOURCE_FOLDER
# A job that is signalled writes a checkpoint, goes back to the queue and goes on: it ends as one that was left alone does,
# and analyze takes its runs for one. Exit code 77: Slurm is not installed.
set -euo pipefail
# shellcheck source=tests/slurm/one_node.sh
source "$(dirname "$0")/one_node.sh"

begin_slurm_test

epochs=600  # several seconds, in which a signal has to arrive
cat >"$work/long.yaml" <<EOF
model: {name: mlp, hidden: [64, 32]}
data: {name: synthetic_images, samples: 600, test_samples: 100, shape: [1, 8, 8], classes: 4}
training: {epochs: $epochs, global_batch: 24, grad_clip: 0.05}
parallel: {device: cpu, threads: 1}
checkpoint: {every_epochs: $epochs}
EOF

start_slurm "$work/slurm" || fail "no Slurm"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export LOCKSTEP_PROGRAMS="$programs" LOCKSTEP_CONFIG="$work/long.yaml" LOCKSTEP_OUTPUT="$work/runs"

# submit LOG: prints the job's number.
submit() {
  (cd "$source_folder" && sbatch --parsable --ntasks=2 --ntasks-per-node=2 --cpus-per-task=1 --time=5 --output="$1" \
    --signal=B:USR1@10 slurm/ddp_preemptible.sh)
}
state_of() { scontrol show job "$1" | grep -o 'JobState=[A-Z]*' | cut -d= -f2; }
restarts_of() { scontrol show job "$1" | grep -o 'Restarts=[0-9]*' | cut -d= -f2; }
# await WHAT COMMAND...: until it succeeds, for two minutes.
await() {
  local what="$1" tries
  shift
  for ((tries = 0; tries < 1200; ++tries)); do
    "$@" && return
    sleep 0.1
  done
  fail "waited in vain for $what"
}
trained_an_epoch() { grep -qs 'train loss' "$work/runs/job_$1"/*/log.txt; }
is_over() { [[ "$(state_of "$1")" =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT)$ ]]; }
is_requeued() { (($(restarts_of "$1") >= $2)) && [[ "$(state_of "$1")" =~ ^(PENDING|RUNNING|COMPLETED)$ ]]; }
completes() {
  await "the end of job $1" is_over "$1"
  [[ "$(state_of "$1")" == COMPLETED ]] || fail "job $1 ended as $(state_of "$1")"
}
# The parameters and moments that the last run of a job ended with, and its losses.
ends_with() {
  local -a checkpoints=("$work/runs/job_$1"/*/checkpoint/"epoch_000$epochs.safetensors")
  head -c 200000 "${checkpoints[-1]}" | tr -d '\0' | tr ',' '\n' | grep -aoE '"crc32:(parameter|buffer|optimizer)/[^"]*":"[0-9a-f]{8}"'
}
loss_of() {
  local -a files=("$work/runs/job_$1"/*/run.h5)
  h5dump -m '%.17g' -y -d /epochs/train_loss "${files[-1]}" | sed -n '/DATA {/,/}/p' | tr -d ' \n' | sed 's/}.*//; s/.*[,{]//'
}

for launcher in srun mpirun; do
  export LOCKSTEP_LAUNCHER="$launcher"
  left_alone="$(submit "$work/$launcher.log")"
  completes "$left_alone"
  [[ -n "$(ends_with "$left_alone")" ]] || fail "$launcher: the job that was left alone has no checkpoint"

  job="$(submit "$work/$launcher.requeued.log")"
  await "the first epoch of job $job" trained_an_epoch "$job"
  # srun's ranks are a step of the job; mpirun's are the batch script's.
  flag=--signal=USR1
  [[ $launcher == srun ]] || flag+=" --full"
  # shellcheck disable=SC2086  # two flags
  scancel $flag "$job"
  await "the requeue of job $job" is_requeued "$job" 1
  scontrol update jobid="$job" StartTime=now 2>/dev/null || true
  completes "$job"
  [[ "$(restarts_of "$job")" == 1 ]] || fail "$launcher: job $job was started $(restarts_of "$job") times more"

  runs=("$work/runs/job_$job"/*/)
  ((${#runs[@]} == 2)) || fail "$launcher: ${#runs[@]} runs, not 2"
  h5dump -a /status "${runs[0]}run.h5" | grep '"interrupted"' >/dev/null || fail "$launcher: the first run is not called interrupted"
  [[ "$(ends_with "$job")" == "$(ends_with "$left_alone")" ]] || fail "$launcher: the requeued job ends with other parameters"
  [[ -n "$(loss_of "$job")" && "$(loss_of "$job")" == "$(loss_of "$left_alone")" ]] ||
    fail "$launcher: the requeued job ends with a loss of $(loss_of "$job"), not $(loss_of "$left_alone")"
  "$programs/analyze" summary --full "$work/runs/job_$job" >"$work/summary.log" || fail "$launcher: analyze refuses the requeued job"
  grep -q 'joined-run' "$work/summary.log" || fail "$launcher: analyze does not say that the runs were joined"
  if grep -qE 'incomplete-run|resumed-run|work-audit' "$work/summary.log"; then fail "$launcher: analyze does not take the job for one run"; fi
done
echo "ok"
