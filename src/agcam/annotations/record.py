"""What is known of one picture: its objects, or why there are none; kept as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import Any, Final

import numpy as np
from PIL import Image

from ..explanation import Explanation
from ..maps import Mask, png_bytes
from ..viewer import reduced
from ..viewer.sharp import SHARP_SIDE

PICTURES: Final = (".jpg", ".jpeg", ".webp", ".bmp", ".png")
"""The suffixes of pictures that other tools read; others become the last of them."""


@dataclass(frozen=True)
class Annotated:
    """One object: `label` is its number among the classes, `counts` the runs of its mask.

    `box` is left, top, right, bottom in pixels, right and bottom exclusive; `score` is the mean
    relevance within it (1 is the map's top), `probability` that of its class in the picture.
    """

    label: int
    box: tuple[int, int, int, int]
    score: float
    probability: float | None
    counts: tuple[int, ...]

    def mask(self, size: tuple[int, int]) -> Mask:
        """Its mask in a picture of `size` (width, height)."""
        width, height = size
        on = np.arange(len(self.counts)) % 2 == 1
        return np.asarray(np.repeat(on, self.counts).reshape(width, height).T)


@dataclass(frozen=True)
class Record:
    """One picture: `source` is its path in the folder, `stem` begins the names of its files.

    `maps` are small pictures of the map of each label, as `map_text` makes them.
    """

    source: str
    stem: str
    picture_sha256: str
    size: tuple[int, int] = (0, 0)
    labels: tuple[int, ...] = ()
    objects: tuple[Annotated, ...] = ()
    maps: tuple[str, ...] = ()
    error: str = ""

    def file(self, kept: Sequence[str]) -> str:
        """The name of its picture; one of another kind than those `kept` becomes the last one."""
        suffix = PurePath(self.source).suffix.lower()
        return self.stem + (suffix if suffix in kept else kept[-1])

    def renumbered(self, numbers: Mapping[int, int]) -> Record:
        """The same with other numbers of the classes."""
        objects = tuple(replace(one, label=numbers[one.label]) for one in self.objects)
        return replace(self, labels=tuple(numbers[label] for label in self.labels), objects=objects)

    def to_json(self, classes: Sequence[str]) -> bytes:
        """As a file's bytes, where classes have their names: others may join them later."""
        content = asdict(self)
        content["labels"] = [classes[label] for label in self.labels]
        for one in content["objects"]:
            one["label"] = classes[one["label"]]
        return json.dumps(content).encode("ascii")


@dataclass(frozen=True)
class Annotations:
    """What a format writes: the records, which can be gone through repeatedly, and their classes.

    `manifest` says how they were made, the rule included.
    """

    records: Iterable[Record]
    classes: tuple[str, ...]
    manifest: Mapping[str, Any]


def record_of(data: bytes, classes: Mapping[str, int]) -> Record:
    """A record from a file's bytes; `classes` are numbers by names.

    Raises ValueError, TypeError, KeyError for another file, and where it names another class.
    """
    content = json.loads(data)
    objects = []
    for one in content.pop("objects"):
        one |= {"box": tuple(one["box"]), "counts": tuple(one["counts"])}
        objects.append(Annotated(**{**one, "label": classes[one["label"]]}))
    content |= {name: tuple(content[name]) for name in ("size", "maps")}
    content["labels"] = tuple(classes[name] for name in content["labels"])
    return Record(**content, objects=tuple(objects))


def runs(mask: Mask) -> tuple[int, ...]:
    """Lengths of the runs off and on in turn, down the columns, as COCO has them."""
    flat = np.concatenate([[False], mask.T.ravel()])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return tuple(np.diff(np.concatenate([[0], changes, [mask.size]])).tolist())


def map_text(made: Explanation, picture: int, target: int) -> str:
    """A map as a PNG in base64: 0 is its lowest relevance, or none, and 255 its highest.

    It covers the whole picture with at most 128 pixels a side, as pages hold maps; what the model
    never saw is 0.
    """
    small = reduced(made.pictures[picture], SHARP_SIDE)
    values = made.on_pixels(picture, slice(target, target + 1), small)[0].clip(min=0).normalized()
    pixels = np.rint(np.nan_to_num(np.asarray(values)) * 255).astype(np.uint8)
    return base64.b64encode(png_bytes(Image.fromarray(pixels))).decode("ascii")
