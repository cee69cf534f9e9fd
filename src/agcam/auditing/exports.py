"""An audit as files for other programs: CSV, Parquet and COCO, written piece by piece."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np

from ..records.export import csv_lines, parquet_table
from ..values import UNLABELLED
from .findings import Findings
from .occurrences import occurrences, pixel_boxes
from .truth import AT_ONCE, on_object

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A table whose rows are made when they are written: a million of them are never held at once.

    Attributes:
        columns: The kind of each.
    """

    columns: Mapping[str, type]
    rows: Callable[[Findings], Iterator[Row]]


def files(found: Findings) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The names of the files beside the page, and their pieces."""
    for name, table in TABLES.items():
        lines = csv_lines(tuple(table.columns), table.rows(found))
        yield f"{name}.csv", (line.encode() for line in lines)
        made = parquet_table(table.columns, table.rows(found))
        if made is not None:
            yield f"{name}.parquet", [made]
    yield "reasons.coco.json", (piece.encode() for piece in coco(found))


def _pictures(found: Findings) -> Iterator[Row]:
    pictures = found.pictures
    for start in range(0, len(pictures), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(pictures)))
        inside = on_object(pictures, rows)[:1].T
        numbers = np.concatenate([pictures.probability[rows], inside], axis=1)
        classes = zip(pictures.label[rows].tolist(), pictures.predicted[rows].tolist(), strict=True)
        for row, (label, predicted), some in zip(
            rows.tolist(), classes, numbers.tolist(), strict=True
        ):
            yield (
                found.sample(row).name,
                "" if label == UNLABELLED else found.name(label),
                found.name(predicted),
                *(None if math.isnan(number) else number for number in some),
            )


def _reasons(found: Findings) -> Iterator[Row]:
    for reason in found.ranked:
        suspicion = found.suspicion[reason.target, reason.number]
        verdict = found.verdicts.get((reason.target, reason.number))
        yield (
            found.name(reason.target),
            reason.number + 1,
            float(reason.share),
            float(reason.occurrence),
            len(found.rows_of(reason)),
            float(suspicion.score),
            suspicion.sentence,
            verdict.verdict if verdict else "",
            verdict.note if verdict else "",
        )


def _examples(found: Findings) -> Iterator[Row]:
    for reason in found.ranked:
        name, where = found.name(reason.target), occurrences(found, reason)
        for row, relevance in zip(where.rows.tolist(), where.relevance.tolist(), strict=True):
            yield name, reason.number + 1, found.sample(row).name, relevance


def _failures(found: Findings) -> Iterator[Row]:
    return ((one.name, one.metric, one.message) for one in found.failures)


TABLES: Final = {
    "pictures": Table(
        {
            "picture": str,
            "label": str,
            "predicted": str,
            "probability": float,
            "label_probability": float,
            "inside": float,
        },
        _pictures,
    ),
    "reasons": Table(
        {
            "class": str,
            "reason": int,
            "share": float,
            "occurrence": float,
            "pictures": int,
            "suspicion": float,
            "sentence": str,
            "verdict": str,
            "note": str,
        },
        _reasons,
    ),
    "examples": Table({"class": str, "reason": int, "picture": str, "relevance": float}, _examples),
    "failures": Table({"picture": str, "what": str, "why": str}, _failures),
}
"""Pictures, reasons, the pictures of each reason, and what could not be audited."""


def coco(found: Findings) -> Iterator[str]:
    """Each reason as a category, with a box where it lies in each picture of it: pieces of JSON."""
    categories = [
        {
            "id": number,
            "name": f"{found.name(one.target)}: reason {one.number + 1}",
            "supercategory": found.name(one.target),
        }
        for number, one in enumerate(found.ranked, start=1)
    ]
    yield f'{{"categories": {json.dumps(categories)},\n"annotations": ['
    yield from _listed(_annotations(found))
    yield '],\n"images": ['
    yield from _listed(_images(found))
    yield "]}\n"


def _listed(values: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Entries of a list of JSON, a line each."""
    for number, value in enumerate(values):
        yield f"{',' if number else ''}\n{json.dumps(value)}"


def _annotations(found: Findings) -> Iterator[dict[str, Any]]:
    number = 0
    for category, reason in enumerate(found.ranked, start=1):
        where = occurrences(found, reason)
        boxes = pixel_boxes(found, where)
        for row, relevance, box in zip(where.rows, where.relevance, boxes, strict=True):
            number += 1
            yield {
                "id": number,
                "image_id": int(row) + 1,
                "category_id": category,
                "bbox": box.tolist(),
                "area": float(box[2] * box[3]),
                "iscrowd": 0,
                "score": float(relevance),
            }


def _images(found: Findings) -> Iterator[dict[str, Any]]:
    """The pictures in which a reason occurs."""
    shown = np.zeros(len(found.pictures), dtype=bool)
    shown[list(chain.from_iterable(found.rows_of(one) for one in found.ranked))] = True
    for row in np.flatnonzero(shown).tolist():
        frame = found.frame(row)
        yield {
            "id": row + 1,
            "file_name": found.sample(row).name,
            "width": frame.width,
            "height": frame.height,
        }
