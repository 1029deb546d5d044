#!/bin/sh
# mpirun -np N own_host.sh PROGRAM [ARGUMENT...]: gives each rank a host name of its own, in a UTS namespace (root), so
# that NCCL takes several ranks on one GPU. They talk by sockets over the loopback device then, and each operation takes
# milliseconds: what runs so is shown to be right, never to be fast.
rank=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-${SLURM_PROCID:-0}}}
export NCCL_HOSTID="own-$rank" NCCL_P2P_DISABLE=1 NCCL_SHM_DISABLE=1 NCCL_IB_DISABLE=1 NCCL_SOCKET_IFNAME=lo
# shellcheck disable=SC2016  # for the inner shell
exec unshare --uts sh -c 'hostname "own-$1" && shift && exec "$@"' sh "$rank" "$@"
