#!/usr/bin/env bash
# Hybrid training on two nodes with 4 GPUs each: pipelines of 4 stages within a node, 2 replicas between them.
# From the root of the repository:
#   sbatch slurm/hybrid_8gpu.sh [flags of train_mp, for example --set parallel.schedule=gpipe]
#SBATCH --job-name=hybrid_8gpu
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gres=gpu:4
#SBATCH --cpus-per-task=8
#SBATCH --time=02:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail

# To edit here, or to give in the environment of sbatch.
modules="${LOCKSTEP_MODULES:-}"    # for example "cuda/13.0 openmpi/5.0 hdf5"; empty: none
programs="${LOCKSTEP_PROGRAMS:-}"  # folder of train_mp; empty: build/release/bin, build/cpu/bin, PATH
config="${LOCKSTEP_CONFIG:-configs/model_parallel/pipe_gpt_mini.yaml}"
output="${LOCKSTEP_OUTPUT:-experiments}"
launcher="${LOCKSTEP_LAUNCHER:-srun}"  # or mpirun, where Slurm has no PMIx

# Slurm runs a copy of this file: the repository is where sbatch was called.
cd "${LOCKSTEP_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}"
if [[ ! -f slurm/common.sh ]]; then
  echo "hybrid_8gpu: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2
  exit 2
fi
# shellcheck source=slurm/common.sh
source slurm/common.sh

load_modules "$modules"
program="$(find_program train_mp "$programs")"
launch_ranks "$launcher" "$program" --config "$config" --output "$output" \
  --set parallel.stages=4 --set parallel.device=cuda --set parallel.backend=nccl "$@"
