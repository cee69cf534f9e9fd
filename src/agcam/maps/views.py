"""Maps of several views of one picture, brought back to it and averaged."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..values import Frame
from .pixels import PixelMap, to_pixels

Shifts = tuple[tuple[float, float], ...]
"""How far each view is shifted, (right, down), in shares of the input's sides."""

HALVES: Final = (0, 1 / 2)
THIRDS: Final = (0, 1 / 3, 2 / 3)
VIEWS: Final = {
    1: ((0.0, 0.0),),
    2: ((0.0, 0.0), (1 / 2, 1 / 2)),
    4: tuple((across, down) for down in HALVES for across in HALVES),
    9: tuple((across, down) for down in THIRDS for across in THIRDS),
}
"""The shifts of so many views, (right, down), in sides of a patch; the first is the picture."""


def mean_of_views(maps: NDArray[Any], frame: Frame, shifts: Shifts) -> PixelMap:
    """The mean of maps (target, view, row, column) on the pixels of the picture.

    Each view is spread over the window that it shows; where a view shows nothing of the picture it
    has no part in the mean. Pixels that the first view, the picture itself, does not show are NaN.
    """
    left, top, right, bottom = frame.window
    width, height = right - left, bottom - top
    total = count = np.float32(0)
    plain = to_pixels(maps[:, 0], frame)
    for number, (across, down) in enumerate(shifts):
        x, y = across * width, down * height
        shifted = Frame(frame.width, frame.height, (left + x, top + y, right + x, bottom + y))
        values = np.asarray(to_pixels(maps[:, number], shifted))
        total = total + np.nan_to_num(values)
        count = count + ~np.isnan(values)
    mean = np.asarray(total / np.maximum(count, 1), plain.dtype)
    mean[np.isnan(plain)] = np.nan
    return mean.view(PixelMap)
