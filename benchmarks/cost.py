"""What an explanation costs beside a plain forward pass: time and peak memory, paired.

    python benchmarks/cost.py [--model NAME] [--pairs N] [--threads N]

Time: plain inference and each method in turn, in one process, after a warm-up; the ratio of each
pair; median and spread. Memory: the peak resident size of a fresh process that makes one pass
after a warm-up with a single small input (ru_maxrss), plain and explained.
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time

METHODS = ("agcam", "rollout", "raw_attention")
BATCHES = (1, 8)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="vit_base_patch16_224")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", nargs=2, metavar=("METHOD", "BATCH"))
    return parser.parse_args()


def setting(arguments, batch):
    """A model with random weights, and what runs plain and explained passes over one batch."""
    import timm
    import torch

    import agcam
    from agcam.methods import METHODS as TABLE
    from agcam.tracing import quiet, trace

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = timm.create_model(arguments.model).eval()
    classifier = agcam.load(model)
    height, width = classifier.preparation.size
    pixels = torch.randn(batch, 3, height, width)
    target = torch.zeros(batch, dtype=torch.long)

    def run(name):
        if name == "plain":
            with torch.inference_mode():
                return model(pixels)
        with quiet(model):
            method = TABLE[name]
            return method.function(trace(classifier, pixels, [method]).of(method, target))

    return run


def timed(run, name):
    start = time.perf_counter()
    run(name)
    return time.perf_counter() - start


def ratios(run, name, pairs):
    for _ in range(2):
        run("plain")
        run(name)
    return [timed(run, name) / timed(run, "plain") for _ in range(pairs)]


def peak(arguments, name, batch):
    """Peak resident megabytes of a fresh process."""
    command = [sys.executable, __file__, "--model", arguments.model]
    command += ["--threads", str(arguments.threads), "--peak", name, str(batch)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def print_peak(arguments):
    name, batch = arguments.peak
    run = setting(arguments, int(batch))
    run(name)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main():
    arguments = parse()
    if arguments.peak:
        print_peak(arguments)
        return
    import torch

    print(
        f"{arguments.model}, {arguments.threads} threads, torch {torch.__version__}, "
        f"{platform.machine()}, {platform.system()}; {arguments.pairs} pairs\n"
    )
    print("| method | batch | time / plain: median (min to max) | peak MB | plain MB | ratio |")
    print("|---|---|---|---|---|---|")
    for batch in BATCHES:
        run = setting(arguments, batch)
        plain = peak(arguments, "plain", batch)
        for name in METHODS:
            found = ratios(run, name, arguments.pairs)
            memory = peak(arguments, name, batch)
            spread = f"{min(found):.2f} to {max(found):.2f}"
            print(
                f"| {name} | {batch} | {statistics.median(found):.2f} ({spread}) | {memory:.0f} "
                f"| {plain:.0f} | {memory / plain:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
