#!/usr/bin/env bash
# Sequential training on one GPU: the baseline of ddp_4gpu.sh, for the same type of node.
# From the root of the repository:
#   sbatch slurm/seq_1gpu.sh [flags of train_seq, for example --set training.epochs=3]
#SBATCH --job-name=seq_1gpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --time=02:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail

# Slurm runs a copy of this file: the repository is where sbatch was called.
cd "${LOCKSTEP_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}"
[[ -f slurm/common.sh ]] || { echo "seq_1gpu: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2; exit 2; }
# shellcheck source=slurm/common.sh
source slurm/common.sh

run_job train_seq configs/ag_news_transformer.yaml --set parallel.device=cuda "$@"
