#!/usr/bin/env python3
"""Holds the steps of train_mp against the bound of a filled pipeline, and against torch.distributed.pipelining.

    python benchmarks/pipeline.py --build build/release

A multi-layer perceptron of equal hidden layers, half of them on each of two ranks, one thread a rank: stages are balanced and
compute-bound. "over bound" is the measured step over (m - 1) max_s t_s + sum_s t_s, t_s the forward and backward seconds of a
micro-batch on stage s as the same run recorded them in /stages; the optimizer's time is taken off the step first. "over torch" is our
samples/s over theirs: the same layers on the same ranks, micro-batches and Adam, over gloo. Median over the rounds (least to
largest); the sides take turns. Run it with a Python that has torch and h5py.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

import ours

TWIN = Path(__file__).resolve().parent / "pytorch" / "pipeline_twin.py"
RANKS = 2


def config_of(args, schedule):
    side = int(args.width**0.5)
    steps = args.steps + args.warmup
    data = {"name": "synthetic_images", "shape": [1, side, side], "classes": 10, "validation": 0, "test_samples": 8}
    layers = args.hidden // 2
    parallel = {"device": "cpu", "threads": 1, "schedule": schedule, "micro_batches": args.micro_batches}
    return {
        "model": {"name": "mlp", "hidden": [args.width] * args.hidden},
        "data": {**data, "samples": (steps + 1) * args.batch},
        "training": {"steps": steps, "global_batch": args.batch, "optimizer": {"name": "adam", "lr": 1e-3}},
        "parallel": {**parallel, "partition": [layers, layers + 1]},
    }


def passes(h5, step_times):
    """Median over the steps of the seconds of one micro-batch, forward and backward, by stage."""
    stage, step = h5["/stages/stage"][:], h5["/stages/step"][:]
    seconds = h5["/stages/end"][:] - h5["/stages/start"][:]
    return [
        np.median(np.bincount(step[stage == s], seconds[stage == s], minlength=len(step_times))[step_times])
        for s in range(RANKS)
    ]


def time_ours(args, schedule):
    """(seconds of a step, its ratio to the bound)"""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps(config_of(args, schedule)))
        program = Path(args.build) / "bin" / "train_mp"
        ours.run(["mpirun", "-np", RANKS, program, "--config", config, "--output", folder, "--quiet"], 1)
        (file,) = Path(folder).glob("*/run.h5")
        with h5py.File(file) as h5:
            timed = np.arange(args.warmup, h5["/steps/wall"].shape[1])
            wall = h5["/steps/wall"][0][timed]
            optimizer = h5["/steps/optimizer"][:, timed].max(0)
            per_micro_batch = [t / args.micro_batches for t in passes(h5, timed)]
    bound = (args.micro_batches - 1) * max(per_micro_batch) + sum(per_micro_batch)
    return statistics.median(wall), statistics.median(wall - optimizer) / bound


def time_twin(args, schedule):
    layers = args.hidden // 2
    command = [sys.executable, TWIN, "--schedule", schedule, "--micro-batches", args.micro_batches, "--batch", args.batch]
    command += ["--width", args.width, "--hidden", args.hidden, "--split", layers, layers]
    out = ours.run([*command, "--steps", args.steps, "--warmup", args.warmup], 1)
    return json.loads(out.splitlines()[-1])["step_seconds"]


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="build folder of this suite")
    parser.add_argument("--schedules", nargs="+", default=["gpipe", "1f1b"], choices=["gpipe", "1f1b"])
    parser.add_argument("--micro-batches", type=int, default=8)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--width", type=int, default=1024, help="of the hidden layers, a square")
    parser.add_argument("--hidden", type=int, default=8, help="hidden layers, even")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main():
    args = arguments()
    print("| schedule | micro-batches | step, ms | over bound | torch, ms | over torch |\n|---|---|---|---|---|---|")
    for schedule in args.schedules:
        steps, bounds, theirs = [], [], []
        for number in range(args.rounds):
            if number % 2:
                theirs.append(time_twin(args, schedule))
            seconds, over_bound = time_ours(args, schedule)
            steps.append(seconds)
            bounds.append(over_bound)
            if number % 2 == 0:
                theirs.append(time_twin(args, schedule))
        ratios = [b / a for a, b in zip(steps, theirs)]
        row = [schedule, args.micro_batches, f"{1e3 * statistics.median(steps):.1f}", spread(bounds)]
        row += [f"{1e3 * statistics.median(theirs):.1f}", spread(ratios)]
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


if __name__ == "__main__":
    main()
