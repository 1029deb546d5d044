#!/usr/bin/env python3
"""Times training steps of PyTorch twins on the CPU and prints one JSON line.

    python bench.py --model lstm                                    # eager, fused, compile in turn, 3 times
    python bench.py --model mlp --variants fused --ranks 2          # DistributedDataParallel with gloo

A step is what a step of ours does: forward, loss, backward, clipping where the model is clipped, Adam. Batches lie in
memory, so no loader is timed. Variants: eager; fused, the same with Adam(fused=True); compile, fused with torch.compile
around model and loss, its compilation within the untimed first steps. The figure of a variant is the median over the
steps of a repeat, then over the repeats. compare.py gives this program the heap settings of our trainers.
"""

import argparse
import json
import os
import signal
import statistics
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from synthetic import make_batches
from twins import TWINS, build
from zoo import ZOO

VARIANTS = ("eager", "fused", "compile")
BATCHES = 16  # held in memory, taken in turn


class TimeLimit:
    """Raises TimeoutError in the block when it takes longer."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        signal.signal(signal.SIGALRM, self.stop)
        signal.alarm(self.seconds)

    def __exit__(self, *_):
        signal.alarm(0)

    def stop(self, *_):
        raise TimeoutError(f"torch.compile took more than {self.seconds} s")


class Trainer:
    """One variant of a twin with its data."""

    def __init__(self, args, variant, ranks):
        row = ZOO[args.model]
        batch = (args.batch or row.batch) // ranks
        self.batches = make_batches(row.data, batch, min(BATCHES, args.warmup + args.steps))
        self.model = build(row.twin, row.data)
        self.model.train()
        module = nn.parallel.DistributedDataParallel(self.model) if ranks > 1 else self.model
        loss, self.clip = TWINS[row.twin].loss, row.clip
        self.loss_of = lambda *tensors: loss(module, *tensors)
        if variant == "compile":
            self.loss_of = torch.compile(self.loss_of)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=variant != "eager")

    def step(self, number):
        self.optimizer.zero_grad()
        loss = self.loss_of(*self.batches[number % len(self.batches)])
        loss.backward()
        if self.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()

    def timed_steps(self, count):
        seconds = []
        for number in range(count):
            begin = time.perf_counter()
            self.step(number)
            seconds.append(time.perf_counter() - begin)
        return seconds


def time_variant(args, variant, ranks=1):
    """Seconds of the steps of each repeat, or why there are none."""
    trainer = Trainer(args, variant, ranks)
    try:
        begin = time.perf_counter()
        with TimeLimit(args.compile_seconds if variant == "compile" else 0):
            trainer.timed_steps(max(args.warmup, 1))
        warmup = time.perf_counter() - begin
    except Exception as error:
        if variant != "compile":
            raise
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        return {"failed": f"{type(error).__name__}: {reason}"}
    repeats = [statistics.median(trainer.timed_steps(args.steps)) for _ in range(args.repeats)]
    return {"step_seconds": statistics.median(repeats), "repeats": repeats, "warmup_seconds": warmup}


def report(args, results):
    batch = args.batch or ZOO[args.model].batch
    for result in results.values():
        if "step_seconds" in result:
            result["samples_per_second"] = batch / result["step_seconds"]
    facts = {"program": "pytorch", "torch": torch.__version__, "model": args.model, "batch": batch}
    facts |= {"ranks": args.ranks, "threads": args.threads, "steps": args.steps, "variants": results}
    print(json.dumps(facts), flush=True)


def ddp_rank(rank, args):
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(args.port))
    torch.set_num_threads(args.threads)
    dist.init_process_group("gloo", rank=rank, world_size=args.ranks)
    results = {}
    for variant in args.variants:
        results[variant] = time_variant(args, variant, args.ranks)
        dist.barrier()
    if rank == 0:
        report(args, results)
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=ZOO, required=True)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--ranks", type=int, default=1, help="processes; more than one: DistributedDataParallel")
    parser.add_argument("--threads", type=int, default=1, help="per process")
    parser.add_argument("--batch", type=int, help="global; default: the published one")
    parser.add_argument("--steps", type=int, default=20, help="timed steps of a repeat")
    parser.add_argument("--warmup", type=int, default=5, help="steps left out at the beginning")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile-seconds", type=int, default=600, help="compile: given up after that long")
    parser.add_argument("--port", type=int, default=29511)
    args = parser.parse_args()
    if (args.batch or ZOO[args.model].batch) % args.ranks:
        parser.error(f"the batch does not divide by --ranks {args.ranks}")
    if args.ranks > 1:
        mp.spawn(ddp_rank, (args,), nprocs=args.ranks)
        return
    torch.set_num_threads(args.threads)
    report(args, {variant: time_variant(args, variant) for variant in args.variants})


if __name__ == "__main__":
    main()
