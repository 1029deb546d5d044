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

# To edit here, or to give in the environment of sbatch.
modules="${LOCKSTEP_MODULES:-}"    # for example "cuda/13.0 hdf5"; empty: none
programs="${LOCKSTEP_PROGRAMS:-}"  # folder of train_seq; empty: build/release/bin, build/cpu/bin, PATH
config="${LOCKSTEP_CONFIG:-configs/ag_news_transformer.yaml}"
output="${LOCKSTEP_OUTPUT:-experiments}"

# Slurm runs a copy of this file: the repository is where sbatch was called.
cd "${LOCKSTEP_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}"
if [[ ! -f slurm/common.sh ]]; then
  echo "seq_1gpu: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2
  exit 2
fi
# shellcheck source=slurm/common.sh
source slurm/common.sh

load_modules "$modules"
program="$(find_program train_seq "$programs")"
launch_alone "$program" --config "$config" --output "$output" \
  --set parallel.device=cuda "$@"
