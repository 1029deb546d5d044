#!/usr/bin/env bash
# Data-parallel training on two nodes with 4 GPUs each, one rank a GPU.
# From the root of the repository:
#   LOCKSTEP_INTERFACE=ib0 sbatch slurm/ddp_multinode.sh [flags of train_ddp, for example --set training.epochs=3]
# On more nodes: sbatch --nodes=4 ...; on nodes without GPUs add --set parallel.device=cpu --set parallel.backend=mpi.
#SBATCH --job-name=ddp_multinode
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gres=gpu:4
#SBATCH --cpus-per-task=8
#SBATCH --time=02:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail

# Slurm runs a copy of this file: the repository is where sbatch was called.
cd "${LOCKSTEP_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}"
[[ -f slurm/common.sh ]] || { echo "ddp_multinode: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2; exit 2; }
# shellcheck source=slurm/common.sh
source slurm/common.sh

choose_network
run_job train_ddp configs/ag_news_transformer.yaml --set parallel.device=cuda --set parallel.backend=nccl "$@"
