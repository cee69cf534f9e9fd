"""What an explanation costs beside a plain forward pass: time and peak memory, paired.

    python benchmarks/cost.py [--model NAME] [--batch N ...] [--size PIXELS] [--only WORD ...]
        [--processor-time]

Needs `pip install -e ".[benchmarks]"`. Time: plain inference and each contestant in turn, in one
process, after a warm-up; the ratio of each pair; median, least and greatest. A slow contestant is
given fewer pairs (--seconds for each). Memory: the peak resident size of a fresh process that
makes two passes (Linux: VmHWM), beside that of a plain one.
"""

import argparse
import json
import platform
import re
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

COLUMNS = ("contestant", "batch", "pairs", "time / plain (min to max)", "MB", "plain MB", "extra")


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="vit_base_patch16_224")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--size", type=int, help="side of the input, if not the model's own")
    parser.add_argument("--only", nargs="+", help="only contestants with one of these names")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processor-time", action="store_true", help="not the clock on the wall")
    parser.add_argument("--peak", metavar="NAME", help=argparse.SUPPRESS)
    return parser.parse_args()


def prepared(arguments, batch):
    """Plain inference, and every contestant, ready to be called."""
    from contestants import Stage, contestants

    def stage():
        return Stage.set(arguments.model, batch, arguments.size, arguments.threads)

    return {
        name: lambda make=make: make(stage())
        for name, make in contestants(arguments.model).items()
        if name == "plain" or not arguments.only or name in arguments.only
    }


def timed(run, clock):
    start = clock()
    run()
    return clock() - start


def ratios(run, plain, arguments):
    """Ratios of pairs, plain and contestant in turn, until enough were made or time is over."""
    clock = time.process_time if arguments.processor_time else time.perf_counter
    plain()
    run()
    found, start = [], time.perf_counter()
    while len(found) < arguments.pairs:
        found.append(timed(run, clock) / timed(plain, clock))
        if time.perf_counter() - start > arguments.seconds and len(found) > 1:
            break
    return found


def peak(arguments, name, batch):
    """Peak resident megabytes of a fresh process."""
    command = [sys.executable, __file__, "--model", arguments.model, "--batch", str(batch)]
    command += ["--threads", str(arguments.threads), "--peak", name]
    command += ["--size", str(arguments.size)] if arguments.size else []
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def print_peak(arguments):
    made = prepared(arguments, arguments.batch[0])
    run = made[arguments.peak]()
    run()
    run()
    print(peak_of_this_process())


def peak_of_this_process():
    """Peak resident megabytes. (ru_maxrss would count what the parent held when it started us.)"""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def compare(arguments, batch):
    made = prepared(arguments, batch)
    plain = made.pop("plain")()
    at_rest = peak(arguments, "plain", batch)
    for name, make in made.items():
        try:
            found = ratios(make(), plain, arguments)
            memory = peak(arguments, name, batch)
        except Exception as error:  # what a contestant refuses is stated in its row
            reason = str(error).splitlines()[0]
            print(f"| {name} | {batch} | | {type(error).__name__}: {reason} | | | |", flush=True)
            continue
        spread = f"{min(found):.2f} to {max(found):.2f}"
        extra = memory / at_rest - 1
        print(
            f"| {name} | {batch} | {len(found)} | {statistics.median(found):.2f} ({spread}) "
            f"| {memory:.0f} | {at_rest:.0f} | {extra:+.2f} |",
            flush=True,
        )


def main():
    arguments = parse()
    warnings.simplefilter("ignore")
    if arguments.peak:
        print_peak(arguments)
        return
    import torch

    print(
        f"{arguments.model}, {arguments.threads} threads, torch {torch.__version__}, "
        f"{platform.machine()}, {platform.system()}; "
        f"{arguments.pairs} pairs at most\n\n| {' | '.join(COLUMNS)} |\n"
        f"|{'---|' * len(COLUMNS)}"
    )
    for batch in arguments.batch:
        compare(arguments, batch)


if __name__ == "__main__":
    main()
