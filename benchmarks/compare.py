#!/usr/bin/env python3
"""Times training steps of this suite and of its PyTorch twins, in turn, and prints a table of ratios.

    python benchmarks/compare.py --build build/release                              # the whole zoo
    python benchmarks/compare.py --build build/release --models mlp lstm --rounds 3
    python benchmarks/compare.py --build build/release --models mlp --ranks 2       # train_ddp and DDP with gloo

Run it with a Python that has torch and h5py; the variant compile needs a C++ compiler. Both sides: the same shapes,
text lengths and batch (pytorch/zoo.py), made-up data held in memory, Adam at its defaults, the same threads and heap
settings. A round runs ours and each variant of the twin once, each a process of its own, beginning with another one
each time; the figure of a run is the median of its steps. Ratios are ours over theirs in samples/s, above 1 ours is
faster: median over the rounds (least to largest). The best is the variant with the largest median.
"""

import argparse
import json
import math
import statistics
import sys
from pathlib import Path

import ours
from pytorch.zoo import ZOO

BENCH = Path(__file__).resolve().parent / "pytorch" / "bench.py"
VARIANTS = ("eager", "fused", "compile")


def time_twin(args, name, variant, steps):
    command = [sys.executable, BENCH, "--model", name, "--variants", variant, "--ranks", args.ranks, "--repeats", 1]
    command += ["--batch", batch_of(args, name), "--threads", args.threads, "--steps", steps, "--warmup", args.warmup]
    out = ours.run([*command, "--compile-seconds", args.compile_seconds], args.threads)
    result = json.loads(out.splitlines()[-1])["variants"][variant]
    if "failed" in result:
        raise ours.RunFailed(result["failed"])
    return result["step_seconds"]


def time_ours(args, name, steps):
    row, batch = ZOO[name], batch_of(args, name)
    return ours.train(args.build, row, batch, steps, args.warmup, args.threads, args.ranks)["step_seconds"]


def batch_of(args, name):
    return args.batch or ZOO[name].batch


def measure(args, name):
    """{side: samples/s of each round} and {side: why it failed}. A side that failed is not tried again."""
    steps = args.steps or ZOO[name].steps
    sides, rates, failed = ["ours", *args.variants], {}, {}
    for number in range(args.rounds):
        turn = number % len(sides)
        for side in sides[turn:] + sides[:turn]:
            if side in failed:
                continue
            try:
                seconds = time_ours(args, name, steps) if side == "ours" else time_twin(args, name, side, steps)
            except ours.RunFailed as error:
                failed[side] = str(error)
                rates.pop(side, None)
                print(f"{name}, {side}: {error}", file=sys.stderr)
                continue
            rates.setdefault(side, []).append(batch_of(args, name) / seconds)
        print(f"{name}: round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
    return rates, failed


def ratios(rates, side):
    """Ours over the side's, round by round; empty when one of them failed."""
    return [a / b for a, b in zip(rates.get("ours", []), rates.get(side, []))]


def best_of(rates):
    return max((side for side in rates if side != "ours"), key=lambda side: statistics.median(rates[side]), default="")


def rate_cell(rates, side):
    return f"{statistics.median(rates[side]):.4g}" if side in rates else "failed"


def ratio_cell(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})" if values else ""


def table(args, results):
    head = ["model", "batch", "ours, samples/s", *args.variants, "ratio to the best", "the best"]
    with_fused = "fused" in args.variants
    lines = [head + ["ratio to fused"] * with_fused, ["---"] * (len(head) + with_fused)]
    for name, (rates, _) in results.items():
        best = best_of(rates)
        cells = [name, str(batch_of(args, name)), *(rate_cell(rates, side) for side in ("ours", *args.variants))]
        cells += [ratio_cell(ratios(rates, best)), best]
        lines.append(cells + [ratio_cell(ratios(rates, "fused"))] * with_fused)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def geometric_means(args, results):
    lines = []
    for label, side_of in (("the best", best_of), *((v, lambda _, v=v: v) for v in args.variants)):
        values = [ratios(rates, side_of(rates)) for rates, _ in results.values()]
        logs = [math.log(statistics.median(v)) for v in values if v]
        if logs:
            mean = math.exp(statistics.fmean(logs))
            lines.append(f"geometric mean over {len(logs)} of {len(results)} models, ratio to {label}: {mean:.3f}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="folder of our programs' build")
    parser.add_argument("--models", nargs="+", choices=ZOO, default=list(ZOO))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="per rank")
    parser.add_argument("--batch", type=int, help="global; default: the published one of each model")
    parser.add_argument("--steps", type=int, help="timed steps of a run; default: by model")
    parser.add_argument("--warmup", type=int, default=3, help="steps left out at the beginning")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile-seconds", type=int, default=600, help="torch.compile is given up after that long")
    parser.add_argument("--json", type=Path, help="file for the figures of every round, written after each model")
    args = parser.parse_args()
    results = {}
    for name in args.models:
        results[name] = measure(args, name)
        if args.json:
            figures = {m: {"samples_per_second": r, "failed": f} for m, (r, f) in results.items()}
            args.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(args, results))
    print(geometric_means(args, results))
    for name, (_, failed) in results.items():
        for side, reason in failed.items():
            print(f"failed: {name}, {side}: {reason}")
    return 1 if any("ours" in failed for _, failed in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
