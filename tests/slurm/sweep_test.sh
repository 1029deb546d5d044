#!/usr/bin/env bash
# Usage: sweep_test.sh FOLDER_OF_THE_PROGRAMS SOURCE_FOLDER
# A sweep whose runs are Slurm jobs, on a one-node Slurm started here: by srun and by sbatch, inside a job, with a
# job that is cancelled, and with a sweep that is ended. Exit code 77: Slurm is not installed.
set -euo pipefail
# shellcheck source=tests/slurm/one_node.sh
source "$(dirname "$0")/one_node.sh"
begin_slurm_test

cd "$work"
start_slurm "$work/slurm" || fail "no Slurm"

cat >base.yaml <<'EOF'
model: {name: mlp}
data: {name: synthetic_images, samples: 256, test_samples: 64}
training: {steps: 6, global_batch: 16}
parallel: {device: cpu, threads: 1}
EOF

# sweep_file NAME AXES: runs by srun, each a job of its own outside of one, a step of the job within.
sweep_file() {
  cat >"$1" <<EOF
config: base.yaml
axes: $2
repeats: 1
launcher: srun --mpi=pmix --ntasks={ranks} --time=5 {command}
launcher_seq: srun --mpi=none --ntasks=1 --time=5 {command}
EOF
}

runs_in() { find "$1/runs" -name run.h5 | wc -l; }

sweep_file both.yaml '{mode: [seq, ddp], ranks: [2]}'
"$programs/sweep" both.yaml --output by_srun >srun.log 2>&1 || fail "by srun: exit code $?"
[[ "$(runs_in by_srun)" == 2 ]] || fail "by srun: $(runs_in by_srun) runs, not 2"

sed 's|^launcher: .*|launcher: sbatch --quiet --wait --ntasks={ranks} --time=5 --output={output}/slurm.txt --wrap "srun --mpi=pmix {command}"|;
     s|^launcher_seq: .*|launcher_seq: sbatch --quiet --wait --ntasks=1 --time=5 --output={output}/slurm.txt --wrap "{command}"|' \
  both.yaml >jobs.yaml
"$programs/sweep" jobs.yaml --output by_sbatch >sbatch.log 2>&1 || fail "by sbatch: exit code $?"
[[ "$(runs_in by_sbatch)" == 2 ]] || fail "by sbatch: $(runs_in by_sbatch) runs, not 2"

sbatch --quiet --wait --ntasks=2 --time=5 --output=inside.log --wrap "$programs/sweep both.yaml --output inside" ||
  fail "inside a job: exit code $?"
[[ "$(runs_in inside)" == 2 ]] || fail "inside a job: $(runs_in inside) runs, not 2"

# wait_for_step: until the long run trains; the short one ends before its twentieth epoch, perhaps just now.
wait_for_step() {
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    grep -qs 'epoch 20:' "$1"/runs/*/launch-1/*/log.txt && return 0
    sleep 0.2
  done
  fail "no run began in $1"
}
wait_for_empty_queue() {
  local tries
  for ((tries = 0; tries < 100; ++tries)); do
    [[ -z "$(squeue --noheader)" ]] && return 0
    sleep 0.2
  done
  fail "jobs are left: $(squeue --noheader)"
}

# A cancelled job is a failed run, named; the next point is run all the same.
sweep_file long.yaml '{mode: [ddp], ranks: [2], training.steps: [1000000, 6]}'
"$programs/sweep" long.yaml --output cancelled >cancelled.log 2>&1 &
sweep=$!
wait_for_step cancelled
scancel --state=RUNNING --user="$(id -un)"
code=0
wait "$sweep" || code=$?
((code == 1)) || fail "with a cancelled job the exit code is $code, not 1"
grep -q 'training.steps=1000000, launch 1: FAILED' cancelled.log || fail "the cancelled run is not named"
[[ "$(find cancelled/runs -path '*launch-1*' -name run.h5 | wc -l)" -ge 1 ]] || fail "the other point was not run"

# A sweep that is told to end takes its job along, and goes on when it is called again.
sweep_file stop.yaml '{mode: [ddp], ranks: [2], training.steps: [1000000]}'
"$programs/sweep" stop.yaml --output stopped >stopped.log 2>&1 &
sweep=$!
wait_for_step stopped
kill -TERM "$sweep"
code=0
wait "$sweep" || code=$?
((code == 1)) || fail "a sweep that was told to end ended with $code, not 1"
wait_for_empty_queue
echo "ok"
