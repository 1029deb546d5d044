#!/usr/bin/env python3
"""What `analyze predict` and `analyze advise` say, and what is found when one does it.

Usage: benchmarks/predicted_and_found.py BUILD [--launches N] [--output DIR] [--only WORD]

For every mode: a few configurations are launched, `analyze` tells the step on more ranks (or the gain of an
advice), and the runs that it speaks of are launched as well; prints a row for each, as docs/reading-a-report.md
has them. Configurations take turns, so that a machine whose speed changes favours none. It needs two cores that
do nothing else, and about 20 minutes. BUILD: a build folder with train_seq, train_ddp, train_mp, commbench and
analyze. Every configuration is made of files of configs/ with the keys that are printed.
"""
import argparse
import csv
import io
import os
import subprocess
import sys
import tempfile

MODEL = {"model.hidden": "[512, 512, 512, 512, 512, 512, 512]"}
COMMON = {"data.max_train_rows": 12800, "training.steps": 150, "training.epochs": "null", "parallel.threads": 1,
          "parallel.device": "cpu", "checkpoint.every_epochs": 0}
SLOW_LINK = {"parallel.backend": "sim", "parallel.link.latency_us": 5000, "parallel.link.gbps": 1}
MLP = "configs/fashion_mnist_mlp.yaml"
HYBRID = "configs/model_parallel/hybrid_fashion_mnist_mlp.yaml"


class Runs:
    """One configuration: a program on some ranks, a file and keys."""

    def __init__(self, program, ranks, keys, config=MLP):
        self.program, self.ranks, self.keys, self.config = program, ranks, keys, config

    def name(self):
        return "-".join([self.program, str(self.ranks)] + [f"{k}={v}" for k, v in self.keys.items()]).replace("/", "_")

    def words(self):
        """As a document shows it."""
        keys = " ".join(f"--set {key}={value}" for key, value in self.keys.items())
        launcher = "" if self.program == "train_seq" else f"mpirun -np {self.ranks} "
        return f"{launcher}{self.program} --config {self.config} {keys}".strip()

    def command(self, build, folder):
        launcher = ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(self.ranks)]
        words = [] if self.program == "train_seq" else launcher
        words += [f"{build}/bin/{self.program}", "--config", self.config, "--quiet", "--output", folder]
        for key, value in {**MODEL, **COMMON, **self.keys}.items():
            words += ["--set", f"{key}={value}"]
        return words


def staged(ranks, schedule):
    return Runs("train_mp", ranks, {"parallel.schedule": schedule, "parallel.micro_batches": 2,
                                    "parallel.partition": "even"})


def server(ranks):
    return Runs("train_ddp", ranks, {"parallel.algorithm": "parameter_server", **SLOW_LINK})


def hybrid(ranks):
    return Runs("train_mp", ranks, {"parallel.micro_batches": 2, **SLOW_LINK}, HYBRID)


SEQ = Runs("train_seq", 1, {})
DDP = Runs("train_ddp", 2, {})
OVER_SIM = [Runs("train_ddp", ranks, SLOW_LINK) for ranks in (2, 4)]

# word, what is known, the ranks that are asked for, what is launched to find out
PREDICTIONS = [
    ("ddp", [SEQ, "commbench"], 2, DDP),
    ("ddp-link", [SEQ, OVER_SIM[0]], 4, OVER_SIM[1]),
    ("ps", [SEQ, server(2), server(4)], 8, server(8)),
    ("layerwise", [SEQ, staged(2, "layerwise")], 4, staged(4, "layerwise")),
    ("gpipe", [SEQ, staged(2, "gpipe")], 4, staged(4, "gpipe")),
    ("1f1b", [SEQ, staged(2, "1f1b")], 4, staged(4, "1f1b")),
    ("hybrid", [SEQ, hybrid(4)], 8, hybrid(8)),
]
# word, what is known, the advice, what is launched to follow it
ADVICE = [
    ("batch", [SEQ, DDP], "twice the global batch", Runs("train_ddp", 2, {"training.global_batch": 128})),
    ("accumulate", [SEQ, DDP], "training.accumulate",
     Runs("train_ddp", 2, {"training.global_batch": 128, "training.accumulate": 2})),
    ("batch-crowded", [SEQ, Runs("train_ddp", 4, {})], "twice the global batch",
     Runs("train_ddp", 4, {"training.global_batch": 128})),
]


