#!/usr/bin/env python3
"""Says where our step goes, and how far it is from this core's matrix-multiply rate.

    python benchmarks/step_profile.py --build build/release                  # the whole zoo, train_seq, one thread
    python benchmarks/step_profile.py --runs experiments/*/run.h5            # run files of your own, on one rank
    python benchmarks/step_profile.py --device cuda --precision bf16         # on a GPU; or --device cuda --runs ...

Run it with a Python that has torch and h5py. The rate is that of two 1024 x 1024 fp32 matrices on one thread, with the
faster of the two libraries in LibTorch, the fastest product of a second, measured anew before each model. "of GEMM" is
FLOP per sample x samples/s over that rate: FLOP are those of forward and backward as /model@flops_per_sample counts
them, of a sample of full length, so that models that skip padding can pass for faster than they are. The phases are
mean shares of the step's wall time.

On a GPU the rates are those of 8192 x 8192 products in fp32, TF32 and bf16 and of a copy of 1 GiB within its memory, each
the median of a quarter of a second, measured once. "of the rate" takes the product of the run's precision (what others
call MFU, of the rate that was measured rather than the data sheet's). "of the copy" is what the weights alone move in a
step of Adam, 40 bytes a parameter (a weight is read in forward and backward, its gradient written and read, weight and
both moments read and written), over the step and the rate of the copy: where it is large, no faster product helps.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import ours
import torch
from pytorch.zoo import ZOO

MOVED = 40  # bytes a parameter and step of Adam in fp32
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


def seconds_of(work, seconds=0.25):
    """Median of one call on the card."""
    times, end = [], time.perf_counter() + seconds
    work()
    while not times or time.perf_counter() < end:
        begin, done = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        done.record()
        done.synchronize()
        times.append(begin.elapsed_time(done) / 1e3)
    return statistics.median(times)


def card_rates(size=8192, copied=2**30):
    """FLOP/s of products by precision, and B/s of a copy, read and written."""
    rates = {}
    for name in ("fp32", "tf32", "bf16"):
        torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
        kind = torch.bfloat16 if name == "bf16" else torch.float32
        a, b, out = (torch.rand(size, size, device="cuda", dtype=kind) for _ in range(3))
        rates[name] = 2 * size**3 / seconds_of(lambda: torch.mm(a, b, out=out))
    torch.set_float32_matmul_precision("highest")
    source = torch.empty(copied, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    rates["copy"] = 2 * copied / seconds_of(lambda: target.copy_(source))
    return rates


def rates_lines(rates):
    products = ", ".join(f"{name} {rates[name] / 1e12:.4g} TFLOP/s" for name in ("fp32", "tf32", "bf16"))
    return f"{torch.cuda.get_device_name()}: products {products}; copy {rates['copy'] / 1e9:.4g} GB/s\n"


def card_head():
    cells = ["model", "precision", "batch", "step, ms", "samples/s", "TFLOP/s", "of the rate", "of the copy"]
    cells += ["h2d", *SHOWN]
    return "| " + " | ".join(cells) + " |\n" + "|---" * len(cells) + "|"


def card_line(name, result, rates):
    step = result["step_seconds"]
    flops = result["flops_per_sample"] * result["batch"] / step
    rate = rates["tf32" if result["tf32"] and result["precision"] == "fp32" else result["precision"]]
    cells = [name, result["precision"], result["batch"], f"{1e3 * step:.4g}", f"{result['batch'] / step:.4g}"]
    cells += [f"{flops / 1e12:.3g}", f"{100 * flops / rate:.1f} %"]
    cells += [f"{100 * MOVED * result['parameters'] / step / rates['copy']:.1f} %"]
    cells += [f"{100 * result['shares'][phase]:.1f} %" for phase in ("h2d", *SHOWN)]
    return "| " + " | ".join(map(str, cells)) + " |"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="folder of our programs' build")
    parser.add_argument("--models", nargs="+", choices=ZOO, default=list(ZOO))
    parser.add_argument("--runs", nargs="+", type=Path, help="read these run files instead of training")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="on a GPU")
    parser.add_argument("--batch", type=int, help="default: the published one of each model")
    parser.add_argument("--steps", type=int, help="timed steps; default: by model, on a GPU 100")
    parser.add_argument("--warmup", type=int, help="steps left out at the beginning; default: 3, on a GPU 20")
    args = parser.parse_args()
    on_card = args.device == "cuda"
    args.warmup = (20 if on_card else 3) if args.warmup is None else args.warmup
    if on_card and not torch.cuda.is_available():
        parser.error("--device cuda: this PyTorch sees no GPU")
    if args.precision == "bf16" and not on_card:
        parser.error("--precision bf16 needs --device cuda")
    return args


def results(args):
    """(name, what read_run says or why there is nothing) of each run or model, one after the other."""
    on = ours.Target(args.device, args.precision)
    for name in args.runs or args.models:
        try:
            if args.runs:
                result = ours.read_run(name, args.warmup, blocks=args.device == "cuda")
                yield result["model"], result
            else:
                row = ZOO[name]
                steps = args.steps or (100 if args.device == "cuda" else row.steps)
                yield name, ours.train(args.build, row, args.batch or row.batch, steps, args.warmup, on=on)
        except ours.RunFailed as error:
            yield name, str(error)


def main():
    args = arguments()
    rates = card_rates() if args.device == "cuda" else None
    print(rates_lines(rates) + "\n" + card_head() if rates else head(), flush=True)
    failures = 0
    for name, result in results(args):
        if isinstance(result, str):
            failures += 1
            print(f"{name}: {result}", file=sys.stderr)
        else:
            print(card_line(name, result, rates) if rates else line(name, result, gemm_rate()), flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
