"""Numbers as a picture: arrays, checked, and deep greys, scaled to 8 bits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from PIL import Image

from ..errors import PictureError

MAX_PIXELS: Final = 200_000_000
"""Of a picture; a larger file is refused from its header, before a pixel is decoded."""


def from_array(array: np.ndarray[Any, Any]) -> Image.Image:
    """An array (height, width[, 3 or 4]) as a picture of 8 bits; PictureError where it is none."""
    shape = array.shape
    flat = len(shape) == 2
    if len(shape) == 4:
        raise PictureError(f"an array of shape {shape} is several pictures; give a list of them")
    if not flat and (len(shape) != 3 or shape[2] not in {3, 4}):
        if shape[:1] in {(1,), (3,), (4,)} and len(shape) == 3:
            raise PictureError(
                f"an array of shape {shape} has its channels first; transpose it to (height, "
                "width, channel): array.transpose(1, 2, 0)"
            )
        raise PictureError(
            f"an array of shape {shape} is not a picture; (height, width), (height, width, 3) and "
            "(height, width, 4) are"
        )
    if array.size == 0:
        raise PictureError(f"an array of shape {shape} has no pixels")
    if shape[0] * shape[1] > MAX_PIXELS:
        raise PictureError(f"an array of shape {shape} has more than {MAX_PIXELS:,} pixels")
    if array.dtype != np.uint8:
        array = _scaled(array)
    return Image.fromarray(np.ascontiguousarray(array))


def to_8_bits(image: Image.Image, name: str) -> Image.Image:
    """Scale a deep grey picture by the full range of its type, never by its own extremes.

    PIL's modes I and F hide the type of the file, so there the range is the smallest of
    (1 for floats,) 8, 16 and 31 bits that holds the brightest pixel.
    """
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    ranges = [65535.0] if image.mode.startswith("I;16") else [255.0, 65535.0, 2.0**31 - 1]
    if image.mode == "F":
        ranges = [1.0, 255.0, 65535.0]
    full = next((limit for limit in ranges if high <= limit), None)
    if full is None or not low >= 0:
        raise PictureError(
            f"{name} holds grey values from {low:g} to {high:g}; scale them to 0 ... 1 or 0 ... 255"
        )
    rows = (np.rint(row * (255.0 / full)) for row in values)  # row by row: no large float copy
    return Image.fromarray(np.stack([row.astype(np.uint8) for row in rows]))


def _scaled(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not np.issubdtype(array.dtype, np.floating):
        raise PictureError(
            f"an array of {array.dtype} is not a picture; make it uint8 (0 ... 255) or "
            "float (0 ... 1)"
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise PictureError("the array holds NaN or infinite pixels; replace them with numbers")
    if low < 0 or high > 1:
        raise PictureError(
            f"the array's floats run from {low:g} to {high:g}, not within 0 ... 1; divide by 255 "
            "or undo the normalization"
        )
    scaled: np.ndarray[Any, Any] = np.rint(array * array.dtype.type(255))
    return scaled.astype(np.uint8)
