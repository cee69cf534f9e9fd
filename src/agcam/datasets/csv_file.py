"""A CSV of paths, labels and boxes: the layout for what has no layout."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from ..addresses import Place
from ..values import Sample
from ..wording import uncell
from .annotation import Annotation, reading
from .checked import numbers
from .classes import SYNSET, Classes, split_names
from .csv_rows import csv_rows
from .reader import LayoutError, Listing, bad, parent, reader
from .synsets import names_of

_LAYOUT = (
    "a CSV file (UTF-8) whose first line is path,label or path,label,left,top,right,bottom; one "
    "line a box, several lines of one path and label are several boxes, empty sides mean no box; "
    "paths are relative to the file's folder, absolute, or addresses"
)
SIDES = ("left", "top", "right", "bottom")


class _Line(NamedTuple):
    """One line: its path and label, its number, the sides as the file has them, what is wrong."""

    path: str
    label: str
    number: int
    sides: list[str]
    problem: str = ""


def read(root: str) -> Listing:
    """One sample a path and label, in the file's order; classes in the order of their labels.

    A label is a name, a synset, or several names between commas; such a list is a name itself,
    which goes before those in it. Sides are pixels from 0, right and bottom just outside. A path
    with several labels is several samples: `cat.jpg#tabby`. A line that is none is a sample of its
    own, which fails.
    """
    folder, found, problems = _lines(root)
    labels = sorted({line.label for line in found})
    index = {label: number for number, label in enumerate(labels)}
    pairs = {(line.path, line.label) for line in found}
    several = len(pairs) > len({path for path, _ in pairs})
    drawn: dict[str, list[_Line]] = {}
    samples: dict[str, Sample] = {}
    for line in found:
        name = f"{line.path}#{line.label}" if several else line.path
        samples.setdefault(name, Sample(name, folder.at(line.path), index[line.label]))
        if any(line.sides) or line.problem:
            drawn.setdefault(name, []).append(line)
    annotate = partial(_annotate, drawn=drawn, file=root)
    classes = Classes(map(_names, labels), distinct=False)
    return Listing(classes, [*samples.values(), *problems], annotate)


def _lines(root: str) -> tuple[Place, list[_Line], list[Sample]]:
    if not root.split("::")[0].lower().endswith(".csv"):
        raise LayoutError(f"{root} is not a CSV file")
    folder, name = parent(root)
    with reading(root):
        rows = csv_rows(folder.lines(name))
        columns = tuple(next(rows, (0, ()))[1])
    if columns not in {("path", "label"), ("path", "label", *SIDES)}:
        raise LayoutError(f"{root}: its first line is {','.join(columns)!r}")
    found, problems = [], []
    for number, cells, unreadable in rows:
        where = f"line {number} of {name}"
        if unreadable or len(cells) < len(columns[:2]) or not (cells[0] and cells[1]):
            problems.append(bad(where, f"{where}: {unreadable or 'it lacks path or label'}"))
            continue
        problem = ""
        if len(cells) != len(columns):
            problem = f"it has {len(cells)} columns, not {len(columns)}"
        sides = [side.strip() for side in cells[2:]]
        found.append(_Line(cells[0], uncell(cells[1]), number, sides, problem))
    if not found and not problems:
        raise LayoutError(f"{root}: it has no line after the first")
    return folder, found, problems


def _names(label: str) -> tuple[str, ...]:
    names = split_names(label) or (label,)
    is_synset = SYNSET.fullmatch(names[0]) is not None
    return tuple(dict.fromkeys((*names, *names_of(names[0])) if is_synset else (label, *names)))


def _annotate(sample: Sample, *, drawn: Mapping[str, list[_Line]], file: str) -> Annotation:
    boxes = []
    for line in drawn.get(sample.name, []):
        with reading(f"line {line.number} of {file} (of {sample.name})"):
            if line.problem:
                raise ValueError(line.problem)
            boxes.append(numbers(line.sides, len(SIDES)))
    return Annotation(boxes)


READER = reader("csv", read, _LAYOUT, "agcam: docs/datasets.md")
