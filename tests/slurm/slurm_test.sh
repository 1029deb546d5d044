#!/usr/bin/env bash
# Usage: slurm_test.sh FOLDER_OF_THE_PROGRAMS SOURCE_FOLDER
# Submits slurm/ddp_cpu.sh to a one-node Slurm started here, and looks at the run file it leaves.
# Exit code 77: Slurm is not installed.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"
programs="$(cd "$1" && pwd)"
source_folder="$(cd "$2" && pwd)"
# shellcheck source=tests/slurm/one_node.sh
source "$source_folder/tests/slurm/one_node.sh"

for tool in munged slurmctld slurmd sbatch srun sinfo; do
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: no $tool; install slurm-wlm and munge"
    exit 77
  fi
done

work="$(mktemp -d)"
finish() {
  local code=$?
  stop_slurm "$work/slurm"
  if ((code)); then
    tail -n 20 "$work"/*.log >&2 || true
  fi
  rm -rf "$work"
}
trap finish EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

cat >"$work/small.yaml" <<'EOF'
model: {name: mlp}
data: {name: synthetic_images, samples: 256, test_samples: 64, cache: none}
training: {steps: 6, global_batch: 16}
EOF

# submit LOG PROGRAMS FLAG...: submits slurm/ddp_cpu.sh with two tasks and waits for its end.
submit() {
  local log="$1" folder="$2"
  shift 2
  (cd "$source_folder" && LOCKSTEP_PROGRAMS="$folder" LOCKSTEP_CONFIG="$work/small.yaml" LOCKSTEP_OUTPUT="$work/runs" \
    sbatch --quiet --wait --ntasks=2 --ntasks-per-node=2 --cpus-per-task=1 --time=5 --output="$log" slurm/ddp_cpu.sh "$@")
}

start_slurm "$work/slurm" || fail "no Slurm"

code=0
submit "$work/missing.log" "$work/nowhere" || code=$?
((code == 2)) || fail "a missing program gave exit code $code, not 2"
[[ "$(cat "$work/missing.log")" == "ddp_cpu: no program train_ddp in $work/nowhere; "* ]] ||
  fail "a missing program is not refused in one line"

submit "$work/run.log" "$programs" --set training.accumulate=2 || fail "the job ended with exit code $?"
runs=("$work"/runs/*_ddp_mlp_2r_*)
[[ ${#runs[@]} == 1 && -f "${runs[0]}/run.h5" ]] || fail "not one run of two ranks: ${runs[*]}"
h5dump -a /status "${runs[0]}/run.h5" | grep -q '"complete"' || fail "the run file does not say complete"
h5dump -H -d /steps/wall "${runs[0]}/run.h5" | grep -q '( 2, 6 )' || fail "the run file does not hold 2 ranks x 6 steps"
grep -q 'accumulate: 2' "${runs[0]}/config.yaml" || fail "the job script lost a flag"
echo "ok"
