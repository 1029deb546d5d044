#!/usr/bin/env python3
"""Times training steps of this suite and of its PyTorch twins, in turn, and prints a table of ratios.

    python benchmarks/compare.py --build build/release                              # the whole zoo
    python benchmarks/compare.py --build build/release --models mlp lstm --rounds 3
    python benchmarks/compare.py --build build/release --models mlp --ranks 2       # train_ddp and DDP with gloo
    python benchmarks/compare.py --build build/release --device cuda --seconds 600  # on a GPU

Run it with a Python that has torch and h5py; the variant compile needs a C++ compiler. Both sides: the same shapes,
text lengths and batch (pytorch/zoo.py), made-up data held in memory, Adam at its defaults, the same threads and heap
settings. A round runs ours and each variant of the twin once, each a process of its own, beginning with another one
each time; the figure of a run is the median of its steps. Ratios are ours over theirs in samples/s, above 1 ours is
faster: median over the rounds (least to largest). The best is the variant with the largest median.

On a GPU there is the variant reduce-overhead too, batches go from pinned host memory to the card, and the twins of as
many models as --jobs allows are made ready side by side; then one side at a time has the card. The figure of a run is the
median of ten blocks of steps. What --seconds leaves no time for is named. A row's figure is ours over the best. There a
model may have a precision and a batch of its own, as in --models mlp gpt2_124m:bf16:16.
"""

import argparse
import json
import math
import os
import shlex
import statistics
import sys
from pathlib import Path

import on_gpu
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
    return on_gpu.case_of(args, name).batch


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


def best_cell(args, rates, best):
    """Its name, and how many variants there are figures of where some failed: the best of these may not be the best."""
    there = sum(variant in rates for variant in args.variants)
    return best if there in (0, len(args.variants)) else f"{best}, of {there} of {len(args.variants)}"


def table(args, results, more=()):
    """more: further columns, (head, name -> cell)"""
    head = ["model", "batch", "ours, samples/s", *args.variants, "ratio to the best", "the best"]
    with_fused = "fused" in args.variants
    head += ["ratio to fused"] * with_fused + [title for title, _ in more]
    lines = [head, ["---"] * len(head)]
    for name, (rates, _) in results.items():
        best = best_of(rates)
        cells = [name, str(batch_of(args, name)), *(rate_cell(rates, side) for side in ("ours", *args.variants))]
        cells += [ratio_cell(ratios(rates, best)), best_cell(args, rates, best)] + [ratio_cell(ratios(rates, "fused"))] * with_fused
        lines.append(cells + [cell_of(name) for _, cell_of in more])
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


def failures(results):
    failed = [(name, *item) for name, (_, failed) in results.items() for item in failed.items()]
    return [f"failed: {name}, {side}: {reason}" for name, side, reason in failed]


def compare_on_cpu(args):
    results = {}
    for name in args.models:
        results[name] = measure(args, name)
        if args.json:
            write_json(args.json, results)
    print(table(args, results))
    print(geometric_means(args, results))
    for line in failures(results):
        print(line)
    return results


def write_json(path, results):
    figures = {m: {"samples_per_second": r, "failed": f} for m, (r, f) in results.items()}
    path.write_text(json.dumps(figures, indent=1) + "\n")


def record_lines(path):
    """A function that appends a line to the file, or does nothing without one."""
    if not path:
        return lambda line: None
    file = path.open("a")
    return lambda line: print(json.dumps(line), file=file, flush=True)


def compare_on_gpu(args):
    comparison = on_gpu.Comparison(args, record_lines(args.json_lines))
    measured = comparison.run()
    figures = {name: f for name, f in measured.items() if f}
    results = {name: (f.rates, f.failed) for name, f in figures.items()}
    best = {name: best_of(rates) for name, (rates, _) in results.items()}
    more = [
        ("ours, ms", lambda name: on_gpu.median_step(figures[name], batch_of(args, name))),
        ("peak memory of ours, MiB", lambda name: on_gpu.mebibytes(figures[name], "ours")),
        ("of the best, MiB", lambda name: on_gpu.mebibytes(figures[name], best[name])),
        ("recording", lambda name: on_gpu.overhead(figures[name])),
    ]
    left_out = [f"not measured, no time left of {args.seconds:.0f} s: {name}" for name, f in measured.items() if not f]
    text = [on_gpu.facts_line(args, measured, comparison.torch)]
    text += [f"`python benchmarks/compare.py {shlex.join(sys.argv[1:])}`", "", table(args, results, more), ""]
    text += [line for line in (geometric_means(args, results), *failures(results), *left_out) if line]
    text = "\n".join(text)
    print(text)
    if args.markdown:
        args.markdown.write_text(text + "\n")
    if args.json:
        write_json(args.json, results)
    return results


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="folder of our programs' build")
    parser.add_argument("--models", nargs="+", type=on_gpu.model_spec, default=list(ZOO), metavar="MODEL")
    parser.add_argument("--variants", nargs="+", choices=on_gpu.VARIANTS, help="default: all that the device has")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="per rank")
    parser.add_argument("--batch", type=int, help="global; default: the published one of each model")
    parser.add_argument("--steps", type=int, help="timed steps of a run; default: by model")
    parser.add_argument("--warmup", type=int, help="steps left out at the beginning; default: 3, on a GPU 20")
    parser.add_argument("--rounds", type=int, help="default: 5, on a GPU 3")
    parser.add_argument("--compile-seconds", type=int, default=600, help="a variant that is not ready then is given up")
    parser.add_argument("--json", type=Path, help="file for the figures of every round, written after each model")
    gpu = parser.add_argument_group("on a GPU")
    gpu.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    gpu.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="bf16: autocast on PyTorch's side")
    gpu.add_argument("--tf32", choices=("off", "on"), default="off", help="of fp32 products, on both sides")
    gpu.add_argument("--seconds", type=float, default=math.inf, help="for the whole; what would not fit is not begun")
    gpu.add_argument("--jobs", type=int, default=os.cpu_count(), help="twins made ready, and waiting, side by side")
    gpu.add_argument("--keep", type=Path, help="folder in which our run files stay, a folder a model")
    gpu.add_argument("--markdown", type=Path, help="file for what is printed, too")
    gpu.add_argument("--json-lines", type=Path, help="file to which each figure is added as soon as it is there")
    args = parser.parse_args()
    on_card = args.device == "cuda"
    args.variants = args.variants or list(on_gpu.VARIANTS if on_card else VARIANTS)
    args.warmup = (20 if on_card else 3) if args.warmup is None else args.warmup
    args.rounds = args.rounds or (3 if on_card else 5)
    if on_card and args.ranks != 1:
        parser.error("--device cuda compares one rank with one; leave --ranks out")
    if not on_card:
        for name in ("precision", "tf32", "seconds", "keep", "markdown", "json_lines"):
            if getattr(args, name) != parser.get_default(name):
                parser.error(f"--{name.replace('_', '-')} needs --device cuda")
        if any(":" in name for name in args.models):
            parser.error("a precision of a model's own needs --device cuda")
        if "reduce-overhead" in args.variants:
            parser.error("the variant reduce-overhead needs --device cuda")
    return args


def main():
    args = arguments()
    results = compare_on_gpu(args) if args.device == "cuda" else compare_on_cpu(args)
    return 1 if any("ours" in failed for _, failed in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
