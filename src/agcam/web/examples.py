"""Photographs that come with libraries that may be installed; nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from PIL import Image

from ..maps import png_bytes
from ..viewer import reduced, small_file

SKIMAGE: Final = {"cat": "chelsea", "coffee": "coffee", "astronaut": "astronaut"}
SKLEARN: Final = {"flower": "flower.jpg", "pagoda": "china.jpg"}
THUMBNAIL: Final = 120


@dataclass(frozen=True)
class Example:
    """One photograph: its file's bytes, and those of a small one."""

    name: str
    data: bytes
    thumbnail: bytes


@cache
def examples() -> dict[str, Example]:
    """Every example there is on this machine, by name; there may be none."""
    found: dict[str, Any] = {}
    if find_spec("skimage") is not None:
        from skimage import data

        found |= {name: getattr(data, source)() for name, source in SKIMAGE.items()}
    if find_spec("sklearn") is not None:
        from sklearn.datasets import load_sample_image

        found |= {name: load_sample_image(source) for name, source in SKLEARN.items()}
    return {name: _example(name, Image.fromarray(pixels)) for name, pixels in found.items()}


def _example(name: str, picture: Image.Image) -> Example:
    return Example(name, png_bytes(picture), small_file(reduced(picture, THUMBNAIL)))
