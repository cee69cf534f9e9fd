"""Whether prepared pixels show what they are said to show."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image
from torch import Tensor

from ..values import Frame


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
