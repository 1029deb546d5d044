"""compare.py on a GPU: twins that wait, compiled, for their turn on the card."""

import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import ours
from pytorch.zoo import ZOO

BENCH = Path(__file__).resolve().parent / "pytorch" / "bench_cuda.py"
VARIANTS = ("eager", "fused", "compile", "reduce-overhead")
PRECISIONS = ("fp32", "bf16")
TIMED = 0.4  # seconds of one measurement
FEWEST, MOST = 40, 1000  # steps of one measurement of ours
FIRST_GUESS = 20.0  # seconds that a model takes, before one was measured
PROCESS_SECONDS = 120  # longest time of one process of ours


@dataclass(frozen=True)
class Case:
    """A row of the table: a model of the zoo, how it computes, and its global batch."""

    name: str
    precision: str
    batch: int


def case_of(args, spec):
    """Of MODEL[:PRECISION[:BATCH]], what is left out being --precision and --batch, or else the published batch."""
    name, precision, batch = (spec.split(":") + ["", ""])[:3]
    return Case(name, precision or args.precision, int(batch or args.batch or ZOO[name].batch))


def model_spec(text):
    """The text, where it is one; for argparse."""
    name, *more = text.split(":")
    right = name in ZOO and len(more) <= 2 and (not more or more[0] in PRECISIONS)
    if not right or (len(more) == 2 and not (more[1].isdigit() and int(more[1]) > 0)):
        raise ValueError
    return text


model_spec.__name__ = "model"  # argparse says: invalid model value


