#!/usr/bin/env bash
# Data-parallel training on the cores of one node, in a job that may be ended at any time: two minutes before its time
# limit, or when somebody says `scancel --signal=USR1 JOB`, it writes a checkpoint and goes back to the queue, and goes
# on from there when it starts again.
# From the root of the repository:
#   sbatch slurm/ddp_preemptible.sh [flags of train_ddp, for example --set training.epochs=30]
#SBATCH --job-name=ddp_preemptible
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=02:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -euo pipefail

# Slurm runs a copy of this file: the repository is where sbatch was called.
cd "${LOCKSTEP_ROOT:-${SLURM_SUBMIT_DIR:-$PWD}}"
[[ -f slurm/common.sh ]] || { echo "ddp_preemptible: no slurm/common.sh in $PWD; call sbatch from the root of the repository" >&2; exit 2; }
# shellcheck source=slurm/common.sh
source slurm/common.sh

run_requeued train_ddp configs/ag_news_transformer.yaml --set parallel.device=cpu --set checkpoint.every_minutes=10 "$@"
