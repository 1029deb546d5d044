#!/usr/bin/env bash
# Data-parallel training on one node with 4 GPUs, one rank a GPU.
# From the root of the repository:
#   sbatch slurm/ddp_4gpu.sh [flags of train_ddp, for example --set training.epochs=3]
#SBATCH --job-name=ddp_4gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --gres=gpu:4
#SBATCH --cpus-per-task=8
#SBATCH --time=02:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail

# Slurm runs a copy of this file: the repository is where sbatch was called.
cd "${LOCKSTEP_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}"
[[ -f slurm/common.sh ]] || { echo "ddp_4gpu: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2; exit 2; }
# shellcheck source=slurm/common.sh
source slurm/common.sh

run_job train_ddp configs/ag_news_transformer.yaml --set parallel.device=cuda --set parallel.backend=nccl "$@"
