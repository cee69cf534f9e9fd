"""Numbers as pictures: arrays, deep greys and bands, checked and brought to a known range."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image

from ..errors import PictureError

Array = NDArray[Any]
Span = tuple[float, float]
"""The darkest and the brightest value."""
FEWER: Final = 14
"""16-bit pictures that need no more bits than these are noted: cameras give 10 to 14."""
MAX_PIXELS: Final = 200_000_000
"""Of a picture; a larger file is refused from its header, before a pixel is decoded."""


def from_array(array: Array, span: Span | None = None, name: str = "the array") -> Image.Image:
    """An array (height, width[, 1, 3 or 4]) as a picture of 8 bits; PictureError where it is none.

    With a `span` numbers of any type are taken.
    """
    shape = array.shape
    if len(shape) == 3 and shape[2] == 1:
        array, shape = array[:, :, 0], shape[:2]
    _check_shape(shape)
    if span is not None:
        array = to_bytes(numbers_of(array, name, span))
    elif array.dtype != np.uint8:
        array = to_bytes(_floats_of(array, name))
    return Image.fromarray(np.ascontiguousarray(array))


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) == 4:
        raise PictureError(
            f"an array of shape {shape} is several pictures; give a list of them, or "
            "torch.from_numpy(array) where they are prepared"
        )
    if len(shape) != 2 and (len(shape) != 3 or shape[2] not in {3, 4}):
        if shape[:1] in {(1,), (3,), (4,)} and len(shape) == 3:
            raise PictureError(
                f"an array of shape {shape} has its channels first; transpose it to (height, "
                "width, channel): array.transpose(1, 2, 0); if it is prepared already, give "
                "torch.from_numpy(array)[None]"
            )
        raise PictureError(
            f"an array of shape {shape} is not a picture; (height, width), (height, width, 3) and "
            "(height, width, 4) are, and others for a model whose preparation has as many channels"
        )
    if 0 in shape:
        raise PictureError(f"an array of shape {shape} has no pixels")
    if shape[0] * shape[1] > MAX_PIXELS:
        raise PictureError(f"an array of shape {shape} has more than {MAX_PIXELS:,} pixels")


def _floats_of(array: Array, name: str) -> Array:
    """Floats that are within 0 ... 1; PictureError for all else."""
    if not np.issubdtype(array.dtype, np.floating):
        raise PictureError(
            f"{'an array' if name == 'the array' else name} of {array.dtype} is not a picture; "
            "make it uint8 (0 ... 255) or float (0 ... 1), or state its range (--range)"
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise PictureError(f"{name} holds NaN or infinite pixels; replace them with numbers")
    if low < 0 or high > 1:
        raise PictureError(
            f"the floats of {name} run from {low:g} to {high:g}, not within 0 ... 1; divide by 255 "
            "or undo the normalization"
        )
    return array


def to_8_bits(
    image: Image.Image, name: str, span: Span | None = None
) -> tuple[Image.Image, tuple[str, ...]]:
    """Scale a deep grey picture by the full range of its type, never by its own extremes.

    PIL's modes I and F hide the type of the file, so there the range is the smallest of
    (1 for floats,) 8, 16 and 31 bits that holds the brightest pixel. A stated `span` is used
    instead. A note says where 16 bits hold fewer.
    """
    values = np.asarray(image)
    if span is not None:  # row by row: floats of a whole picture are large
        return Image.fromarray(np.stack([to_bytes(within(row, span)) for row in values])), ()
    low, high = float(values.min()), float(values.max())
    ranges = [65535.0] if image.mode.startswith("I;16") else [255.0, 65535.0, 2.0**31 - 1]
    if image.mode == "F":
        ranges = [1.0, 255.0, 65535.0]
    full = next((limit for limit in ranges if high <= limit), None)
    if full is None or not low >= 0:
        raise PictureError(
            f"{name} holds grey values from {low:g} to {high:g}; state their range (--range "
            "DARKEST,BRIGHTEST) or scale them to 0 ... 1 or 0 ... 255"
        )
    notes: tuple[str, ...] = ()
    if full == 65535.0 and 0 < high < 2**FEWER:
        bits = max(int(high).bit_length(), 8)
        notes = (
            f"{name} holds only the low {bits} of its 16 bits (brightest {high:g} of 65535), so "
            f"it was seen nearly black; if that is not meant, give --range 0,{2**bits - 1} "
            f"(preparation={{'value_range': (0, {2**bits - 1})}} in Python)",
        )
    rows = [np.rint(row * (255.0 / full)).astype(np.uint8) for row in values]
    return Image.fromarray(np.stack(rows)), notes


def numbers_of(array: Array, name: str, span: Span | None) -> Float[Array, "height width *band"]:
    """Bands as float32: within 0 ... 1 for a stated span and for 8 bits, else as they are.

    Raises:
        PictureError: They are not real numbers, or not finite.
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


def within(values: Array, span: Span) -> Array:
    """Values from a stated span brought to 0 ... 1; what lies beyond is cut."""
    low, high = span
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise PictureError(f"a range is two numbers, the darkest and the brightest, not {span}")
    share: Array = (values - np.float32(low)) / np.float32(high - low)
    return share.clip(0, 1)


def to_bytes(share: Array) -> Array:
    """Shares of 0 ... 1 as 8 bits."""
    scaled: Array = np.rint(share * share.dtype.type(255))
    return scaled.astype(np.uint8)


def stretched(bands: Array) -> Image.Image:
    """The first three bands (or the mean of one or two) as a picture, from percentile 2 to 98."""
    if bands.shape[2] < 3:
        bands = bands.mean(axis=2, keepdims=True).repeat(3, axis=2)
    chosen = bands[:, :, :3].astype(np.float64)
    low, high = np.percentile(chosen, (2, 98), axis=(0, 1))
    scaled = (chosen - low) / np.where(high > low, high - low, 1)
    return Image.fromarray(to_bytes(scaled.clip(0, 1)))
