"""Runs this suite's trainers on made-up data and reads their run files."""

import contextlib
import json
import os
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import h5py

# What lib/record/memory.cpp sets in our trainers, so that both sides keep their pages alike.
HEAP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_TOP_PAD_": "67108864"}
MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
MOST_BYTES = 2**28  # of made-up data for a run on a GPU
BLOCKS = 10  # that the timed steps of a run on a GPU are divided into
PHASES = ("data", "h2d", "forward", "backward", "comm_exposed", "optimizer", "other")


@dataclass(frozen=True)
class Target:
    """What our trainer computes on, and how; the default is the CPU."""

    device: str = "cpu"
    precision: str = "fp32"
    tf32: str = "off"  # of fp32 products on a GPU
    backend: str = "auto"  # parallel.backend
    seconds: Optional[float] = None  # longest time of the process
    keep: Optional[Path] = None  # folder in which the run stays
    parallel: dict = field(default_factory=dict)  # further keys of parallel


CPU = Target()


class RunFailed(Exception):
    """A program failed; the message is the last line that it wrote."""


def environment(threads):
    return {**os.environ, **HEAP, **MPI, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def run(command, threads, seconds=None):
    """Standard output of the program, which is ended after so many seconds."""
    command, env = [str(c) for c in command], environment(threads)
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"took more than {seconds:.0f} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RunFailed(lines[-1])
    return done.stdout


def config_of(row, batch, steps, threads, on=CPU):
    # Enough samples that no epoch, with its evaluation, ends within the steps timed; on a GPU, which takes many more
    # steps, no more than are made in a moment: the wall times of the steps hold no evaluation.
    samples = (steps + 1) * batch
    if on.device == "cuda":
        samples = min(samples, max(2 * batch, MOST_BYTES // row.bytes_per_sample))
    data = {**row.data, "samples": samples, "test_samples": 8, "validation": 0}
    training = {"steps": steps, "global_batch": batch, "grad_clip": row.clip, "optimizer": {"name": "adam", "lr": 1e-3}}
    if on.device == "cuda":
        training |= {"precision": on.precision, "tf32": on.tf32}
    parallel = {"device": on.device, "threads": threads, "backend": on.backend, **on.parallel}
    return {"model": row.model, "data": data, "training": training, "parallel": parallel}


def block_seconds(wall):
    """The mean step of each of BLOCKS equal parts of the steps, in s."""
    size = len(wall) // BLOCKS
    if size == 0:
        raise RunFailed(f"the run has fewer than {BLOCKS} steps after the warm-up")
    return [float(wall[i * size : (i + 1) * size].mean()) for i in range(BLOCKS)]


def read_facts(h5):
    """What the run ran on, and the programs' versions."""
    env = h5["/env"]
    text = lambda value: value.decode() if isinstance(value, bytes) else str(value)
    facts = {name: text(env[name][0]) for name in ("device", "driver", "cpu")}
    return facts | {name: text(env.attrs[name]) for name in ("libtorch", "cuda", "commit") if name in env.attrs}


def label(h5):
    """The model, with its preset where it has one, and of images their shape."""
    words = [str(h5["/model"].attrs["name"])]
    config = h5["/config"].attrs
    words += [f"preset {config['model.preset']}"] if "model.preset" in config else []
    words += [str(config["data.shape"])] if "data.shape" in config else []
    return ", ".join(words)


def read_run(path, warmup, blocks=False):
    """Label, global batch, FLOP per sample, parameters, precision and facts; of rank 0 the median step in s (or that of
    block_seconds, as a GPU's twin is timed) and the mean share of each phase."""
    with h5py.File(path) as h5:
        if not h5.attrs["valid"]:
            raise RunFailed(f"the run is not valid: {h5.attrs['invalid_reasons']}")
        wall = h5["/steps/wall"][0][warmup:]
        if len(wall) == 0:
            raise RunFailed(f"the run has no more than {warmup} steps")
        shares = {phase: float((h5[f"/steps/{phase}"][0][warmup:] / wall).mean()) for phase in PHASES}
        return {
            "model": label(h5),
            "batch": int(statistics.median(h5["/steps/samples"][:].sum(0))),
            "step_seconds": float(statistics.median(block_seconds(wall) if blocks else wall)),
            "shares": shares,
            "flops_per_sample": float(h5["/model"].attrs["flops_per_sample"]),
            "parameters": int(h5["/model"].attrs["parameters"]),
            "precision": str(h5["/config"].attrs["training.precision"]),
            "tf32": str(h5["/config"].attrs.get("training.tf32", "off")) == "on",
            "peak_bytes": int(h5["/epochs/peak_memory_bytes"][:].max()),
            "overhead": float(h5.attrs.get("recorder_overhead", float("nan"))),
            "facts": read_facts(h5),
        }


def train(build, row, batch, steps, warmup, threads=1, ranks=1, on=CPU):
    """Trains for warmup + steps steps, on one rank with train_seq, on more with train_ddp; read_run of it."""
    with contextlib.ExitStack() as stack:
        folder = on.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        before = set(folder.glob("*/run.h5"))
        config = folder / "config.yaml"
        config.write_text(json.dumps(config_of(row, batch, steps + warmup, threads, on)))  # JSON is YAML
        program = Path(build) / "bin" / ("train_seq" if ranks == 1 else "train_ddp")
        launch = [] if ranks == 1 else ["mpirun", "-np", ranks]
        run([*launch, program, "--config", config, "--output", folder, "--quiet"], threads, on.seconds)
        (file,) = set(folder.glob("*/run.h5")) - before
        return read_run(file, warmup, blocks=on.device == "cuda")
