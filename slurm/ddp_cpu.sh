#!/usr/bin/env bash
# Data-parallel training on the cores of one node, 4 ranks: ddp_4gpu.sh without GPUs.
# From the root of the repository:
#   sbatch slurm/ddp_cpu.sh [flags of train_ddp, for example --set training.epochs=3]
#SBATCH --job-name=ddp_cpu
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=02:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail

# To edit here, or to give in the environment of sbatch.
modules="${LOCKSTEP_MODULES:-}"    # for example "openmpi/5.0 hdf5"; empty: none
programs="${LOCKSTEP_PROGRAMS:-}"  # folder of train_ddp; empty: build/release/bin, build/cpu/bin, PATH
config="${LOCKSTEP_CONFIG:-configs/ag_news_transformer.yaml}"
output="${LOCKSTEP_OUTPUT:-experiments}"
launcher="${LOCKSTEP_LAUNCHER:-srun}"  # or mpirun, where Slurm has no PMIx

# Slurm runs a copy of this file: the repository is where sbatch was called.
cd "${LOCKSTEP_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}"
if [[ ! -f slurm/common.sh ]]; then
  echo "ddp_cpu: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2
  exit 2
fi
# shellcheck source=slurm/common.sh
source slurm/common.sh

load_modules "$modules"
program="$(find_program train_ddp "$programs")"
launch_ranks "$launcher" "$program" --config "$config" --output "$output" \
  --set parallel.device=cpu "$@"
