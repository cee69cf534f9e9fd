"""The table of formats: each a pure function from records to files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..registry import Table
from .as_fiftyone import fiftyone
from .as_json import coco, label_studio, labelme
from .as_masks import png, voc
from .as_text import csv, yolo
from .record import PICTURES, Annotations

File = tuple[str, Iterable[bytes]]
"""A path below the output folder, and its contents piece by piece."""


@dataclass(frozen=True)
class Format:
    """One row: what is written, beside the pictures.

    Attributes:
        name: as `to=` takes it.
        write: from records to files, one at a time.
        about: what is written, for users.
        folder: where the pictures lie in the output.
        kept: the suffixes of pictures that are kept; others become the last of them.
    """

    name: str
    write: Callable[[Annotations], Iterator[File]]
    about: str
    folder: str = "images"
    kept: tuple[str, ...] = PICTURES


_ROWS = [
    Format("coco", coco, "annotations/instances_train.json with polygons, boxes and scores"),
    Format("yolo", yolo, "labels/*.txt with polygons, and data.yaml"),
    Format(
        "voc",
        voc,
        "Annotations/*.xml, SegmentationClass (with .txt), SegmentationObject, ImageSets",
        "JPEGImages",
        (".jpg",),
    ),
    Format("png", png, "masks/*.png of class numbers with a palette, and classes.txt"),
    Format("csv", csv, "boxes.csv (path, label, sides) and scores.csv"),
    Format("labelme", labelme, "labelme/*.json with polygons"),
    Format("label-studio", label_studio, "label_studio.json (predictions) and label_config.xml"),
    Format("fiftyone", fiftyone, "samples.json (objects with masks) and fields/ (maps)"),
]

FORMATS: Final[Table[Format]] = Table("format", {row.name: row for row in _ROWS})
