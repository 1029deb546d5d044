#!/usr/bin/env python3
"""Times steps of a multi-layer perceptron split over ranks by torch.distributed.pipelining with gloo; prints one JSON line.

    python pipeline_twin.py --schedule 1f1b --ranks 2 --micro-batches 8

A step is what a step of train_mp does: the schedule's forward and backward passes, Adam(fused=True) on each stage. The batch
lies in memory. ../pipeline.py gives it the same layers a stage, and the heap settings of our trainers.
"""

import argparse
import json
import os
import statistics
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe

SCHEDULES = {"1f1b": Schedule1F1B, "gpipe": ScheduleGPipe}


def layers(args):
    hidden = [(nn.Linear(args.width, args.width), nn.ReLU()) for _ in range(args.hidden)]
    return [nn.Flatten(), *[module for pair in hidden for module in pair], nn.Linear(args.width, args.classes)]


def work(rank, args, answers):
    torch.set_num_threads(args.threads)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(args.port), GLOO_SOCKET_IFNAME="lo")
    dist.init_process_group("gloo", rank=rank, world_size=args.ranks)
    torch.manual_seed(1)
    modules, counts = layers(args), args.split
    # A hidden layer is a linear layer and its ReLU; the flattening goes with the first stage, the head with the last.
    begin = 0 if rank == 0 else 1 + 2 * sum(counts[:rank])
    end = len(modules) if rank == args.ranks - 1 else 1 + 2 * sum(counts[: rank + 1])
    module = nn.Sequential(*modules[begin:end])
    stage = PipelineStage(module, rank, args.ranks, torch.device("cpu"))
    schedule = SCHEDULES[args.schedule](stage, args.micro_batches, loss_fn=nn.CrossEntropyLoss())
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    side = int(args.width**0.5)
    inputs = torch.rand(args.batch, 1, side, side)
    targets = torch.randint(args.classes, (args.batch,))
    seconds = []
    for _ in range(args.warmup + args.steps):
        begin = time.perf_counter()
        optimizer.zero_grad()
        if rank == 0:
            schedule.step(inputs)
        elif rank == args.ranks - 1:
            schedule.step(target=targets)
        else:
            schedule.step()
        optimizer.step()
        seconds.append(time.perf_counter() - begin)
    if rank == 0:
        answers.put(statistics.median(seconds[args.warmup :]))
    dist.barrier()
    dist.destroy_process_group()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedule", choices=SCHEDULES, default="1f1b")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--micro-batches", type=int, default=8)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--width", type=int, default=1024, help="a square: images of that many pixels")
    parser.add_argument("--hidden", type=int, default=8, help="hidden layers")
    parser.add_argument("--split", type=int, nargs="+", default=[4, 4], help="hidden layers of each stage")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--port", type=int, default=29577)
    return parser.parse_args()


def main():
    args = arguments()
    answers = mp.get_context("spawn").SimpleQueue()
    mp.spawn(work, (args, answers), nprocs=args.ranks)
    print(json.dumps({"schedule": args.schedule, "step_seconds": answers.get()}))


if __name__ == "__main__":
    main()