class Study:
    def __init__(self, build, output, launches):
        self.build, self.output, self.launches = build, output, launches

    def run(self, words):
        environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 3):
            sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def folder(self, what):
        return os.path.join(self.output, what if what == "commbench" else what.name())

    def launch(self, what):
        folder = self.folder(what)
        if what != "commbench":
            self.run(what.command(self.build, folder))
        elif not os.path.isdir(folder):
            self.run(["mpirun", "--oversubscribe", "--bind-to", "none", "-np", "2", f"{self.build}/bin/commbench",
                      "--device", "cpu", "--collectives", "all_reduce", "--max", "32M", "--factor", "4", "--output",
                      folder])

    def launch_all(self, studies):
        every = {}
        for _, known, _, asked in studies:
            for what in known + [asked]:
                every[self.folder(what)] = what
        for turn in range(self.launches):
            for what in every.values():
                print(f"launch {turn + 1} of {self.launches}: {what if what == 'commbench' else what.words()}",
                      file=sys.stderr, flush=True)
                self.launch(what)

    def table(self, verb, folders, *flags):
        text = self.run([f"{self.build}/bin/analyze", verb, *folders, "--format", "csv", *flags])
        return list(csv.DictReader(io.StringIO(text)))

    def measured(self, what):
        """The row of its group, in all columns."""
        return next(row for row in self.table("summary", [self.folder(what)]) if row["ranks"] == str(what.ranks))

    def predicted(self, known, ranks):
        source = [what for what in known if what != "commbench"][-1]
        group = self.measured(source)["group"]
        for row in self.table("predict", [self.folder(what) for what in known], "--ranks", str(ranks)):
            if row["group"] == group:
                return row["step_seconds"], row.get("step_seconds_low"), row.get("step_seconds_high"), row["step_is"]
        return f"no model is made of {group}: `analyze predict` says why", None, None, None

    def prediction_row(self, known, ranks, asked):
        told, low, high, what = self.predicted(known, ranks)
        found = float(self.measured(asked)["step_seconds"])
        if what == "a lower bound":
            held = "holds" if found >= float(low) else f"{100 * (float(low) / found - 1):.1f} % too high"
            return f"at least {1e3 * float(low):.1f} ms | {1e3 * found:.1f} ms | {held}"
        try:
            off = float(told) / found - 1
        except ValueError:
            return f"refused: {told} | {1e3 * found:.1f} ms | -"
        interval = f" [{1e3 * float(low):.1f}, {1e3 * float(high):.1f}]" if low else ""
        return f"{1e3 * float(told):.1f} ms{interval} | {1e3 * found:.1f} ms | {100 * off:+.1f} %"

    def advice_row(self, known, advice, asked):
        rows = self.table("advise", [self.folder(what) for what in known])
        told = next((row for row in rows if row["advice"].startswith(advice)), None)
        found = (float(self.measured(asked)["throughput"]) / float(self.measured(known[-1])["throughput"]))
        if told is None:
            return f"not advised | {found:.2f} | -"
        return (f"{float(told['gain']):.2f} [{float(told['gain_low']):.2f}, {float(told['gain_high']):.2f}] | "
                f"{found:.2f} | {100 * (float(told['gain']) / found - 1):+.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--launches", type=int, default=3)
    parser.add_argument("--output", help="keep the runs here, and go on with those that are there")
    parser.add_argument("--only", help="only the rows of this word: ddp, ps, gpipe, batch, ...")
    options = parser.parse_args()
    wanted = [p for p in PREDICTIONS if options.only in (None, p[0])]
    advice = [a for a in ADVICE if options.only in (None, a[0])]
    with tempfile.TemporaryDirectory() as folder:
        study = Study(options.build, options.output or folder, options.launches)
        study.launch_all(wanted + advice)
        keys = " ".join(f"--set {key}={value}" for key, value in {**MODEL, **COMMON}.items())
        print(f"All with {keys}; mpirun with --oversubscribe --bind-to none; {options.launches} launches of each.\n")
        print("| what is asked | told | found | off by |\n|---|---|---|---|")
        for word, known, ranks, asked in wanted:
            print(f"| {word}: `{asked.words()}` | {study.prediction_row(known, ranks, asked)} |", flush=True)
        for word, known, text, asked in advice:
            print(f"| {word}: `{asked.words()}` | {study.advice_row(known, text, asked)} |", flush=True)


if __name__ == "__main__":
    main()
