#!/usr/bin/env python3
"""Steps of train_ddp over shared memory and over messages, beside train_seq's, in turn: what parallel training gains.

    python benchmarks/two_ranks.py --build build/release                               # the whole zoo, 2 ranks
    python benchmarks/two_ranks.py --build build/release --models mlp lstm --rounds 3

Run it with a Python that has h5py. The same global batch everywhere, one thread a rank, made-up data. The figure of a
run is the median of its steps; speedups are train_seq's over train_ddp's in the same round: median over the rounds
(least to largest).
"""

import argparse
import statistics
import sys
from pathlib import Path

import ours
from pytorch.zoo import ZOO

BACKENDS = ("shm", "mpi")


def measure(args, name):
    """{back end: [speedup of each round]} and the median step of train_seq, in s"""
    row, steps = ZOO[name], args.steps or ZOO[name].steps
    speedups, alone = {backend: [] for backend in BACKENDS}, []
    for number in range(args.rounds):
        one = ours.train(args.build, row, row.batch, steps, args.warmup)["step_seconds"]
        alone.append(one)
        for backend in BACKENDS if number % 2 == 0 else BACKENDS[::-1]:
            on = ours.Target(backend=backend, parallel=dict(args.set))
            run = ours.train(args.build, row, row.batch, steps, args.warmup, ranks=args.ranks, on=on)
            speedups[backend].append(one / run["step_seconds"])
        print(f"{name}: round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
    return speedups, statistics.median(alone)


def setting(text):
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not KEY=VALUE")
    return key, value


def cell(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--models", nargs="+", choices=sorted(ZOO), default=sorted(ZOO), metavar="MODEL")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="timed steps of a run; else what the model's row says")
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--set", nargs="+", type=setting, default=[], metavar="KEY=VALUE", help="keys of parallel, of train_ddp")
    args = parser.parse_args()
    print(f"| model | train_seq | x{args.ranks} over shared memory | x{args.ranks} over messages |\n|---|---|---|---|")
    for name in args.models:
        speedups, alone = measure(args, name)
        print(f"| {name} | {alone * 1e3:.2f} ms | {cell(speedups['shm'])} | {cell(speedups['mpi'])} |", flush=True)


if __name__ == "__main__":
    main()
