"""YOLO's text files and CSV."""

from __future__ import annotations

import csv as library
import io
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from ..wording import cell
from .outline import outline
from .record import PICTURES, Annotated, Annotations, Record

_BOXES = ("path", "label", "left", "top", "right", "bottom")


def yolo(given: Annotations) -> Iterator[tuple[str, Iterable[bytes]]]:
    """A line for each object: class number, corners as shares of the picture.

    A score has no place in a label. Both parts of data.yaml name all pictures; it has no `path`, so
    that ultralytics takes the folder in which it lies.
    """
    for record in given.records:
        lines = [_line(record, one) for one in record.objects]
        yield f"labels/{record.stem}.txt", ["".join(lines).encode("ascii")]
    parts = {"train": "images", "val": "images"}
    content = {**parts, "names": dict(enumerate(given.classes)), "agcam": dict(given.manifest)}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    yield "data.yaml", [text.encode()]


def _line(record: Record, one: Annotated) -> str:
    width, height = record.size
    shares = (f"{x / width:.9g} {y / height:.9g}" for x, y in outline(one.mask(record.size)))
    return f"{one.label} {' '.join(shares)}\n"


def csv(given: Annotations) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The boxes as the reader of CSV files takes them, and the same with scores."""
    yield "boxes.csv", table(_BOXES, _boxes(given))
    yield "scores.csv", table((*_BOXES, "score", "probability"), _scores(given))


def _boxes(given: Annotations) -> Iterator[list[Any]]:
    for record in given.records:
        path = f"images/{record.file(PICTURES)}"
        for one in record.objects:
            yield [path, _name(given, one.label), *one.box]
        found = {one.label for one in record.objects}
        for label in record.labels:
            if label not in found:  # known to be there, but no box
                yield [path, _name(given, label), "", "", "", ""]


def _scores(given: Annotations) -> Iterator[list[Any]]:
    for record in given.records:
        for one in record.objects:
            path, name = f"images/{record.file(PICTURES)}", _name(given, one.label)
            yield [path, name, *one.box, one.score, one.probability]


def _name(given: Annotations, label: int) -> str:
    return cell(given.classes[label])


def table(head: Iterable[str], rows: Iterable[list[Any]]) -> Iterator[bytes]:
    """A CSV file, row by row."""
    for row in (list(head), *rows):
        buffer = io.StringIO()
        library.writer(buffer, lineterminator="\n").writerow(row)
        yield buffer.getvalue().encode()
