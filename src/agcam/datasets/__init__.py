"""Data sets (a stand-in until the real room is merged)."""

import csv
from functools import partial
from pathlib import Path

import numpy as np

from ..registry import Table
from ..values import DataSet, Reader, Sample, Truth


def read(root: str) -> DataSet:
    """A CSV of path,label,left,top,right,bottom."""
    folder = Path(root).parent
    rows = list(csv.DictReader(Path(root).read_text().splitlines()))
    labels = sorted({row["label"] for row in rows})
    samples: dict[str, Sample] = {}
    boxes: dict[str, list[list[float]]] = {}
    for row in rows:
        path = row["path"]
        samples.setdefault(path, Sample(path, str(folder / path), labels.index(row["label"])))
        if row.get("left"):
            sides = [float(row[side]) for side in ("left", "top", "right", "bottom")]
            boxes.setdefault(path, []).append(sides)
    names = tuple(tuple(p.strip() for p in label.split(",")) for label in labels)
    return DataSet("csv", names, tuple(samples.values()), partial(_truth, boxes=boxes))


def _truth(sample: Sample, boxes: dict[str, list[list[float]]]) -> Truth:
    return Truth(np.array(boxes.get(sample.name, [])).reshape(-1, 4))


DATASETS = Table("data set", {"csv": Reader("csv", read, "a CSV", "none")})
