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
import contextlib
import json
import os
import signal
import statistics
import sys
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


class Trainer:
    """One variant of a twin with its data."""

    def __init__(self, args, variant):
        row, batch = ZOO[args.model], batch_of(args) // args.ranks
        self.batches = make_batches(row.data, batch, min(BATCHES, args.warmup + args.steps))
        self.model = build(row.twin, row.data)
        self.model.train()
        module = nn.parallel.DistributedDataParallel(self.model) if args.ranks > 1 else self.model
        loss, self.clip = TWINS[row.twin].loss, row.clip
        self.loss_of = lambda *tensors: loss(module, *tensors)
        if variant == "compile":
            self.loss_of = torch.compile(self.loss_of)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=variant != "eager")

    def batch(self, number):
        return self.batches[number % len(self.batches)]

    def step(self, number):
        self.optimizer.zero_grad()
        loss = self.loss_of(*self.batch(number))
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


def time_variant(args, variant, rank, results):
    """Sends "warm" when the untimed steps are done, then the result; or else why there is none."""
    trainer, begin = Trainer(args, variant), time.perf_counter()
    try:
        trainer.timed_steps(max(args.warmup, 1))
    except Exception as error:
        if variant != "compile":
            raise
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        results.send({"failed": f"{type(error).__name__}: {reason}"})
        return
    warmup = time.perf_counter() - begin
    if rank == 0:
        results.send("warm")
    repeats = [statistics.median(trainer.timed_steps(args.steps)) for _ in range(args.repeats)]
    if rank == 0:
        seconds = statistics.median(repeats)
        rate = batch_of(args) / seconds
        results.send(
            {"samples_per_second": rate, "step_seconds": seconds, "repeats": repeats, "warmup_seconds": warmup}
        )


def rank_main(rank, args, variant, results):
    torch.set_num_threads(args.threads)
    if args.ranks == 1:
        time_variant(args, variant, rank, results)
        return
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", str(args.port))
    dist.init_process_group("gloo", rank=rank, world_size=args.ranks)
    time_variant(args, variant, rank, results)
    dist.barrier()
    dist.destroy_process_group()


def variant_main(args, variant, results):
    os.setsid()  # so that run_variant can end torch.compile's workers too
    if args.ranks == 1:
        rank_main(0, args, variant, results)
    else:
        mp.spawn(rank_main, (args, variant, results), nprocs=args.ranks)


def run_variant(args, variant):
    """The variant's figures from a process of its own, or why there are none."""
    context = mp.get_context("fork")  # this process has imported torch, and computed nothing
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=variant_main, args=(args, variant, sender))
    process.start()
    sender.close()
    try:
        if not receiver.poll(args.compile_seconds if variant == "compile" else None):
            return {"failed": f"torch.compile took more than {args.compile_seconds} s"}
        first = receiver.recv()
        return receiver.recv() if first == "warm" else first
    except EOFError:
        process.join()
        return {"failed": f"the process ended with {process.exitcode}"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()


def batch_of(args):
    return args.batch or ZOO[args.model].batch


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
    if batch_of(args) % args.ranks:
        parser.error(f"a batch of {batch_of(args)} does not divide by --ranks {args.ranks}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without ending the processes of the variant
    facts = {"program": "pytorch", "torch": torch.__version__, "model": args.model, "batch": batch_of(args)}
    facts |= {"ranks": args.ranks, "threads": args.threads, "steps": args.steps}
    facts["variants"] = {variant: run_variant(args, variant) for variant in args.variants}
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
