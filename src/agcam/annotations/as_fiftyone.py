"""FiftyOne: a data set with the pictures, their objects, and the maps as its `Heatmap` fields."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .as_json import as_bytes, joined
from .record import PICTURES, Annotated, Annotations, Record


def fiftyone(given: Annotations) -> Iterator[tuple[str, Iterable[bytes]]]:
    """What `fiftyone.Dataset.from_dir` reads as `fiftyone.types.LegacyFiftyOneDataset`.

    It is the one of FiftyOne's own layouts that does not depend on its version. The map of a
    picture's first label is its field `map`, those of further ones are `map_2`, `map_3`, ...
    """
    for record in given.records:
        for number, text in enumerate(record.maps, 1):
            yield _map_file(record, number), [base64.b64decode(text)]
    yield "samples.json", _samples(given)
    about = {"media_type": "image", "info": {"agcam": given.manifest, "classes": given.classes}}
    yield "metadata.json", [as_bytes(about)]


def _samples(given: Annotations) -> Iterator[bytes]:
    yield b'{"samples": ['
    yield from joined(_sample(record, given.classes) for record in given.records)
    yield b"]}\n"


def _sample(record: Record, classes: tuple[str, ...]) -> dict[str, Any]:
    known = [{"_cls": "Classification", "label": classes[label]} for label in record.labels]
    found = [_detection(record, one, classes) for one in record.objects]
    sample: dict[str, Any] = {
        "filepath": f"images/{record.file(PICTURES)}",
        "tags": [],
        "source": record.source,
        "labels": {"_cls": "Classifications", "classifications": known},
        "objects": {"_cls": "Detections", "detections": found},
    }
    for number, label in enumerate(record.labels[: len(record.maps)], 1):
        path = _map_file(record, number)
        sample[_field(number)] = {"_cls": "Heatmap", "map_path": path, "label": classes[label]}
    return sample


def _detection(record: Record, one: Annotated, classes: tuple[str, ...]) -> dict[str, Any]:
    left, top, right, bottom = one.box
    width, height = record.size
    return {
        "_cls": "Detection",
        "label": classes[one.label],
        "bounding_box": [
            left / width,
            top / height,
            (right - left) / width,
            (bottom - top) / height,
        ],
        "confidence": one.score,
        "probability": one.probability,
        "mask": _array(one.mask(record.size)[top:bottom, left:right]),
    }


def _array(mask: Any) -> dict[str, Any]:
    """An array as FiftyOne keeps it: a compressed .npy file, in MongoDB's extended JSON."""
    buffer = io.BytesIO()
    np.save(buffer, mask, allow_pickle=False)
    text = base64.b64encode(zlib.compress(buffer.getvalue())).decode("ascii")
    return {"$binary": {"base64": text, "subType": "00"}}


def _field(number: int) -> str:
    return "map" if number == 1 else f"map_{number}"


def _map_file(record: Record, number: int) -> str:
    """Where FiftyOne looks for the files of a field."""
    return f"fields/{_field(number)}/{record.stem}.png"
