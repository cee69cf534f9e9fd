"""What pixels are compared with before they are trusted: notes, and one refusal."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PIL import Image
from torch import Tensor

from ..errors import PictureError
from ..values import Frame, Preparation, Transform

FAR: Final = 30.0
"""Of pixels whose normalization is not known: no usual mean and std lead so far from zero."""
OF_UNITS: Final = 2.0
"""A larger mean or std is not one of pixels within 0 ... 1, but in units of a sensor."""
FURTHER: Final = 3.0
"""How far pixels may lie beyond the range of a normalized picture, in its own length."""
UNLIKE: Final = (
    "preparation: the transform's pixels do not resemble the part of the picture that was "
    "measured, so the map may lie elsewhere; if the transform looks for something to cut out, "
    "do that first and explain what is cut"
)
GREYED: Final = "the model takes one channel: pictures in colour were made grey"


def refuse_units(preparation: Preparation) -> None:
    """PictureError for a mean or std of pixels that run to 255, or over a sensor's range."""
    largest = max(*preparation.mean, *preparation.std)
    if largest > OF_UNITS:
        raise PictureError(
            f"mean and std are of pixels within 0 ... 1, and {largest:.6g} is not; divide both by "
            "255 if they are of 0 ... 255."
        )


def far_note(pixels: Tensor, preparation: Preparation | Transform | None) -> tuple[str, ...]:
    """A note where pixels cannot come from a picture that was normalized as the model wants."""
    low, high = float(pixels.min()), float(pixels.max())
    where = f"the pixels run from {_rounded(low, high)} to {_rounded(high, low)}"
    wrong = "scale and normalize them, or the answer is that of another picture"
    usual = preparation is not None and preparation.channels == pixels.shape[-3]
    if preparation is None or not usual or max(*preparation.mean, *preparation.std) > OF_UNITS:
        far = max(abs(low), abs(high)) > FAR
        return (f"{where}, which no usual normalization gives: {wrong}",) if far else ()
    pairs = zip(preparation.mean, preparation.std, strict=True)
    ends = [(grey - mean) / std for mean, std in pairs for grey in (0, 1)]
    least, most = min(ends), max(ends)
    wanted = f"pictures prepared for this model lie within {least:.3g} ... {most:.3g}"
    room = FURTHER * (most - least)
    if low < least - room or high > most + room:
        return (f"{where}, and {wanted}: {wrong}",)
    if 0 <= low < high <= 1 and high > 0.5 and least < -0.5:
        return (f"{where}, and {wanted}: they look scaled to 0 ... 1, but not normalized",)
    return ()


def _rounded(end: float, other: float) -> str:
    """One end of a range, as exact as three digits of its larger end are."""
    digits = 2 - math.floor(math.log10(max(abs(end), abs(other)) or 1))
    return f"{round(end, digits) + 0.0:g}"


def grey_note(picture: Image.Image) -> tuple[str, ...]:
    """A note on a picture in colour for a model of one channel."""
    red, green, blue = (band.tobytes() for band in picture.split())
    return () if red == green == blue else (GREYED,)


def unlike_note(pixels: Tensor, picture: Image.Image, frame: Frame) -> tuple[str, ...]:
    """A note where a program's pixels do not resemble the window that was measured."""
    return () if looks_alike(pixels, picture, frame) else (UNLIKE,)


def looks_alike(pixels: Tensor, picture: Image.Image, frame: Frame) -> bool:
    """Whether prepared pixels resemble the window they are said to show; False is a warning.

    A program that looks for something in the picture, and cuts that out, was measured on pictures
    that have none.
    """
    height, width = pixels.shape[-2:]
    left, top, right, bottom = frame.window
    columns, across = _whole(left, right, width, frame.width)
    rows, down = _whole(top, bottom, height, frame.height)
    size = columns.stop - columns.start, rows.stop - rows.start
    if min(size) < 2:
        return True
    box = across[0], down[0], across[1], down[1]
    expected = picture.convert("L").resize(size, Image.Resampling.BILINEAR, box=box)
    shown = pixels[:, rows, columns].double().cpu().mean(0).numpy().ravel()
    wanted = np.asarray(expected, dtype=float).ravel()
    if np.ptp(wanted) < 8 or not np.ptp(shown) > 0:
        return True
    return bool(abs(np.corrcoef(shown, wanted)[0, 1]) > 0.5)


def _whole(
    start: float, stop: float, pixels: int, length: int
) -> tuple[slice, tuple[float, float]]:
    """The pixels of one side that show nothing but picture, and what they show of it."""
    pixel = (stop - start) / pixels
    first = max(0, math.ceil(-start / pixel + 0.5))
    last = min(pixels, math.floor((length - start) / pixel - 0.5))
    if start >= 0:
        first = 0
    if stop <= length:
        last = pixels
    seen = max(0.0, start + first * pixel), min(float(length), start + last * pixel)
    return slice(first, max(first, last)), seen
