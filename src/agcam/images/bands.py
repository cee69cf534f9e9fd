"""Pictures of any number of bands: their numbers, and how they are shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from ..errors import PictureError

Span = tuple[float, float]


def numbers_of(
    array: np.ndarray[Any, Any], name: str, span: Span | None
) -> Float[np.ndarray[Any, Any], "height width band"]:
    """Bands as float32: within 0 ... 1 for a stated span and for 8 bits, else as they are.

    PictureError for what is no real number, or not finite.
    """
    if array.dtype == bool or not np.issubdtype(array.dtype, np.number):
        raise PictureError(f"{name} holds {array.dtype}, not numbers of bands")
    if np.issubdtype(array.dtype, np.complexfloating):
        raise PictureError(f"{name} holds complex numbers; give their magnitude")
    values = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise PictureError(f"{name} holds NaN or infinite values; replace them with numbers")
    if span is not None:
        return within(values, span)
    return values / 255 if array.dtype == np.uint8 else values


def within(values: np.ndarray[Any, Any], span: Span) -> np.ndarray[Any, Any]:
    """Values from a stated span brought to 0 ... 1; what lies beyond is cut."""
    low, high = span
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise PictureError(f"a range is two numbers, the darkest and the brightest, not {span}")
    share: np.ndarray[Any, Any] = (values - np.float32(low)) / np.float32(high - low)
    return share.clip(0, 1)


def stretched(bands: np.ndarray[Any, Any]) -> Image.Image:
    """The first three bands (or the mean of one or two) as a picture, from percentile 2 to 98."""
    if bands.shape[2] < 3:
        bands = bands.mean(axis=2, keepdims=True).repeat(3, axis=2)
    chosen = bands[:, :, :3].astype(np.float64)
    low, high = np.percentile(chosen, (2, 98), axis=(0, 1))
    scaled = (chosen - low) / np.where(high > low, high - low, 1)
    return Image.fromarray(np.rint(scaled.clip(0, 1) * 255).astype(np.uint8))
