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

# Slurm runs a copy of this file: the repository is where sbatch was called.
cd "${LOCKSTEP_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}"
[[ -f slurm/common.sh ]] || { echo "hybrid_8gpu: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2; exit 2; }
# shellcheck source=slurm/common.sh
source slurm/common.sh

choose_network
run_job train_mp configs/model_parallel/pipe_gpt_mini.yaml --set parallel.stages=4 --set parallel.device=cuda --set parallel.backend=nccl "$@"
