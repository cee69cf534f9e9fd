"""Maps as a page holds them: of patches, or finer where views or the picture made them so."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..maps import PatchMaps
from ..values import Frame
from .data import Picture
from .pictures import reduced

SHARP_SIDE: Final = 128  # pixels of the longer side of a map that is finer than patches
SHEET_SIDE: Final = 400  # of maps on a sheet of frames
Window = tuple[float, float, float, float]


def drawn(
    maps: PatchMaps, frame: Frame, picture: Image.Image, image: Picture
) -> tuple[Window, NDArray[Any]]:
    """The part of `image` that maps cover, and their values (target, row, column)."""
    if maps.frames:
        sheet = reduced(picture, SHEET_SIDE)
        return (0, 0, image.width, image.height), maps.on_pixels(frame, sheet)
    if not (maps.sharper or maps.extent):
        return frame.scaled(image.width, image.height).window, maps.grid
    small = reduced(picture, SHARP_SIDE)
    pixels = maps.on_pixels(frame.scaled(*small.size), small)
    rows, columns = (np.flatnonzero(pixels.seen.any(axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    across, down = image.width / small.width, image.height / small.height
    window = (left * across, top * down, right * across, bottom * down)
    return window, np.asarray(pixels[:, top:bottom, left:right])
