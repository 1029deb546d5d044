#!/usr/bin/env python3
"""Checks what `analyze import` makes of traces against values computed from their JSON by other code. Standard library alone.

    kineto_oracle.py ANALYZE made             # two ranks' traces that this program makes
    kineto_oracle.py ANALYZE real             # nccl_data.json.gz and rank-0*.json.gz in $LOCKSTEP_REALDATA/kineto; 77: none
"""

import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

BYTES = {"Float": 4, "Half": 2, "BFloat16": 2, "Int": 4, "Long": 8, "Byte": 1}
KINDS = {"allreduce": "all_reduce", "broadcast": "broadcast", "reduce_scatter": "reduce_scatter"}


def load(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
        trace = json.load(file, parse_float=Decimal)  # a double does not hold microseconds since 1970 exactly
    for event in trace["traceEvents"]:
        for key in ("ts", "dur"):
            if key in event:
                event[key] = int(event[key] * 1000)
    return trace


def union(spans):
    merged = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    return merged


def length_within(spans, begin, end):
    return sum(min(e, end) - max(b, begin) for b, e in union(spans) if e > begin and b < end)


class Expected:
    """Nanoseconds on the trace's scale."""

    def __init__(self, trace):
        events = [e for e in trace["traceEvents"] if e.get("ph") == "X"]
        span = lambda e: (e["ts"], e["ts"] + e["dur"])
        marks = sorted((e for e in events if e["name"].startswith("ProfilerStep#") and e["cat"] == "user_annotation"),
                       key=lambda e: e["ts"])
        called = {e["args"]["correlation"]: e["ts"] for e in events if e["cat"] == "cuda_runtime"}
        device = [e for e in events if e["cat"] in ("kernel", "gpu_memcpy", "gpu_memset")]
        calls = lambda e: called.get(e["args"]["correlation"], e["ts"])
        self.numbers = [int(e["name"].split("#")[1]) for e in marks]
        begins, done = [], 0
        for i, mark in enumerate(marks):
            until = marks[i]["ts"]
            done = max([e["ts"] + e["dur"] for e in device if calls(e) < until], default=0)
            begins.append(max(mark["ts"], done))
        over = marks[-1]["ts"] + marks[-1]["dur"]
        last = max([e["ts"] + e["dur"] for e in device if calls(e) < over], default=0)
        ends = begins[1:] + [max(over, last)]
        self.windows = list(zip(begins, ends))
        kernels = [e for e in device if e["cat"] == "kernel"]
        self.comm = [e for e in kernels if e["name"].startswith("nccl") and marks[0]["ts"] <= calls(e) < over]
        compute = [span(e) for e in kernels if not e["name"].startswith("nccl")]
        comm = [span(e) for e in kernels if e["name"].startswith("nccl")]
        self.compute_length = [length_within(compute, *w) for w in self.windows]
        self.comm_length = [length_within(comm, *w) for w in self.windows]
        both = [length_within(comm + compute, *w) for w in self.windows]
        self.exposed = [b - c for b, c in zip(both, self.compute_length)]
        self.sizes = sorted((KINDS[e["args"]["Collective name"]], e["args"]["In msg nelems"] * BYTES[e["args"]["dtype"]])
                            for e in self.comm)


def rows(analyze, table, run):
    done = subprocess.run([analyze, "export", "csv", run, "--table", table], check=True, capture_output=True, text=True)
    return list(csv.DictReader(io.StringIO(done.stdout)))


def close(what, got, want, scale):
    if abs(got - want) > 1e-6 * scale + 2e-9:
        sys.exit(f"{what}: {got!r}, not {want!r}")


def compare(analyze, traces, folder):
    subprocess.run([analyze, "import", *map(str, traces), "--into", str(folder), "--output", str(folder) + ".txt"], check=True)
    (run,) = folder.glob("*/run.h5")
    steps, comm = rows(analyze, "steps", str(run)), rows(analyze, "comm", str(run))
    for rank, path in enumerate(traces):
        want = Expected(load(path))
        mine = [row for row in steps if int(row["rank"]) == rank]
        events = [row for row in comm if int(row["rank"]) == rank]
        if len(mine) != len(want.numbers):
            sys.exit(f"{path}: {len(mine)} steps, not {len(want.numbers)}")
        for row, (begin, end), exposed, total, compute in zip(
            mine, want.windows, want.exposed, want.comm_length, want.compute_length
        ):
            wall = 1e-9 * (end - begin)
            close("wall", float(row["wall"]), wall, wall)
            close("comm_exposed", float(row["comm_exposed"]), 1e-9 * exposed, wall)
            close("comm", float(row["comm"]), 1e-9 * total, wall)
            parts = ("data", "h2d", "forward", "backward", "comm_exposed", "optimizer", "bubble", "other")
            close("sum of the budget", sum(float(row[part]) for part in parts), wall, wall)
            passes = sum(float(row[part]) for part in ("forward", "backward", "optimizer"))
            if passes < 1e-9 * compute * (1 - 1e-9):
                sys.exit(f"{path}: the passes take {passes} s, kernels {1e-9 * compute} s")
        sizes = sorted((row["kind"], int(row["bytes"])) for row in events)
        if sizes != want.sizes:
            sys.exit(f"{path}: collectives {sizes}, not {want.sizes}")
        print(f"{path.name}: {len(mine)} steps of {1e-6 * sum(e - b for b, e in want.windows) / len(mine):.3f} ms, "
              f"{len(events)} collectives, {1e-6 * sum(want.exposed) / len(mine):.3f} ms exposed: as computed here")
    return comm


def made_trace(rank, seed):
    """Forward and backward kernels on one stream, all-reduces on another; the device lags behind the host."""
    random.seed(seed)
    events, correlation, host, device, stream = [], 1, 1e6, 1e6, 1e6

    def kernel(name, tid, begin, duration, args, thread):
        nonlocal correlation
        events.append({"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 9, "tid": thread,
                       "ts": host, "dur": 3, "args": {"correlation": correlation}})
        events.append({"ph": "X", "cat": "kernel", "name": name, "pid": 0, "tid": tid, "ts": begin,
                       "dur": duration, "args": {"correlation": correlation, "stream": tid, **args}})
        correlation += 1

    def mark(name, begin, duration):
        events.append({"ph": "X", "cat": "user_annotation", "name": name, "pid": 9, "tid": 9, "ts": begin, "dur": duration})

    for number in range(3, 8):
        begin = host
        mark("enumerate(DataLoader)#x", host, 20)
        host += 30
        for part in ("forward", "backward"):
            for layer in range(6):
                thread = 9 if part == "forward" else 10
                name = "aten::mm" if part == "forward" else "autograd::engine::evaluate_function: MmBackward0"
                events.append({"ph": "X", "cat": "cpu_op", "name": name, "pid": 9, "tid": thread, "ts": host, "dur": 12})
                host += 2
                device = max(device, host) + random.uniform(0, 3)
                duration = random.uniform(20, 60)
                kernel("gemm", 7, device, duration, {}, thread)
                device += duration
                if part == "backward" and layer % 2:
                    elements = 1000 * (layer + 1)
                    args = {"Collective name": "allreduce", "In msg nelems": elements, "Out msg nelems": elements,
                            "dtype": "Float", "Process Group Name": "0"}
                    stream = max(stream, device) + random.uniform(0, 2)
                    duration = random.uniform(30, 90)
                    kernel("ncclDevKernel_AllReduce_Sum_f32_RING_LL", 20, stream, duration, args, thread)
                    stream += duration
                host += 12
        device = max(device, stream)
        mark("Optimizer.step#SGD.step", host, 15)
        kernel("multi_tensor", 7, device, 10, {}, 9)
        device += 10
        host += 20
        mark(f"ProfilerStep#{number}", begin, host - begin)
        host += 5
    random.shuffle(events)
    for event in events:
        event["ts"], event["dur"] = round(event["ts"], 3), round(event["dur"], 3)
    return {"schemaVersion": 1, "deviceProperties": [{"id": 0, "name": "Made GPU"}],
            "distributedInfo": {"backend": "nccl", "rank": rank, "world_size": 2}, "traceEvents": events,
            "baseTimeNanoseconds": 1790857026000000000}


def main():
    analyze, what = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if what == "made":
            paths = [folder / f"rank{rank}.json" for rank in range(2)]
            for rank, path in enumerate(paths):
                path.write_text(json.dumps(made_trace(rank, 7 + rank)))
            comm = compare(analyze, paths, folder / "made")
            pairs = {row["sequence"] for row in comm}
            if len(pairs) * 2 != len(comm):
                sys.exit("the ranks' collectives are not numbered alike")
            return
        shared = Path(__file__).resolve().parents[3] / "shared" / "data"
        real = Path(os.environ.get("LOCKSTEP_REALDATA", shared)) / "kineto"
        if not real.is_dir():
            print(f"SKIPPED: there is no folder {real}")
            sys.exit(77)
        compare(analyze, [real / "nccl_data.json.gz"], folder / "nccl")
        compare(analyze, sorted(real.glob("rank-0*.json.gz")), folder / "one")


if __name__ == "__main__":
    main()
