#!/usr/bin/env python3
"""Two ranks of a PyTorch twin over gloo, one of them slow on purpose: `analyze overlap` names it. Run by a Python with torch.

    kineto_gloo.py ANALYZE TRACE_DDP       # 77: no torch
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def waited_for(analyze, run):
    done = subprocess.run([analyze, "overlap", run, "--format", "json"], check=True, capture_output=True, text=True)
    page = json.loads(done.stdout)
    (row,) = page["waiting"]
    return row


def main():
    analyze, trace_ddp = sys.argv[1:]
    if importlib.util.find_spec("torch") is None:
        print("SKIPPED: this Python has no torch")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        for slow in (0, 1):
            traces, into = f"{name}/traces{slow}", f"{name}/into{slow}"
            port = 29600 + slow + 2 * (hash(name) % 1000)
            made = subprocess.run(
                [sys.executable, trace_ddp, "--model", "mlp", "--output", traces, "--slow-rank", str(slow),
                 "--slow-factor", "100", "--port", str(port)], capture_output=True, text=True)
            if made.returncode != 0:
                sys.exit(f"no traces were made:\n{made.stderr[-2000:]}")
            subprocess.run([analyze, "import", traces, "--model", "mlp", "--batch", "64", "--into", into,
                            "--output", into + ".txt"], check=True)
            row = waited_for(analyze, into)
            print(f"rank {slow} slow: {row}")
            if row["rank"] != slow or row["kind"] != "always the same" or row["phase"] != "compute":
                sys.exit(f"the slow rank is {slow}, computing; said is {row}")
            (run,) = Path(into).glob("*/run.h5")
            budget = subprocess.run([analyze, "budget", str(run)], check=True, capture_output=True, text=True).stdout
            if "refused" in budget:
                sys.exit(budget)


if __name__ == "__main__":
    main()
