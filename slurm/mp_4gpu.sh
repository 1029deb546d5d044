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

# Slurm runs a copy of this file: the repository is where sbatch was called.
cd "${LOCKSTEP_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}"
[[ -f slurm/common.sh ]] || { echo "mp_4gpu: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2; exit 2; }
# shellcheck source=slurm/common.sh
source slurm/common.sh

run_job train_mp configs/model_parallel/pipe_gpt_mini.yaml --set parallel.device=cuda --set parallel.backend=nccl "$@"
