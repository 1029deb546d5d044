#!/usr/bin/env python3
"""Times training steps of this suite and of PyTorch eager, in turn, and prints the ratios.

    python benchmarks/compare.py --build build/release --model mlp               # train_seq and one process
    python benchmarks/compare.py --build build/release --model mlp --ranks 2     # train_ddp and DDP with gloo

Run it with a Python that has torch and h5py. Both sides: the same shapes and batch, made-up data held in memory, Adam
at its defaults, the same threads and heap settings. A round runs ours, then PyTorch's Adam as users write it, then
Adam(fused=True); the figure of a run is the median of its steps, the ratio that of the round (above 1: ours is
faster). A last line says what share of a run's steps ours spent in each phase.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py

HERE = Path(__file__).resolve().parent
HEAP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "8589934592", "MALLOC_TOP_PAD_": "67108864"}
MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
TEXT = {"name": "synthetic_text", "vocabulary": 20000, "classes": 4}
# name: (model section, data section, steps)
MODELS = {
    "mlp": ({"name": "mlp"}, {"name": "synthetic_images", "shape": [1, 28, 28]}, 400),
    "cnn_mnist": ({"name": "cnn", "preset": "mnist"}, {"name": "synthetic_images", "shape": [1, 28, 28]}, 60),
    "cnn_cifar10": ({"name": "cnn", "preset": "cifar10"}, {"name": "synthetic_images", "shape": [3, 32, 32]}, 40),
    "transformer_small": ({"name": "transformer", "preset": "small"}, {**TEXT, "max_length": 128}, 12),
    "transformer_large": ({"name": "transformer", "preset": "large"}, {**TEXT, "max_length": 256}, 4),
}
PHASES = ("data", "h2d", "forward", "backward", "comm_exposed", "optimizer", "other")


def environment(threads):
    return {**os.environ, **HEAP, **MPI, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def run(command, env):
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"failed with {done.returncode}: {' '.join(map(str, command))}\n{done.stderr.strip()}")
    return done.stdout


def config_of(args, steps):
    model, data, _ = MODELS[args.model]
    # JSON is YAML. Enough samples that no epoch, with its validation, ends within the steps timed.
    samples = (steps + 1) * args.batch
    return {
        "model": model,
        "data": {**data, "samples": samples, "test_samples": 64, "validation": 0},
        "training": {"steps": steps, "global_batch": args.batch, "optimizer": {"name": "adam", "lr": 1e-3}},
        "parallel": {"device": "cpu", "threads": args.threads},
    }


def time_ours(args, steps):
    """Median step of rank 0 in ms, and the mean share of each phase."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps(config_of(args, steps)))
        program = Path(args.build) / "bin" / ("train_seq" if args.ranks == 1 else "train_ddp")
        launch = [] if args.ranks == 1 else ["mpirun", "-np", str(args.ranks)]
        run([*launch, program, "--config", config, "--output", folder, "--quiet"], environment(args.threads))
        (file,) = Path(folder).glob("*/run.h5")
        with h5py.File(file) as h5:
            if not h5.attrs["valid"]:
                sys.exit(f"the run is not valid: {h5.attrs['invalid_reasons']}")
            wall = h5["/steps/wall"][0][args.warmup :]
            shares = {p: float((h5[f"/steps/{p}"][0][args.warmup :] / wall).mean()) for p in PHASES}
        return statistics.median(wall) * 1e3, shares


def time_pytorch(args, steps, fused):
    mode = ["--mode", "seq"] if args.ranks == 1 else ["--mode", "ddp", "--ranks", args.ranks]
    command = [sys.executable, HERE / "pytorch" / "bench.py", "--model", args.model, *mode, "--batch", args.batch]
    command += ["--threads", args.threads, "--steps", steps - args.warmup, "--warmup", args.warmup]
    out = run([str(c) for c in command] + (["--fused"] if fused else []), environment(args.threads))
    return json.loads(out.splitlines()[-1])["step_ms"]


def summary(values):
    return {"median": statistics.median(values), "least": min(values), "largest": max(values)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="folder of our programs' build")
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="per rank")
    parser.add_argument("--batch", type=int, default=64, help="global")
    parser.add_argument("--steps", type=int, help="timed steps of a run")
    parser.add_argument("--warmup", type=int, default=5, help="steps left out at the beginning")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    steps = (args.steps or MODELS[args.model][2]) + args.warmup
    ours, default, fused, shares = [], [], [], {}
    for _ in range(args.rounds):
        ms, shares = time_ours(args, steps)
        ours.append(ms)
        default.append(time_pytorch(args, steps, fused=False))
        fused.append(time_pytorch(args, steps, fused=True))
    result = {
        "model": args.model,
        "ranks": args.ranks,
        "threads": args.threads,
        "batch": args.batch,
        "steps": steps - args.warmup,
        "rounds": args.rounds,
        "ours_ms": summary(ours),
        "pytorch_ms": summary(default),
        "pytorch_fused_ms": summary(fused),
        "ratio": summary([p / o for p, o in zip(default, ours)]),
        "ratio_fused": summary([p / o for p, o in zip(fused, ours)]),
        "shares": shares,
    }
    if args.json:
        print(json.dumps(result))
        return
    for name in ("ours_ms", "pytorch_ms", "pytorch_fused_ms", "ratio", "ratio_fused"):
        s = result[name]
        print(f"{args.model:18} {args.ranks} ranks  {name:17} {s['median']:9.3f}  ({s['least']:.3f} to {s['largest']:.3f})")
    print("shares of our step: " + ", ".join(f"{p} {100 * s:.1f} %" for p, s in shares.items()))


if __name__ == "__main__":
    main()
