"""Photographs that come with libraries that may be installed; nothing is fetched."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from PIL import Image

from ..viewer import small_file

SKIMAGE: Final = {"cat": "chelsea", "coffee": "coffee", "astronaut": "astronaut"}
SKLEARN: Final = {"flower": "flower.jpg", "pagoda": "china.jpg"}


@cache
def examples() -> dict[str, bytes]:
    """The files of all examples that there are on this machine, by name; there may be none."""
    found: dict[str, Any] = {}
    if find_spec("skimage") is not None:
        from skimage import data

        found |= {name: getattr(data, source)() for name, source in SKIMAGE.items()}
    if find_spec("sklearn") is not None:
        from sklearn.datasets import load_sample_image

        found |= {name: load_sample_image(source) for name, source in SKLEARN.items()}
    return {name: small_file(Image.fromarray(pixels)) for name, pixels in found.items()}
