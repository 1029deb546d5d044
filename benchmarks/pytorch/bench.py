#!/usr/bin/env python3
"""Times training steps of a PyTorch twin on the CPU and prints one JSON line.

seq: one process. ddp: --ranks processes with DistributedDataParallel and gloo at the same global batch. The data is
held in memory and fetched by slicing, so no loader is timed. Loss, backward, Adam: what a step of ours does.
"""

import argparse
import json
import os
import statistics
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from twins import TWINS, build


def make_data(name, samples, seed=1):
    _, shape, classes, _ = TWINS[name]
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(classes, (samples,), generator=generator)
    if len(shape) == 3:
        return torch.rand((samples, *shape), generator=generator), targets
    tokens = torch.randint(1, 20000, (samples, *shape), generator=generator)
    lengths = torch.randint(20, 60, (samples, 1), generator=generator)  # AG News: 40 words in the middle
    return tokens.masked_fill_(torch.arange(shape[0]) >= lengths, 0), targets


def timed_steps(model, name, args, batch):
    inputs, targets = make_data(name, batch * 16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=args.fused)
    loss_function = nn.CrossEntropyLoss()
    model.train()
    seconds = []
    for step in range(args.warmup + args.steps):
        begin = time.perf_counter()
        at = step % 16 * batch
        x, y = inputs[at : at + batch], targets[at : at + batch]
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - begin)
    return seconds[args.warmup :], float(loss.detach())


def report(args, seconds, loss, ranks):
    median = statistics.median(seconds)
    quarter = statistics.quantiles(seconds, n=4)
    print(
        json.dumps(
            {
                "program": "pytorch",
                "torch": torch.__version__,
                "model": args.model,
                "mode": args.mode,
                "ranks": ranks,
                "threads": args.threads,
                "batch": args.batch,
                "fused": args.fused,
                "steps": args.steps,
                "step_ms": median * 1e3,
                "step_ms_quartiles": [quarter[0] * 1e3, quarter[2] * 1e3],
                "samples_per_second": args.batch / median,
                "last_loss": loss,
            }
        ),
        flush=True,
    )


def ddp_rank(rank, args):
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(args.port))
    torch.set_num_threads(args.threads)
    dist.init_process_group("gloo", rank=rank, world_size=args.ranks)
    model = nn.parallel.DistributedDataParallel(build(args.model))
    seconds, loss = timed_steps(model, args.model, args, args.batch // args.ranks)
    dist.barrier()
    if rank == 0:
        report(args, seconds, loss, args.ranks)
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(TWINS), required=True)
    parser.add_argument("--mode", choices=["seq", "ddp"], default="seq")
    parser.add_argument("--ranks", type=int, default=2, help="ddp: processes")
    parser.add_argument("--threads", type=int, default=1, help="per process")
    parser.add_argument("--batch", type=int, default=64, help="global")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--fused", action="store_true", help="Adam(fused=True)")
    parser.add_argument("--port", type=int, default=29511)
    args = parser.parse_args()
    if args.mode == "ddp":
        if args.batch % args.ranks:
            parser.error(f"--batch {args.batch} does not divide by --ranks {args.ranks}")
        mp.spawn(ddp_rank, (args,), nprocs=args.ranks)
        return
    torch.set_num_threads(args.threads)
    seconds, loss = timed_steps(build(args.model), args.model, args, args.batch)
    report(args, seconds, loss, 1)


if __name__ == "__main__":
    main()
