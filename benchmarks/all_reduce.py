#!/usr/bin/env python3
"""All-reduces in shared memory beside Open MPI's own and gloo's, 4 B to 256 MiB, in one Markdown table.

    python benchmarks/all_reduce.py --build build/release                  # 2 and 4 ranks
    python benchmarks/all_reduce.py --build build/release --ranks 2 --most 16777216 --no-gloo

Run it with a Python that has torch. Each number of ranks: `all_reduce` times the back end shm, the back end mpi and
MPI_Allreduce called directly, in turn, then `pytorch/gloo_all_reduce.py` times gloo. Times are medians over the
repetitions of the slowest rank, in microseconds; GB/s are bytes / time; the last column is MPI_Allreduce's time over
shm's. Rounds alternate, and the figure is the median over the rounds.
"""

import argparse
import statistics
import sys
from pathlib import Path

import ours

GLOO = Path(__file__).resolve().parent / "pytorch" / "gloo_all_reduce.py"


def text_of(size):
    for unit in ("B", "KiB", "MiB"):
        if size < 1024 or unit == "MiB":
            return f"{size} {unit}"
        size //= 1024


def time_ours(args, ranks):
    """{bytes: {way: seconds}}"""
    out = ours.run(["mpirun", "-np", ranks, args.build / "bin" / "all_reduce", args.most], 1)
    times = {}
    for words in map(str.split, out.splitlines()):
        times[int(words[0])] = {way: float(seconds) for way, seconds in zip(words[1::2], words[2::2])}
    return times


def time_gloo(args, ranks):
    out = ours.run([sys.executable, GLOO, "--ranks", ranks, "--most", args.most], 1)
    return {int(size): {"gloo": float(seconds)} for size, seconds in map(str.split, out.splitlines())}


def measure(args, ranks):
    """{bytes: {way: [seconds of each round]}}"""
    rounds = {}
    for number in range(args.rounds):
        for times in [time_ours(args, ranks)] + ([] if args.no_gloo else [time_gloo(args, ranks)]):
            for size, ways in times.items():
                for way, seconds in ways.items():
                    rounds.setdefault(size, {}).setdefault(way, []).append(seconds)
        print(f"{ranks} ranks: round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
    return rounds


def cell(seconds, size):
    microseconds = f"{seconds * 1e6:.{1 if seconds < 1e-4 else 0}f} us"
    return microseconds if size < 65536 else f"{microseconds}, {size / seconds / 1e9:.2f} GB/s"


def table(results):
    lines = ["| ranks | bytes | shm | back end mpi | MPI_Allreduce | gloo | MPI_Allreduce / shm |", "|---|---|---|---|---|---|---|"]
    for ranks, rounds in results.items():
        for size, ways in rounds.items():
            median = {way: statistics.median(seconds) for way, seconds in ways.items()}
            cells = [cell(median[way], size) if way in median else "" for way in ("shm", "mpi", "library", "gloo")]
            lines.append(f"| {ranks} | {text_of(size)} | {' | '.join(cells)} | {median['library'] / median['shm']:.1f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--most", type=int, default=2**28, help="bytes of the largest tensor")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-gloo", action="store_true")
    args = parser.parse_args()
    print(table({ranks: measure(args, ranks) for ranks in args.ranks}))


if __name__ == "__main__":
    main()
