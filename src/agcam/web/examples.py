"""Photographs that come with libraries that may be installed; nothing is fetched."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from PIL import Image

from ..maps import png_bytes

SKIMAGE: Final = {"cat": "chelsea", "coffee": "coffee", "astronaut": "astronaut"}
SKLEARN: Final = {"flower": "flower.jpg", "pagoda": "china.jpg"}
THUMBNAIL: Final = 120


@dataclass(frozen=True)
class Example:
    """One photograph: its file's bytes, and a small JPEG of it."""

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
    small = picture.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=85)
    return Example(name, png_bytes(picture), buffer.getvalue())
