"""From the rows of benchmarks/better_map.py to the tables of docs/better-map.md.

    python benchmarks/better_map_table.py ROWS.jsonl [MORE.jsonl ...] > docs/better-map-tables.md

First all sets at a glance, then each with bootstrap 95 % intervals (2,000 resamples of pictures,
all classes of a picture staying together), and our two methods less each other one on the same
pictures. Only pictures that every method of a set was asked about take part.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

OURS = ("agcam_spread", "agcam_focus")
RESAMPLES = 2000
DELTAS = (0.3, 0.5, 0.7)
BOXES = ("pixel accuracy", "IoU", "Dice", "energy", "best IoU", "MaxBoxAccV2")
COLUMNS = {
    "tiny": BOXES,
    "coco": (*BOXES[1:], "shown"),
    "several": ("covered", "covered, same area", "found", "shown", "IoU", "energy"),
    "imagenet-boxes": BOXES[1:],
    "imagenet-boxes-2": BOXES[1:],
    "mosaic-caltech": ("own cell",),
    "mosaic-imagenet": ("own cell",),
    "abpc-imagenet": ("abpc", "lerf", "morf"),
    "abpc-caltech": ("abpc", "lerf", "morf"),
}
GLANCE = (
    {
        "tiny": ("IoU", "best IoU", "MaxBoxAccV2", "energy"),
        "coco": ("IoU", "best IoU", "MaxBoxAccV2", "energy"),
        "several": ("covered", "covered, same area", "found"),
    },
    {
        "imagenet-boxes": ("IoU", "best IoU", "energy"),
        "imagenet-boxes-2": ("IoU", "best IoU", "energy"),
        "mosaic-caltech": ("own cell",),
        "mosaic-imagenet": ("own cell",),
        "abpc-imagenet": ("abpc",),
        "abpc-caltech": ("abpc",),
    },
)
TITLES = {
    "tiny": "Tiny ImageNet, report part, rightly predicted, the predicted class",
    "coco": "COCO, report part, every class of a picture that the head knows",
    "several": "COCO, report part, classes with two or more boxes in a picture",
    "imagenet-boxes": "imagenet-boxes, the true class, or the predicted one if the head knows none",
    "imagenet-boxes-2": "imagenet-boxes-2, the true class, or the predicted one",
    "mosaic-caltech": "mosaics of Caltech-101: share of the positive map in the own cell",
    "mosaic-imagenet": "mosaics of imagenet-one-per-class",
    "abpc-imagenet": "imagenet-one-per-class: perturbation, the true class, right or wrong",
    "abpc-caltech": "Caltech-101: perturbation, the true class, right or wrong",
}


def read(paths):
    """rows[set][method][item] = list of rows."""
    rows = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for path in paths:
        with Path(path).open(encoding="utf-8") as file:
            for row in map(json.loads, file):
                if "left out" in row:
                    continue
                rows[row["set"]][row["method"]][row["item"]].append(row)
                if row["set"] == "coco" and row["boxes"] > 1:
                    rows["several"][row["method"]][row["item"]].append(row)
    return rows


def values(rows, column):
    """(threshold or 1, cut or 1): what is averaged over rows; `finish` makes it one number."""
    if column == "best IoU":
        return np.array(rows["IoU at"])[None]
    if column == "MaxBoxAccV2":
        return np.array(rows["box at"])[None] >= np.array(DELTAS)[:, None]
    return np.array([[rows[column]]])


def resampled(items, column, weights):
    """The column's value in each resample: (resample,)."""
    sums = np.stack([sum(values(row, column) * 1.0 for row in rows) for rows in items])
    counts = np.array([len(rows) for rows in items])
    means = np.tensordot(weights, sums, 1) / (weights @ counts)[:, None, None]
    return means.max(-1).mean(-1)  # the best threshold of the set; the mean over deltas


def draws(count):
    """The pictures as they are, then resamples of them: (1 + resample, picture)."""
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES)
    return np.concatenate([np.ones((1, count)), drawn]).astype(float)


def text(samples, sign=""):
    low, high = np.quantile(samples[1:], [0.025, 0.975])
    return f"{samples[0]:{sign}.3f} ({low:{sign}.2f} to {high:{sign}.2f})"


def items_of(methods):
    """The pictures that every method was asked about."""
    return sorted(set.intersection(*(set(found) for found in methods.values())))


def glance(rows, wanted):
    """One line a method: the means of several sets."""
    wanted = {name: columns for name, columns in wanted.items() if name in rows}
    found = defaultdict(dict)
    for name, columns in wanted.items():
        items = items_of(rows[name])
        for method, of in rows[name].items():
            for column in columns:
                mean = resampled([of[item] for item in items], column, draws(len(items))[:1])[0]
                found[method][name, column] = f"{mean:.3f}"
    columns = [(name, column) for name, columns in wanted.items() for column in columns]
    yield "| method | " + " | ".join(f"{name}: {column}" for name, column in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for method, cells in found.items():
        yield f"| {method} | " + " | ".join(cells.get(key, "-") for key in columns) + " |"
    yield ""


def table(methods, columns, note):
    items = items_of(methods)
    weights = draws(len(items))
    found = {
        (method, column): resampled([of[item] for item in items], column, weights)
        for method, of in methods.items()
        for column in columns
    }
    classes = sum(len(methods[OURS[0]][item]) for item in items)
    yield f"### {note}\n\n{len(items)} pictures, {classes} maps a method.\n"
    yield f"| method | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}"
    for method in methods:
        cells = " | ".join(text(found[method, column]) for column in columns)
        yield f"| {method} | {cells} |"
    for ours in OURS:
        yield f"\n`{ours}` less the other, on the same pictures:\n"
        yield f"| less | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}"
        for method in methods:
            if method != ours:
                gaps = (found[ours, column] - found[method, column] for column in columns)
                yield f"| {method} | {' | '.join(text(gap, '+') for gap in gaps)} |"
    yield ""


def main(paths):
    rows = {name: methods for name, methods in read(paths).items() if OURS[0] in methods}
    for wanted in GLANCE:
        if any(name in rows for name in wanted):
            print("\n".join(glance(rows, wanted)))
    for name, columns in COLUMNS.items():
        if name in rows:
            print("\n".join(table(rows[name], columns, TITLES[name])))


if __name__ == "__main__":
    main(sys.argv[1:])
