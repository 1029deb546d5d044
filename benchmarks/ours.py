"""Runs this suite's trainers on made-up data and reads their run files."""

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

import h5py

# What lib/train/memory.cpp sets in our trainers, so that both sides keep their pages alike.
HEAP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_TOP_PAD_": "67108864"}
MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
PHASES = ("data", "h2d", "forward", "backward", "comm_exposed", "optimizer", "other")


class RunFailed(Exception):
    """A program failed; the message is the last line that it wrote."""


def environment(threads):
    return {**os.environ, **HEAP, **MPI, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def run(command, threads):
    """Standard output of the program."""
    done = subprocess.run([str(c) for c in command], env=environment(threads), capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RunFailed(lines[-1])
    return done.stdout


def config_of(row, batch, steps, threads):
    # Enough samples that no epoch, with its evaluation, ends within the steps timed.
    data = {**row.data, "samples": (steps + 1) * batch, "test_samples": 8, "validation": 0}
    training = {"steps": steps, "global_batch": batch, "grad_clip": row.clip, "optimizer": {"name": "adam", "lr": 1e-3}}
    return {"model": row.model, "data": data, "training": training, "parallel": {"device": "cpu", "threads": threads}}


def read_run(path, warmup):
    """Name, global batch and FLOP per sample; of rank 0 the median step in s and the mean share of each phase."""
    with h5py.File(path) as h5:
        if not h5.attrs["valid"]:
            raise RunFailed(f"the run is not valid: {h5.attrs['invalid_reasons']}")
        wall = h5["/steps/wall"][0][warmup:]
        if len(wall) == 0:
            raise RunFailed(f"the run has no more than {warmup} steps")
        shares = {phase: float((h5[f"/steps/{phase}"][0][warmup:] / wall).mean()) for phase in PHASES}
        return {
            "model": str(h5["/model"].attrs["name"]),
            "batch": int(statistics.median(h5["/steps/samples"][:].sum(0))),
            "step_seconds": float(statistics.median(wall)),
            "shares": shares,
            "flops_per_sample": float(h5["/model"].attrs["flops_per_sample"]),
        }


def train(build, row, batch, steps, warmup, threads=1, ranks=1):
    """Trains for warmup + steps steps, on one rank with train_seq, on more with train_ddp; read_run of it."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps(config_of(row, batch, steps + warmup, threads)))  # JSON is YAML
        program = Path(build) / "bin" / ("train_seq" if ranks == 1 else "train_ddp")
        launch = [] if ranks == 1 else ["mpirun", "-np", ranks]
        run([*launch, program, "--config", config, "--output", folder, "--quiet"], threads)
        (file,) = Path(folder).glob("*/run.h5")
        return read_run(file, warmup)
