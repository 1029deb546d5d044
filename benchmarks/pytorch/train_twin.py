#!/usr/bin/env python3
"""Trains a PyTorch twin on real files and prints its test accuracy by epoch, for comparison with ours.

    python train_twin.py --model mlp --data mnist/            # IDX files, raw or .gz
    python train_twin.py --model transformer_small --data ag_news/ --rows 41250   # train.csv, test.csv

Text: lower case, split on white space, FNV-1a 32 bit, id = 1 + hash mod (V - 1), 0 is padding, cut at the length.
"""

import argparse
import csv
import gzip
import time
from pathlib import Path

import numpy
import torch
from torch import nn

from twins import TWINS, build

VOCABULARY = 20000


def read_idx(folder, name):
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.exists()), None)
    if path is None:
        raise SystemExit(f"{folder / name}: no such file, nor with .gz")
    raw = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
    dimensions = raw[3]
    shape = numpy.frombuffer(raw, ">u4", dimensions, 4).astype(int)
    return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * dimensions).reshape(shape)


def load_images(folder, split):
    images = read_idx(folder, f"{split}-images-idx3-ubyte")
    labels = read_idx(folder, f"{split}-labels-idx1-ubyte")
    return torch.from_numpy(images.astype(numpy.float32) / 255).unsqueeze(1), torch.from_numpy(labels.astype(numpy.int64))


def normalised(train, test):
    """By mean and deviation of the training pixels, as ours."""
    mean, deviation = train[0].mean(), train[0].std()
    return tuple(((images - mean) / deviation, labels) for images, labels in (train, test))


def fnv1a(word):
    value = 2166136261
    for byte in word.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value


def load_text(folder, split, length, rows, cache={}):
    tokens, labels = [], []
    with open(folder / f"{split}.csv", newline="", encoding="utf-8") as file:
        for row in csv.reader(file, escapechar="\\"):
            if len(labels) == rows:
                break
            if not row[0].strip().isdigit():
                continue  # the header
            words = " ".join(row[1:]).lower().split()[:length]
            for word in words:
                if word not in cache:
                    cache[word] = 1 + fnv1a(word) % (VOCABULARY - 1)
            tokens.append([cache[w] for w in words] + [0] * (length - len(words)))
            labels.append(int(row[0]) - 1)
    return torch.tensor(tokens), torch.tensor(labels)


@torch.no_grad()
def accuracy(model, inputs, targets, batch):
    model.eval()
    right = sum(
        int((model(x).argmax(1) == y).sum()) for x, y in zip(inputs.split(batch), targets.split(batch), strict=True)
    )
    return right / len(targets)


def train_epoch(model, inputs, targets, batch, optimizer):
    model.train()
    loss_function = nn.CrossEntropyLoss()
    total = 0.0
    for ids in torch.randperm(len(targets)).split(batch):
        optimizer.zero_grad()
        loss = loss_function(model(inputs[ids]), targets[ids])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(ids)
    return total / len(targets)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["mlp", "cnn_mnist", "transformer_small", "transformer_large"], required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rows", type=int, default=-1, help="text: the first so many training rows")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    shape = TWINS[args.model][1]
    if len(shape) == 1:
        train, test = load_text(args.data, "train", shape[0], args.rows), load_text(args.data, "test", shape[0], -1)
    else:
        train, test = normalised(load_images(args.data, "train"), load_images(args.data, "t10k"))
    model = build(args.model, args.seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    print(f"{args.model}: {len(train[1])} rows to train on, {len(test[1])} to test", flush=True)
    for epoch in range(args.epochs):
        begin = time.perf_counter()
        loss = train_epoch(model, *train, args.batch, optimizer)
        seconds = time.perf_counter() - begin
        print(f"epoch {epoch + 1}: loss {loss:.4f}, test {accuracy(model, *test, 256):.4f}, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
