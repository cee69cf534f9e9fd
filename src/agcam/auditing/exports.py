"""An audit for other programs: CSV, Parquet, COCO, and FiftyOne."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from ..errors import RunError
from ..records.export import csv_text, parquet_table
from .findings import Findings
from .shown import patch_box
from .values import Reason

Table = tuple[Sequence[str], list[tuple[Any, ...]]]
PICTURES: Final = ("picture", "label", "predicted", "probability", "label_probability", "inside")
REASONS: Final = (
    "class",
    "reason",
    "share",
    "occurrence",
    "pictures",
    "suspicion",
    "sentence",
    "verdict",
    "note",
)
EXAMPLES: Final = ("class", "reason", "picture", "relevance")


def files(found: Findings) -> Iterator[tuple[str, bytes]]:
    """The names of the files beside the page, and what they hold."""
    for name, (header, rows) in tables(found).items():
        yield f"{name}.csv", csv_text(header, rows).encode()
        made = parquet_table(header, rows)
        if made is not None:
            yield f"{name}.parquet", made
    yield "reasons.coco.json", json.dumps(coco(found)).encode()


def tables(found: Findings) -> dict[str, Table]:
    """Every table by its name: pictures, reasons, the pictures of each reason, failures."""
    return {
        "pictures": (PICTURES, list(_pictures(found))),
        "reasons": (REASONS, list(_reasons(found))),
        "examples": (EXAMPLES, list(_examples(found))),
        "failures": (
            ("picture", "what", "why"),
            [(one.name, one.metric, one.message) for one in found.failures],
        ),
    }


def _pictures(found: Findings) -> Iterator[tuple[Any, ...]]:
    pictures = found.pictures
    for row in range(len(pictures)):
        inside = float((pictures.predicted_map[row] * pictures.truth[row]).sum())
        numbers = (*pictures.probability[row].tolist(), inside)
        yield (
            found.sample(row).name,
            found.name(int(pictures.label[row])),
            found.name(int(pictures.predicted[row])),
            *(None if np.isnan(number) else number for number in numbers),
        )


def _reasons(found: Findings) -> Iterator[tuple[Any, ...]]:
    for reason in found.ranked:
        suspicion = found.suspicion[reason.target, reason.number]
        verdict = found.verdicts.get((reason.target, reason.number))
        yield (
            found.name(reason.target),
            reason.number + 1,
            reason.share,
            reason.occurrence,
            len(found.rows_of(reason)),
            suspicion.score,
            suspicion.sentence,
            verdict.verdict if verdict else "",
            verdict.note if verdict else "",
        )


def _examples(found: Findings) -> Iterator[tuple[Any, ...]]:
    for reason in found.ranked:
        for row, relevance in _places(found, reason):
            yield found.name(reason.target), reason.number + 1, found.sample(row).name, relevance


def _places(found: Findings, reason: Reason) -> Iterator[tuple[int, float]]:
    """The pictures in which a reason occurs, and its share of each one's map."""
    patches = found.patches
    sums = np.zeros(len(found.pictures))
    np.add.at(sums, patches.picture[reason.patches], patches.relevance[reason.patches])
    for row in found.rows_of(reason).tolist():
        yield row, float(sums[row])


def coco(found: Findings) -> dict[str, Any]:
    """Each reason as a category, with a box where it lies in each picture of it."""
    categories = [
        {
            "id": number,
            "name": f"{found.name(one.target)}: reason {one.number + 1}",
            "supercategory": found.name(one.target),
        }
        for number, one in enumerate(found.ranked, start=1)
    ]
    images: dict[int, dict[str, Any]] = {}
    annotations: list[dict[str, Any]] = []
    for number, reason in enumerate(found.ranked, start=1):
        for row, relevance in _places(found, reason):
            frame = found.frame(row)
            images[row] = {
                "id": row + 1,
                "file_name": found.sample(row).name,
                "width": frame.width,
                "height": frame.height,
            }
            box = patch_box(found, reason, row)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": row + 1,
                    "category_id": number,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "score": relevance,
                }
            )
    return {"images": list(images.values()), "annotations": annotations, "categories": categories}


def to_fiftyone(found: Findings, name: str | None) -> Any:
    """A FiftyOne data set of the pictures, with label, prediction, map, and reasons as boxes."""
    try:
        import fiftyone
    except ImportError as error:
        raise RunError("this needs FiftyOne: pip install fiftyone") from error
    pictures, samples = found.pictures, []
    reasons: dict[int, list[Any]] = {}
    for reason in found.ranked:
        for row, relevance in _places(found, reason):
            frame = found.frame(row)
            left, top, width, height = patch_box(found, reason, row)
            box = [
                left / frame.width,
                top / frame.height,
                width / frame.width,
                height / frame.height,
            ]
            label = f"{found.name(reason.target)}: reason {reason.number + 1}"
            suspicious = found.score(reason)
            detection = fiftyone.Detection(
                label=label, bounding_box=box, confidence=relevance, suspicious=suspicious
            )
            reasons.setdefault(row, []).append(detection)
    for row in range(len(pictures)):
        sample = fiftyone.Sample(filepath=found.sample(row).address)
        probability = float(pictures.probability[row, 0])
        sample["label"] = fiftyone.Classification(label=found.name(int(pictures.label[row])))
        sample["prediction"] = fiftyone.Classification(
            label=found.name(int(pictures.predicted[row])),
            confidence=None if np.isnan(probability) else probability,
        )
        sample["map"] = fiftyone.Heatmap(map=np.asarray(pictures.predicted_map[row]))
        sample["reasons"] = fiftyone.Detections(detections=reasons.get(row, []))
        samples.append(sample)
    made = fiftyone.Dataset(name)
    made.add_samples(samples)
    return made
