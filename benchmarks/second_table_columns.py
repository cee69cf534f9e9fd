"""Columns of the second table: means or medians of rows, resamples, paired differences."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BASELINES = ("random", "gaussian")
RESAMPLES = 2000
ENOUGH = 10  # pictures; intervals of fewer are too narrow to believe
DELTAS = (0.3, 0.5, 0.7)
MODELS = {"demo": "CLIP ViT-B/16 (the demo)", "dinov2": "DINOv2 ViT-S/14"}
BOXES = ("IoU", "best IoU", "MaxBoxAccV2", "energy", "covered")
COLUMNS = {
    "perturbed": ("srg", "probability"),
    "planted": ("share",),
    "used": ("share",),
    "coco": ("AP", "best IoU", "energy"),
    "tiny": BOXES,
    "photographs": BOXES,
    "mosaic-imagenet": ("own cell",),
    "mosaic-caltech": ("own cell",),
    "cost": ("forwards",),
}


@dataclass(frozen=True, eq=False)
class Column:
    """One number of one set and model: its mean and resamples by method."""

    model: str
    set: str
    name: str
    samples: dict  # method -> (1 + resample,): as it is, then resampled
    pictures: int
    maps: int
    right: int  # maps of the predicted class

    def mean(self, method):
        return self.samples[method][0]

    @property
    def label(self):
        return f"{self.set}: {self.name}"

    @property
    def order(self):
        """Methods, the best first; random baselines are no competitors."""
        some = [name for name in self.samples if name not in BASELINES]
        return sorted(some, key=self.mean, reverse=self.name != "forwards")

    def gap(self, method, beside):
        return self.samples[method] - self.samples[beside]

    def sure(self, method, beside):
        """Whether all of the interval is on one side of nothing; never with a few pictures."""
        low, high = bounds(self.gap(method, beside))
        return self.pictures >= ENOUGH and (low > 0 or high < 0)


def columns_of(path):
    """Every column that has rows of all its methods."""
    rows = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["part"] == "report" and "skipped" not in row:
            for name in sets_of(row):
                rows[row["model"], name][row["method"]][row["item"]].append(row)
    found = []
    for model, name in ((model, name) for model in MODELS for name in COLUMNS):
        methods = rows[model, name]
        items = sorted(set.intersection(*map(set, methods.values()))) if methods else []
        weights = draws(len(items)) if items else None
        for column in COLUMNS[name] if items else ():
            samples = {
                method: resampled([of[item] for item in items], column, weights)
                for method, of in methods.items()
            }
            kept = [row for item in items for row in next(iter(methods.values()))[item]]
            counts = len(items), len(kept), sum(row["right"] for row in kept)
            found.append(Column(model, name, column, samples, *counts))
    return found


def sets_of(row):
    """The row's set; of plants also `used`, if the class's logit falls without the plant."""
    return (row["set"], "used") if row.get("drop", 0) > 0 else (row["set"],)


def values(row, column):
    """(threshold or 1, cut or 1) of a row: what is averaged before `resampled` makes a number."""
    if column == "best IoU":
        return np.array(row["IoU at"])[None]
    if column == "MaxBoxAccV2":
        return 1.0 * (np.array(row["box at"])[None] >= np.array(DELTAS)[:, None])
    return np.array([[row[column]]])


def resampled(items, column, weights):
    """The column's value in each resample: the set's best threshold, the mean over deltas.

    Prices are ratios of pairs: their median.
    """
    if column == "forwards":
        return medians(np.array([row[column] for (row,) in items]), weights)
    sums = np.stack([sum(values(row, column) for row in rows) for rows in items])
    counts = np.array([len(rows) for rows in items])
    means = np.tensordot(weights, sums, 1) / (weights @ counts)[:, None, None]
    return means.max(-1).mean(-1)


def medians(numbers, weights):
    """The median of numbers that each resample holds so many times."""
    order = np.argsort(numbers)
    held = weights[:, order].cumsum(1)
    half = held[:, -1:] / 2
    return (numbers[order][(held >= half).argmax(1)] + numbers[order][(held > half).argmax(1)]) / 2


def draws(count):
    """The pictures as they are, then resamples of them: (1 + resample, picture)."""
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    return np.concatenate([np.ones((1, count)), drawn]).astype(float)


def bounds(samples):
    return np.quantile(samples[1:], [0.025, 0.975])


def text(samples, sign=""):
    low, high = bounds(samples)
    return f"{samples[0]:{sign}.2f} ({low:{sign}.2f} to {high:{sign}.2f})"
