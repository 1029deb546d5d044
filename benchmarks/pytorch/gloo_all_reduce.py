#!/usr/bin/env python3
"""Times all-reduces of fp32 sums over gloo, as PyTorch's DDP on the CPU makes them. A line for each size: bytes, seconds.

    python gloo_all_reduce.py --ranks 2 --most 268435456

The figure is the median over the repetitions of the slowest rank's time, after a barrier each.
"""

import argparse
import statistics
import tempfile
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

SECONDS = 1.0  # that the repetitions of one size may take, roughly


def time_once(tensor):
    dist.barrier()
    begin = time.perf_counter()
    dist.all_reduce(tensor)
    return time.perf_counter() - begin


def median_of_slowest(tensor, most):
    warm = torch.tensor([time_once(tensor), time_once(tensor)])
    dist.broadcast(warm, 0)
    repetitions = max(5, min(most, int(SECONDS / float(warm[1]))))
    seconds = torch.tensor([time_once(tensor) for _ in range(repetitions)], dtype=torch.float64)
    dist.all_reduce(seconds, op=dist.ReduceOp.MAX)
    return statistics.median(seconds.tolist())


def work(rank, args, store):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=args.ranks)
    size = 4
    while size <= args.most:
        seconds = median_of_slowest(torch.zeros(size // 4), args.repetitions)
        if rank == 0:
            print(size, f"{seconds:.9f}", flush=True)
        size *= 4
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--most", type=int, default=2**28, help="bytes of the largest tensor")
    parser.add_argument("--repetitions", type=int, default=200, help="of a size at most")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, args=(args, f"{folder}/store"), nprocs=args.ranks)


if __name__ == "__main__":
    main()
