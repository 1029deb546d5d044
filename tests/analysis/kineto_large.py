#!/usr/bin/env python3
"""Imports a trace of 1 GB that it makes, and says how long that took and how much memory: under 2 GB, or it fails.

    kineto_large.py ANALYZE [GIGABYTES]       # 77: no room for it on the disk
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAYERS = 1200
HEAD = """{"schemaVersion": 1, "deviceProperties": [{"id": 0, "name": "Made GPU"}],
"distributedInfo": {"backend": "nccl", "rank": 0, "world_size": 1}, "baseTimeNanoseconds": 1790857026000000000,
"traceEvents": [
"""
OP = """{"ph": "X", "cat": "cpu_op", "name": "%s", "pid": 41, "tid": 41, "ts": %.3f, "dur": 8.500, "args": {"External id": %d, \
"Record function id": 0, "Concrete Inputs": ["", "", ""], "Input type": ["float", "float", "float"], \
"Input Strides": [[768], [768, 1], [1, 768]], "Input Dims": [[768], [4096, 768], [768, 768]], "Ev Idx": %d}},
"""
LAUNCH = """{"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 41, "tid": 41, "ts": %.3f, "dur": 4.100, \
"args": {"External id": %d, "cbid": 211, "correlation": %d}},
{"ph": "s", "id": %d, "pid": 41, "tid": 41, "ts": %.3f, "cat": "ac2g", "name": "ac2g"},
{"ph": "f", "id": %d, "pid": 0, "tid": 7, "ts": %.3f, "cat": "ac2g", "name": "ac2g", "bp": "e"},
{"ph": "X", "cat": "kernel", "name": "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x128_32x5_nn_align8>\
(cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x128_32x5_nn_align8::Params)", "pid": 0, "tid": 7, "ts": %.3f, "dur": 9.250, \
"args": {"External id": %d, "queued": 0, "device": 0, "context": 1, "stream": 7, "correlation": %d, "registers per thread": 230, \
"shared memory": 81920, "blocks per SM": 1.454545, "warps per SM": 5.818182, "grid": [32, 6, 1], "block": [128, 1, 1], \
"est. achieved occupancy %%": 9}},
"""
STEP = """{"ph": "X", "cat": "user_annotation", "name": "ProfilerStep#%d", "pid": 41, "tid": 41, "ts": %.3f, "dur": %.3f, \
"args": {"External id": 1}},
"""
TAIL = """{"name": "Record Window End", "ph": "i", "s": "g", "pid": "", "tid": "", "ts": 1.0}
]}
"""


def write_step(file, step, number):
    begin = 1e6 + step * LAYERS * 20.0
    for layer in range(LAYERS):
        now = begin + 20.0 * layer
        name = "aten::addmm" if layer < LAYERS // 2 else "autograd::engine::evaluate_function: AddmmBackward0"
        file.write(OP % (name, now, number, number))
        file.write(LAUNCH % (now + 2, number, number, number, now + 2, number, now + 9, now + 9, number, number))
        number += 1
    file.write(STEP % (step, begin, 20.0 * LAYERS - 1))
    return number


def main():
    analyze, limit = sys.argv[1], float(sys.argv[2]) * 1e9 if len(sys.argv) > 2 else 1e9
    with tempfile.TemporaryDirectory() as name:
        if shutil.disk_usage(name).free < 1.5 * limit:
            print(f"SKIPPED: no room for {limit / 1e9:g} GB in {name}")
            sys.exit(77)
        path, steps, number = Path(name) / "large.json", 0, 1
        with path.open("w") as file:
            file.write(HEAD)
            while file.tell() < limit:
                number = write_step(file, steps, number)
                steps += 1
            file.write(TAIL)
        begin = time.perf_counter()
        subprocess.run([analyze, "import", str(path), "--into", name + "/into", "--output", name + "/out"], check=True)
        seconds = time.perf_counter() - begin
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = (Path(name) / "out").read_text()
        print(f"{path.stat().st_size / 1e9:.2f} GB, {steps} steps, {4 * (number - 1)} events: {seconds:.1f} s, "
              f"{used.ru_utime + used.ru_stime:.1f} s of processor time, {used.ru_maxrss / 1e6:.2f} GB of memory")
        if f" {steps} " not in out:
            sys.exit(f"not {steps} steps in:\n{out}")
        if used.ru_maxrss > 2e6:
            sys.exit("that is more than 2 GB")


if __name__ == "__main__":
    main()
