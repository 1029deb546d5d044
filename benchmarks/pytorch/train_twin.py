#!/usr/bin/env python3
"""Trains a PyTorch twin on real files with the published settings and prints its metric by epoch.

    python train_twin.py mlp --data mnist/                           # IDX files, raw or .gz
    python train_twin.py mlp --data mnist/ --augment                 # with rotation and crop
    python train_twin.py cnn_cifar10 --data cifar10/                 # binary version: its files, or the .tar.* of them
    python train_twin.py text_cnn --data ag_news/ --batching length  # train.csv, test.csv
    python train_twin.py seq2seq --data multi30k/                    # train, val, test_2016_flickr, .de and .en, or .gz
    python train_twin.py gpt_mini --data text.txt                    # any file

It trains on the first --rows rows, holds none of them out, and evaluates on the test split (seq2seq: on validation,
without teacher forcing). Text of AG News: title, a space, description; ASCII in lower case, split on white space,
FNV-1a 32 bit, id = 1 + hash mod (V - 1), 0 is padding. Ours does the same with data.validation=0.
"""

import argparse
import math
import random
import time
from pathlib import Path

import numpy
import torch
from torch import nn

from tasks import METRICS, SETTINGS
from twins import TWINS, build

POOL = 50  # batches among which rows of similar length are looked for


def batches_of(split, batch, by_length):
    """Row numbers, batch by batch, in an order drawn anew."""
    order = torch.randperm(len(split))
    if not by_length:
        return order.split(batch)
    lengths = torch.from_numpy(split.lengths())
    pools = [pool[lengths[pool].argsort()].split(batch) for pool in order.split(batch * POOL)]
    batches = [ids for pool in pools for ids in pool]
    random.shuffle(batches)
    return batches


@torch.no_grad()
def evaluate(model, split, metric, batch=256):
    model.eval()
    total, terms = 0.0, 0
    for ids in torch.arange(len(split)).split(batch):
        part, count = metric.count(model, *split.batch(ids))
        total, terms = total + part, terms + count
    return metric.of_mean(total / terms)


class Trainer:
    def __init__(self, args, settings, model, steps):
        self.args, self.model, self.loss, self.clip = args, model, TWINS[args.model].loss, settings.clip
        self.losses, self.end, self.schedule = [], steps, None
        if settings.adamw:
            self.optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.1, betas=(0.9, 0.95))
            self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.warmup_cosine)
        else:
            self.optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    def warmup_cosine(self, step, warmup=100):
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(self.end - warmup, 1)))

    def step(self, batch):
        self.optimizer.zero_grad()
        loss = self.loss(self.model, *batch)
        loss.backward()
        if self.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        if self.schedule:
            self.schedule.step()
        self.losses.append(loss.item())
        if len(self.losses) == self.args.report_step:
            mean, last = numpy.mean(self.losses), numpy.mean(self.losses[-20:])
            print(f"step {len(self.losses)}: mean loss {mean:.4f}, of the last 20 steps {last:.4f}", flush=True)

    def epoch(self, split, by_length):
        """Mean loss over the samples, or over those before the last step."""
        self.model.train()
        total, rows = 0.0, 0
        for ids in batches_of(split, self.args.batch, by_length):
            if len(self.losses) == self.end:
                break
            self.step(split.batch(ids))
            total, rows = total + self.losses[-1] * len(ids), rows + len(ids)
        return total / rows


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted({model for model, _ in SETTINGS}))
    parser.add_argument("--data", type=Path, required=True, help="folder of the files; gpt_mini: the file")
    parser.add_argument("--set", choices=sorted({data for _, data in SETTINGS}), help="what the files are")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--rows", type=int, help="training rows, from the first")
    parser.add_argument("--test-rows", type=int, help="rows to evaluate on, from the first; default: all")
    parser.add_argument("--augment", action=argparse.BooleanOptionalAction, help="rotate and crop, or crop and flip")
    parser.add_argument("--batching", choices=("fixed", "length"), help="length: batches of similar length")
    parser.add_argument("--max-steps", type=int, default=10**9)
    parser.add_argument("--report-step", type=int, default=200, help="step after which the training loss is printed")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    sets = [data for model, data in SETTINGS if model == args.model]
    if args.set and args.set not in sets:
        parser.error(f"{args.model} is trained on {' or '.join(sets)}")
    settings = SETTINGS[args.model, args.set or sets[0]]
    for name, default in (("epochs", settings.epochs), ("batch", settings.batch), ("rows", settings.rows)):
        if getattr(args, name) is None:
            setattr(args, name, default)
    if args.augment is None:
        args.augment = settings.augmented
    return args, settings


def main():
    args, settings = parse_arguments()
    torch.set_num_threads(args.threads)
    random.seed(args.seed)
    train, held_out, sizes = settings.load(args, settings)
    model = build(args.model, sizes, args.seed)
    steps = min(args.max_steps, args.epochs * math.ceil(len(train) / args.batch))
    trainer, metric = Trainer(args, settings, model, steps), METRICS[settings.task]
    parameters = sum(p.numel() for p in model.parameters())
    print(
        f"{args.model}: seed {args.seed}, {parameters} parameters, {len(train)} rows to train on, "
        f"{len(held_out)} to evaluate on",
        flush=True,
    )
    by_length = args.batching == "length" if args.batching else train.lengths() is not None
    for epoch in range(1, args.epochs + 1):
        begin = time.perf_counter()
        loss = trainer.epoch(train, by_length)
        seconds = time.perf_counter() - begin
        value = evaluate(model, held_out, metric)
        print(f"epoch {epoch}: loss {loss:.4f}, {metric.name} {value:.4f}, {seconds:.1f} s", flush=True)
        if len(trainer.losses) == steps:
            break


if __name__ == "__main__":
    main()