class Twin:
    """A process of bench_cuda.py. Ready or not, it is to be ended."""

    def __init__(self, args, case, variant):
        self.log = tempfile.TemporaryFile("w+")
        self.ended = False
        command = [sys.executable, BENCH, "--model", case.name, "--variant", variant, "--precision", case.precision]
        command += ["--batch", case.batch, "--tf32", args.tf32, "--warmup", args.warmup]
        # Compiled by the process itself: many are compiling at the same time.
        env = {**ours.environment(1), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.log}
        self.process = subprocess.Popen([str(c) for c in command], env=env, text=True, start_new_session=True, **pipes)

    def answer(self, seconds):
        """Its next line, within so many seconds; RunFailed with the reason where there is none."""
        if not select.select([self.process.stdout], [], [], max(0, seconds))[0]:
            raise ours.RunFailed(f"not ready after {seconds:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            last = (self.log.read().strip().splitlines() or [""])[-1]
            raise ours.RunFailed(f"the process ended with {self.process.wait()}: {last}")
        facts = json.loads(line)
        if "failed" in facts:
            raise ours.RunFailed(facts["failed"])
        return facts

    def time(self, seconds):
        """What it measured, of about so many seconds of steps."""
        print(seconds, file=self.process.stdin, flush=True)
        return self.answer(60 + 10 * seconds)

    def end(self):
        if self.ended:
            return
        self.ended = True
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()


@dataclass
class Figures:
    """What was measured of one model."""

    rates: dict = field(default_factory=dict)  # side: samples/s of each round
    failed: dict = field(default_factory=dict)  # side: why it failed
    peaks: dict = field(default_factory=dict)  # side: bytes
    facts: dict = field(default_factory=dict)
    overhead: Optional[float] = None  # the recorder's, of ours, as a share of the step


class Comparison:
    """Names of models are those of --models, as case_of reads them."""

    def __init__(self, args, record):
        """record(line) is called with each figure."""
        self.args, self.record = args, record
        self.end = time.monotonic() + args.seconds
        self.preparing = self.slowest = FIRST_GUESS  # seconds of the last group of models, and of the last model
        self.torch = ""

    def left(self):
        return self.end - time.monotonic()

    def start(self, name, variant):
        """(twin that is ready, or None; why it is not)"""
        twin = Twin(self.args, self.case(name), variant)
        try:
            facts = twin.answer(min(self.args.compile_seconds, self.left()))
            self.torch = facts["torch"]
            self.record({"model": name, "side": variant, "ready_seconds": facts["seconds"]})
            return twin, None
        except ours.RunFailed as error:
            twin.end()
            return None, str(error)

    def time_ours(self, name, figures, step_seconds):
        steps = min(MOST, max(FEWEST, round(TIMED / step_seconds)))
        steps = self.args.steps or steps - steps % ours.BLOCKS
        limit, keep = min(PROCESS_SECONDS, self.left()), self.args.keep and self.args.keep / name.replace(":", "_")
        case = self.case(name)
        on = ours.Target("cuda", case.precision, self.args.tf32, seconds=limit, keep=keep)
        result = ours.train(self.args.build, ZOO[case.name], case.batch, steps, self.args.warmup, on=on)
        figures.facts, figures.overhead = result["facts"], result["overhead"]
        return result

    def case(self, name):
        return case_of(self.args, name)

    def time_side(self, name, side, twins, figures, step_seconds):
        if side in figures.failed:
            return
        try:
            result = self.time_ours(name, figures, step_seconds) if side == "ours" else twins[side].time(TIMED)
        except ours.RunFailed as error:
            figures.failed[side] = str(error)
            figures.rates.pop(side, None)
            print(f"{name}, {side}: {error}", file=sys.stderr)
            if side in twins:
                twins[side].end()  # it may still be computing
            return
        case = self.case(name)
        figures.rates.setdefault(side, []).append(case.batch / result["step_seconds"])
        figures.peaks[side] = result["peak_bytes"]
        about = {"model": case.name, "side": side, "batch": case.batch, "precision": case.precision}
        self.record({**result, **about})

    def shortest_step(self, twins, failed):
        """Of the twins, from a first measurement that does not count; it says how many steps ours is to take."""
        steps = [TIMED / FEWEST]
        for variant, twin in twins.items():
            try:
                steps.append(twin.time(0.1)["step_seconds"])
            except ours.RunFailed as error:
                failed[variant] = str(error)
                twin.end()
        return min(steps)

    def measure(self, name, twins, failed):
        """The sides take turns, and each round begins with another one."""
        step_seconds = self.shortest_step(twins, failed)
        figures = Figures(failed=failed)
        sides = ["ours", *self.args.variants]
        for number in range(self.args.rounds):
            turn = number % len(sides)
            for side in sides[turn:] + sides[:turn]:
                self.time_side(name, side, twins, figures, step_seconds)
        return figures

    def measure_group(self, names, results):
        """Makes all their twins ready side by side, then times model by model."""
        jobs = [(name, variant) for name in names for variant in self.args.variants]
        begin = time.monotonic()
        with ThreadPoolExecutor(max(1, min(self.args.jobs, len(jobs)))) as pool:
            started = dict(zip(jobs, pool.map(lambda job: self.start(*job), jobs)))
        self.preparing = time.monotonic() - begin
        try:
            for name in names:
                if self.left() < self.slowest:
                    results[name] = None
                    continue
                begin = time.monotonic()
                mine = {variant: started[name, variant] for variant in self.args.variants}
                twins = {variant: twin for variant, (twin, _) in mine.items() if twin}
                failed = {variant: reason for variant, (_, reason) in mine.items() if reason}
                results[name] = self.measure(name, twins, failed)
                self.slowest = time.monotonic() - begin
                for twin in twins.values():
                    twin.end()
                print(f"{name}: {self.slowest:.0f} s, {self.left():.0f} s left", file=sys.stderr, flush=True)
        finally:
            for twin, _ in started.values():
                if twin:
                    twin.end()

    def run(self):
        """{model: Figures, or None where no time was left}"""
        results = {}
        size = max(1, self.args.jobs // max(1, len(self.args.variants)))
        for first in range(0, len(self.args.models), size):
            names = self.args.models[first : first + size]
            if first and self.left() < self.preparing + self.slowest:
                results |= dict.fromkeys(names)
            else:
                self.measure_group(names, results)
        return results


def facts_line(args, results, torch_version):
    """What it was measured on, with what."""
    facts = next((figures.facts for figures in results.values() if figures and figures.facts), {})
    ours_from = f"ours at {facts.get('commit', '?')} with LibTorch {facts.get('libtorch', '?')}"
    where = f"{facts.get('device', '?')}, driver {facts.get('driver', '?')}, CUDA {facts.get('cuda', '?')}"
    numbers = f"{args.precision} where a row says nothing else, TF32 {args.tf32}"
    date = time.strftime("%Y-%m-%d", time.gmtime())
    return f"{where}; {ours_from}, PyTorch {torch_version}; {numbers}; {date}."


def mebibytes(figures, side):
    return f"{figures.peaks[side] / 2**20:,.0f}" if side in figures.peaks else ""


def median_step(figures, batch):
    """ms of ours."""
    return f"{1e3 * batch / statistics.median(figures.rates['ours']):.4g}" if "ours" in figures.rates else ""


def overhead(figures):
    return "" if figures.overhead is None else f"{100 * figures.overhead:.2f} %"
