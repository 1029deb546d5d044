#!/usr/bin/env python3
"""Says where our step goes, and how far it is from this core's matrix-multiply rate.

    python benchmarks/step_profile.py --build build/release                  # the whole zoo, train_seq, one thread
    python benchmarks/step_profile.py --runs experiments/*/run.h5            # run files of your own, on one rank

Run it with a Python that has torch and h5py. The rate is that of two 1024 x 1024 fp32 matrices on one thread, with the
faster of the two libraries in LibTorch, the fastest product of a second, measured anew before each model. "of GEMM" is
FLOP per sample x samples/s over that rate: FLOP are those of forward and backward as /model@flops_per_sample counts
them, of a sample of full length, so that models that skip padding can pass for faster than they are. The phases are
mean shares of the step's wall time.
"""

import argparse
import sys
import time
from pathlib import Path

import ours
import torch
from pytorch.zoo import ZOO

SHOWN = ("data", "forward", "backward", "optimizer", "other")


def gemm_rate(seconds=1.0, size=1024):
    """FLOP/s. torch.mm is MKL's product, which on processors of another maker is often slower than oneDNN's."""
    torch.set_num_threads(1)
    a, b, out = (torch.rand(size, size) for _ in range(3))
    products = [lambda: torch.mm(a, b, out=out)]
    if torch.backends.mkldnn.is_available():
        products.append(lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""))
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        for product in products:
            begin = time.perf_counter()
            product()
            fastest = min(fastest, time.perf_counter() - begin)
    return 2 * size**3 / fastest


def line(name, result, rate):
    speed = result["batch"] / result["step_seconds"]
    flops = result["flops_per_sample"] * speed
    cells = [name, result["batch"], f"{result['step_seconds'] * 1e3:.4g}", f"{speed:.4g}", f"{flops / 1e9:.3g}"]
    cells += [f"{rate / 1e9:.3g}", f"{100 * flops / rate:.0f} %"]
    cells += [f"{100 * result['shares'][phase]:.1f} %" for phase in SHOWN]
    return "| " + " | ".join(map(str, cells)) + " |"


def head():
    cells = ["model", "batch", "step, ms", "samples/s", "GFLOP/s", "GEMM, GFLOP/s", "of GEMM", *SHOWN]
    return "| " + " | ".join(cells) + " |\n" + "|---" * len(cells) + "|"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="folder of our programs' build")
    parser.add_argument("--models", nargs="+", choices=ZOO, default=list(ZOO))
    parser.add_argument("--runs", nargs="+", type=Path, help="read these run files instead of training")
    parser.add_argument("--steps", type=int, help="timed steps; default: by model")
    parser.add_argument("--warmup", type=int, default=3, help="steps left out at the beginning")
    args = parser.parse_args()
    print(head())
    failures = 0
    for name in args.runs or args.models:
        rate = gemm_rate()
        try:
            if args.runs:
                result = ours.read_run(name, args.warmup)
                print(line(result["model"], result, rate), flush=True)
            else:
                row = ZOO[name]
                result = ours.train(args.build, row, row.batch, args.steps or row.steps, args.warmup)
                print(line(name, result, rate), flush=True)
        except ours.RunFailed as error:
            failures += 1
            print(f"{name}: {error}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
