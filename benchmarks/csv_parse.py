"""What benchmarks/csv_parse is measured against: Python's csv module reading the same file, and doing nothing with it.

usage: csv_parse.py FILE.csv [repeats]
"""
import csv
import sys
import time


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file))


def main():
    path, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30
    best = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        rows = read(path)
        best = min(best, time.perf_counter() - begin)
    print(f"{rows} rows, best of {repeats}: {best * 1e3:.3f} ms")


if __name__ == "__main__":
    main()
