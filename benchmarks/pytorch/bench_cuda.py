#!/usr/bin/env python3
"""Times training steps of one PyTorch twin on a GPU, as often as it is asked to.

    echo 0.5 | python bench_cuda.py --model mlp --variant compile      # or eager, fused, reduce-overhead

Builds the twin, takes the untimed steps, in which torch.compile compiles, and prints one JSON line: ready. Then it reads
seconds, a line each, trains about as long, and prints a JSON line with the median step. So compare.py compiles many twins
side by side, and times them one after another, each with the card to itself.

A step is what a step of ours does: the batch goes from pinned host memory to the card, forward, loss, backward, clipping
where the model is clipped, Adam. Steps are timed in blocks, by events on the card at their borders, between two
synchronisations. bf16 is torch.autocast.
"""

import argparse
import json
import os
import statistics
import sys
import time

import torch
from torch import nn

from bench import BATCHES, Trainer
from synthetic import make_batches
from twins import TWINS, build
from zoo import ZOO

VARIANTS = ("eager", "fused", "compile", "reduce-overhead")
MODES = {"compile": None, "reduce-overhead": "reduce-overhead"}  # of torch.compile
BLOCKS = 10
SHORTEST_BLOCK = 4  # steps


def in_bf16(function):
    """The context is made within, where torch.compile sees it."""

    def call(*tensors):
        with torch.autocast("cuda", torch.bfloat16):
            return function(*tensors)

    return call


class CudaTrainer(Trainer):
    """One variant of a twin with its data, on the card."""

    def __init__(self, args):
        row = ZOO[args.model]
        batches = make_batches(row.data, args.batch or row.batch, BATCHES)
        self.batches = [tuple(tensor.pin_memory() for tensor in batch) for batch in batches]
        self.model = build(row.twin, row.data).cuda()
        self.model.train()
        self.clip = row.clip
        self.graphs = args.variant == "reduce-overhead"
        loss = TWINS[row.twin].loss
        loss_of = lambda *tensors: loss(self.model, *tensors)
        if args.precision == "bf16":
            loss_of = in_bf16(loss_of)
        compiled = args.variant in MODES
        self.loss_of = torch.compile(loss_of, mode=MODES[args.variant]) if compiled else loss_of
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=args.variant != "eager")

    def batch(self, number):
        if self.graphs:
            torch.compiler.cudagraph_mark_step_begin()
        return [tensor.cuda(non_blocking=True) for tensor in super().batch(number)]

    def block_seconds(self, size):
        """The mean step of each of BLOCKS blocks of so many steps."""
        borders = [torch.cuda.Event(enable_timing=True) for _ in range(BLOCKS + 1)]
        torch.cuda.synchronize()
        borders[0].record()
        for block in range(BLOCKS):
            for number in range(size):
                self.step(block * size + number)
            borders[block + 1].record()
        torch.cuda.synchronize()
        return [begin.elapsed_time(end) / 1e3 / size for begin, end in zip(borders, borders[1:])]


def warm_up(trainer, steps):
    """Seconds of a step at the end of the untimed ones."""
    for number in range(steps):
        trainer.step(number)
    return statistics.median(trainer.block_seconds(SHORTEST_BLOCK))


def allow_tf32(allowed):
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=ZOO, required=True)
    parser.add_argument("--variant", choices=VARIANTS, required=True)
    parser.add_argument("--batch", type=int, help="default: the published one")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--tf32", choices=("off", "on"), default="off", help="of fp32 products and convolutions")
    parser.add_argument("--warmup", type=int, default=20, help="untimed steps")
    return parser.parse_args()


def main():
    args = arguments()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what compilers print is no answer

    def answer(facts):
        print(json.dumps(facts), file=answers, flush=True)

    try:
        torch.set_num_threads(1)
        allow_tf32(args.tf32 == "on")
        begin = time.perf_counter()
        trainer = CudaTrainer(args)
        step = warm_up(trainer, args.warmup)
        answer({"ready": True, "torch": torch.__version__, "step_seconds": step, "seconds": time.perf_counter() - begin})
        for line in sys.stdin:
            blocks = trainer.block_seconds(max(SHORTEST_BLOCK, round(float(line) / step / BLOCKS)))
            step = statistics.median(blocks)
            answer({"step_seconds": step, "blocks": blocks, "peak_bytes": torch.cuda.max_memory_allocated()})
    except Exception as error:
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        answer({"failed": f"{type(error).__name__}: {reason}"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
