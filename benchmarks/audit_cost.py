"""What the scan of an audit costs beside plain forward passes, in processor time, paired.

    python benchmarks/audit_cost.py [--model NAME] [--batch 8] [--pairs 7]

A scan opens pictures, records them, makes the map of the predicted class and of the label (random
weights: they differ), and keeps patches; plain is the model's pass of the same prepared pictures.
Pairs in turn, in one process; median, least and greatest ratio. Without opening is the same less
what reading and preparing the pictures takes, which a plain run needs too.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image

import agcam
from agcam.auditing.reasons import METHOD
from agcam.auditing.scan import Scanner
from agcam.evaluation import Configuration, load_setup
from agcam.values import DataSet, Sample, Truth


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="vit_base_patch16_224")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=7)
    return parser.parse_args()


def seconds(run):
    before = time.process_time()
    run()
    return time.process_time() - before


def main():
    given = parse()
    names = [f"class {number}" for number in range(10)]
    classifier = agcam.load(timm.create_model(given.model, num_classes=10), classes=names)
    with tempfile.TemporaryDirectory() as folder:
        samples, generator = [], np.random.default_rng(0)
        for number in range(given.batch):
            path = Path(folder, f"{number}.jpg")
            Image.fromarray(generator.integers(0, 255, (375, 500, 3), dtype=np.uint8)).save(path)
            samples.append(Sample(path.name, str(path), number % 10))
        classes = tuple((name,) for name in names)
        data = DataSet("noise", classes, tuple(samples), lambda _: Truth(np.zeros((0, 4))))
        configuration = Configuration("noise", "", "", (METHOD,), (), batch_size=given.batch)
        setup = load_setup(configuration, classifier, data)
        scanner = Scanner(setup)

        def opened():
            return torch.stack([setup.open(sample)[0] for sample in samples])

        pixels = opened()

        @torch.inference_mode()
        def plain():
            classifier.predict(pixels)

        scanner(0)
        plain()
        rows = [
            [seconds(run) for run in (plain, lambda: scanner(0), opened)]
            for _ in range(given.pairs)
        ]
    for name, ratios in (
        ("scan / plain", [scan / one for one, scan, _ in rows]),
        ("without opening", [(scan - read) / one for one, scan, read in rows]),
    ):
        low, high = min(ratios), max(ratios)
        print(f"{given.model} batch {given.batch}, {name}: ", end="")
        print(f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f}, {len(rows)} pairs)")


if __name__ == "__main__":
    main()
