"""A CSV of paths, labels and boxes: the layout for what has no layout."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import partial

from ..addresses import Place
from ..errors import DataSetError
from ..values import DataSet, Sample, Truth
from .common import NO_BOXES, SYNSET, reader, reading, split_names, truth_of
from .synsets import names_of

_LAYOUT = (
    "a CSV file (UTF-8) whose first line is path,label or path,label,left,top,right,bottom; one "
    "line a box, several lines of one path and label are several boxes, empty sides are no box; "
    "paths are relative to the file's folder, absolute, or addresses"
)
SIDES = ("left", "top", "right", "bottom")

_Lines = Mapping[str, list[tuple[int, list[str]]]]


def read(root: str) -> DataSet:
    """One sample a path and label, in the file's order; classes in the order of their labels.

    A label is a name, a synset, or several names between commas. Sides are pixels from 0, right
    and bottom just outside. A path with several labels is several samples: `cat.jpg#tabby`.
    """
    folder, rows = _rows(root)
    labels = sorted({label for _, label, _ in rows})
    index = {label: number for number, label in enumerate(labels)}
    several = len({(path, label) for path, label, _ in rows}) > len({path for path, _, _ in rows})
    lines: dict[str, list[tuple[int, list[str]]]] = {}
    samples: dict[str, Sample] = {}
    for number, (path, label, sides) in enumerate(rows, start=2):
        name = f"{path}#{label}" if several else path
        samples.setdefault(name, Sample(name, folder.at(path), index[label]))
        if any(sides):
            lines.setdefault(name, []).append((number, sides))
    truth = partial(_truth, lines=lines, file=root)
    return DataSet("csv", tuple(map(_names, labels)), tuple(samples.values()), truth)


def _rows(root: str) -> tuple[Place, list[tuple[str, str, list[str]]]]:
    place = Place(root)
    if not root.split("::")[0].lower().endswith(".csv"):
        raise DataSetError(f"{root} is no CSV file. What must lie there: {_LAYOUT}.")
    folder, name = parent(root)
    with reading(root):
        table = csv.DictReader(folder.text(name).splitlines())
        columns = tuple(table.fieldnames or ())
        if columns not in {("path", "label"), ("path", "label", *SIDES)}:
            raise DataSetError(
                f"{place.root}: its first line is {','.join(columns)!r}. What must lie there: "
                f"{_LAYOUT}."
            )
        rows = [
            (row["path"], row["label"], [(row.get(side) or "").strip() for side in SIDES])
            for row in table
        ]
    bad = next((i for i, row in enumerate(rows, start=2) if not (row[0] and row[1])), None)
    if bad is not None or not rows:
        where = "it has no line but the first" if bad is None else f"line {bad} lacks path or label"
        raise DataSetError(f"{root}: {where}. What must lie there: {_LAYOUT}.")
    return folder, rows


def parent(root: str) -> tuple[Place, str]:
    """The folder of a file, and the file's name in it, for paths and addresses."""
    first, chained, rest = root.partition("::")
    before, slash, name = first.replace("\\", "/").rpartition("/")
    if not slash:
        return Place("."), name
    if before.endswith("/"):  # `zip://boxes.csv`: the file lies at the top
        before = f"{before}/"
    return Place((before or "/") + chained + rest), name


def _names(label: str) -> tuple[str, ...]:
    names = split_names(label) or (label,)
    return tuple(
        dict.fromkeys((*names, *names_of(names[0]))) if SYNSET.fullmatch(names[0]) else names
    )


def _truth(sample: Sample, *, lines: _Lines, file: str) -> Truth:
    boxes = []
    for number, sides in lines.get(sample.name, []):
        with reading(f"line {number} of {file} (of {sample.name})"):
            boxes.append([float(side) for side in sides])
    return truth_of(sample, boxes or NO_BOXES)


READER = reader("csv", read, _LAYOUT, "agcam: docs/datasets.md")
