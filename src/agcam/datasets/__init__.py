"""The table of data sets: a layout of files as users have them, and how to read it."""

from __future__ import annotations

from ..registry import Table
from ..values import Reader
from . import (
    coco,
    csv_file,
    cub,
    fiftyone,
    folder,
    funny_birds,
    imagenet,
    imagenet_boxes,
    imagenet_s,
    imagenet_segmentation,
    label_studio,
    labelme,
    masks,
    moving,
    pascal_voc,
    planted,
    tiny_imagenet,
    unlabelled,
    wsol,
    yolo,
)
from .by_picture import by_picture
from .match import describe_match, match_classes, why_unmatched

__all__ = ["DATASETS", "by_picture", "describe_match", "match_classes", "why_unmatched"]

_ROWS = [
    imagenet.READER,
    pascal_voc.READER,
    cub.READER,
    coco.READER,
    yolo.READER,
    labelme.READER,
    label_studio.READER,
    fiftyone.READER,
    masks.READER,
    tiny_imagenet.READER,
    imagenet_segmentation.READER,
    imagenet_s.READER,
    funny_birds.READER,
    planted.READER,
    wsol.READER,
    folder.READER,
    csv_file.READER,
    imagenet_boxes.READER,
    unlabelled.READER,
    moving.CLIPS_READER,
    moving.SOUNDS_READER,
]

DATASETS: Table[Reader] = Table("dataset", {row.name: row for row in _ROWS})
