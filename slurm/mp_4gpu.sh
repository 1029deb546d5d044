#!/usr/bin/env bash
# Pipelined training on one node with 4 GPUs, one stage a GPU.
# From the root of the repository:
#   sbatch slurm/mp_4gpu.sh [flags of train_mp, for example --set parallel.schedule=gpipe]
#SBATCH --job-name=mp_4gpu
#SBATCH --nodes=1
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
  echo "mp_4gpu: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2
  exit 2
fi
# shellcheck source=slurm/common.sh
source slurm/common.sh

load_modules "$modules"
program="$(find_program train_mp "$programs")"
launch_ranks "$launcher" "$program" --config "$config" --output "$output" \
  --set parallel.device=cuda --set parallel.backend=nccl "$@"
