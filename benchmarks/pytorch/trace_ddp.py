#!/usr/bin/env python3
"""Traces training steps of a PyTorch twin with torch.profiler, one trace a rank, for `analyze import`.

    python trace_ddp.py --model mlp --output traces/                       # 2 ranks, gloo, on the CPU
    python trace_ddp.py --model mlp --output traces/ --slow-rank 1         # rank 1 does its forward pass three times

Writes OUTPUT/rank0.pt.trace.json.gz and so on. With --ranks 1 it trains without DistributedDataParallel.
"""

import argparse
import os
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.profiler import ProfilerActivity, profile, schedule
from torch.utils.data import DataLoader, TensorDataset

from synthetic import make_batches
from twins import TWINS, build
from zoo import ZOO


def loader_of(args, row):
    batch = (args.batch or row.batch) // args.ranks
    batches = make_batches(row.data, batch, args.warmup + args.steps)
    tensors = [torch.cat(column) for column in zip(*batches)]
    return DataLoader(TensorDataset(*tensors), batch_size=batch)


def train(args, rank, profiler):
    row = ZOO[args.model]
    loader, model = loader_of(args, row), build(row.twin, row.data)
    module = nn.parallel.DistributedDataParallel(model) if args.ranks > 1 else model
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    repeats = args.slow_factor if rank == args.slow_rank else 1
    for batch in loader:
        optimizer.zero_grad()
        for _ in range(repeats):
            loss = TWINS[row.twin].loss(module, *batch)
        loss.backward()
        optimizer.step()
        profiler.step()


def rank_main(rank, args):
    torch.set_num_threads(args.threads)
    if args.ranks > 1:
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", str(args.port))
        dist.init_process_group("gloo", rank=rank, world_size=args.ranks)
    steps = schedule(wait=0, warmup=args.warmup, active=args.steps, repeat=1)
    path = args.output / f"rank{rank}.pt.trace.json.gz"
    with profile(
        activities=[ProfilerActivity.CPU],
        schedule=steps,
        record_shapes=True,
        with_stack=args.stacks,
        on_trace_ready=lambda p: p.export_chrome_trace(str(path)),
    ) as profiler:
        train(args, rank, profiler)
    if args.ranks > 1:
        dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=ZOO, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder of the traces")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="per process")
    parser.add_argument("--batch", type=int, help="global; default: the published one")
    parser.add_argument("--steps", type=int, default=10, help="steps in the trace")
    parser.add_argument("--warmup", type=int, default=5, help="steps before them")
    parser.add_argument("--slow-rank", type=int, default=-1, help="a rank whose forward pass is made longer")
    parser.add_argument("--slow-factor", type=int, default=3, help="how many times it computes it")
    parser.add_argument("--stacks", action="store_true", help="Python's stacks too: a far larger trace")
    parser.add_argument("--port", type=int, default=29513)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    if args.ranks == 1:
        rank_main(0, args)
    else:
        mp.spawn(rank_main, (args,), nprocs=args.ranks)


if __name__ == "__main__":
    main()
