"""One picture, opened and prepared: the one way from a file to a model's input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image
from torch import Tensor

from ..errors import PictureError
from ..transforms import looks_alike
from ..values import Frame, Preparation, Transform
from .arrays import MAX_PIXELS
from .open import open_any
from .prepare import prepare

FAR: Final = 30.0
"""Of pixels whose normalization is not known: no usual mean and std lead so far from zero."""
OF_UNITS: Final = 2.0
"""A larger mean or std is not one of pixels within 0 ... 1, but in units of a sensor."""
FURTHER: Final = 3.0
"""How far pixels may lie beyond the range of a normalized picture, in its own length."""


@dataclass(frozen=True)
class Ready:
    """A picture's pixels (channel, height, width), where they lie on it, and how it is shown."""

    pixels: Tensor
    frame: Frame
    picture: Image.Image
    notes: tuple[str, ...] = ()


def prepare_picture(
    source: Any, preparation: Preparation | Transform, *, max_pixels: int = MAX_PIXELS
) -> Ready:
    """Open whatever `open_picture` opens, or bands as many as the model takes, and prepare it.

    Raises PictureError, one sentence that names the picture and the cause.
    """
    channels = 3 if isinstance(preparation, Transform) else preparation.channels
    opened = open_any(
        source,
        channels=channels,
        span=preparation.value_range,
        max_pixels=max_pixels,
    )
    if opened.bands is None and channels not in {1, 3}:
        raise PictureError(
            f"the model takes {channels} channels, and the picture has 3; give an array (height, "
            f"width, {channels})"
        )
    if opened.bands is None and isinstance(preparation, Preparation):
        _refuse_units(preparation)
    pixels, frame = prepare(opened.picture if opened.bands is None else opened.bands, preparation)
    notes = opened.notes
    if isinstance(preparation, Transform):
        notes += _unlike(pixels, opened.picture, frame)
    elif opened.bands is not None:
        notes += far_note(pixels, preparation)
    elif channels == 1:
        notes += _greyed(opened.picture)
    return Ready(pixels, frame, opened.picture, notes)


def _refuse_units(preparation: Preparation) -> None:
    """Refuse a mean and std of pixels that run to 255, or over a sensor's range."""
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


def _greyed(picture: Image.Image) -> tuple[str, ...]:
    red, green, blue = picture.split()
    if red.tobytes() == green.tobytes() == blue.tobytes():
        return ()
    return ("the model takes one channel: pictures in colour were made grey",)


def _unlike(pixels: Tensor, picture: Image.Image, frame: Frame) -> tuple[str, ...]:
    """A note where a program's pixels do not resemble the window that was measured."""
    if looks_alike(pixels, picture, frame):
        return ()
    return (
        "preparation: the transform's pixels do not resemble the part of the picture that was "
        "measured, so the map may lie elsewhere; if the transform looks for something to cut out, "
        "do that first and explain what is cut",
    )
