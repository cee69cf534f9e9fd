"""An audit in FiftyOne: pictures with label, prediction and map, and reasons as boxes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import numpy as np

from ..errors import RunError
from .findings import Findings
from .occurrences import occurrences, pixel_boxes

BATCH: Final = 1000  # pictures that are added at once


def to_fiftyone(found: Findings, name: str | None) -> Any:
    """As `Audit.to_fiftyone`."""
    try:
        import fiftyone
    except ImportError as error:
        raise RunError("this needs FiftyOne: pip install fiftyone") from error
    made, samples = fiftyone.Dataset(name), _samples(found, fiftyone)
    while batch := list(islice(samples, BATCH)):
        made.add_samples(batch)
    return made


def _samples(found: Findings, fiftyone: Any) -> Iterator[Any]:
    pictures, reasons = found.pictures, _detections(found, fiftyone)
    for row in range(len(pictures)):
        sample = fiftyone.Sample(filepath=found.sample(row).address)
        probability = float(pictures.probability[row, 0])
        if pictures.labelled[row]:
            label = found.name(int(pictures.label[row]))
            sample["label"] = fiftyone.Classification(label=label)
        sample["prediction"] = fiftyone.Classification(
            label=found.name(int(pictures.predicted[row])),
            confidence=None if np.isnan(probability) else probability,
        )
        sample["map"] = fiftyone.Heatmap(map=np.asarray(pictures.predicted_map[row]))
        sample["reasons"] = fiftyone.Detections(detections=reasons.get(row, []))
        yield sample


def _detections(found: Findings, fiftyone: Any) -> dict[int, list[Any]]:
    """By row of `Pictures`; boxes are shares of the picture's sides."""
    made: dict[int, list[Any]] = {}
    for reason in found.ranked:
        where = occurrences(found, reason)
        sides = np.tile(np.asarray(found.pictures.frame[where.rows, :2]), 2)
        boxes = pixel_boxes(found, where) / sides
        for row, relevance, box in zip(
            where.rows.tolist(), where.relevance.tolist(), boxes.tolist(), strict=True
        ):
            detection = fiftyone.Detection(
                label=f"{found.name(reason.target)}: reason {reason.number + 1}",
                bounding_box=box,
                confidence=relevance,
                suspicious=float(found.score(reason)),
            )
            made.setdefault(row, []).append(detection)
    return made
