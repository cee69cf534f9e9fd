"""Processor seconds until the first forward pass of `agcam explain`, beside `import torch` alone.

    OMP_NUM_THREADS=1 python benchmarks/start.py PICTURE [--rounds N] [--model NAME ...]

Each number is of a fresh process, its imports, loading and preparation; they run in turn, and the
median of the rounds is printed. `python -X importtime` tells which imports it is.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile

TO_THE_FIRST_FORWARD = """
import os, sys
from torch.nn.modules.module import register_module_forward_pre_hook
from agcam.cli import main

register_module_forward_pre_hook(lambda *_: os._exit(0))
main()
"""
MAIN = "from agcam.cli import main; main()"


def seconds(program, *arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("picture")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", nargs="+", default=["demo"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        explain = ("explain", given.picture, "--out", out)
        runs = {
            "import torch": ("import torch",),
            "import agcam.explainer": ("import agcam.explainer",),
            "a wrong --method": (MAIN, *explain, "--method", "xyzzy"),
            **{
                f"{model}, to the first forward": (TO_THE_FIRST_FORWARD, *explain, "--model", model)
                for model in given.model
            },
        }
        found = [{name: seconds(*run) for name, run in runs.items()} for _ in range(given.rounds)]
    for name in runs:
        print(f"{statistics.median(one[name] for one in found):.2f} s  {name}")


if __name__ == "__main__":
    main()
