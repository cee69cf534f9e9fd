"""Maps of one picture or clip, of several views of it, brought back to its pixels and averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..values import Frame, Grid
from .clips import step_of, tiles
from .pixels import PixelMap, to_pixels
from .refinement import REFINEMENT, refine

Windows = tuple[tuple[float, float, float, float], ...]
"""Where each view lies, (left, top, width, height), in shares of the input's sides."""
Places = tuple[tuple[float, float], ...]

PICTURE: Final[Places] = ((0.0, 0.0),)


def _square(*places: float) -> Places:
    return tuple((across, down) for down in places for across in places)


VIEWS: Final[dict[int, tuple[Places, Places]]] = {
    1: (PICTURE, ()),
    2: (((0.0, 0.0), (1 / 2, 1 / 2)), ()),
    4: (_square(0, 1 / 2), ()),
    5: (PICTURE, _square(0, 1)),
    8: (_square(0, 1 / 2), _square(0, 1)),
    9: (_square(0, 1 / 3, 2 / 3), ()),
}
"""So many views, the first being the picture: shifts (right, down) in sides of a patch, and crops:
their places (right, down), 0 being the first edge of the picture and 1 the last one."""
CROP: Final = 5 / 7  # of a side of the picture
ONE_VIEW: Final[Windows] = ((0.0, 0.0, 1.0, 1.0),)


@dataclass(frozen=True, eq=False)
class PatchMaps:
    """What one picture's patches got, for each of its views, and how it comes onto pixels.

    A clip's pixels are those of its contact sheet, frame by frame, so that nothing of a frame shows
    in the next one.

    Attributes:
        values: (target, view, row, column), raw relevance; of a clip time steps before the rows.
        windows: Where each view lies.
        refined: Whether maps on pixels are laid on the picture's edges.
        extent: Where the patches' outer edges lie, (start, stop) of time, if any, rows and columns,
            as shares of the input's sides; empty where they are those of the input.
        frames: How many frames a clip has; 0 for a still picture.
    """

    values: NDArray[Any]
    windows: Windows = ONE_VIEW
    refined: bool = False
    extent: Sequence[tuple[float, float]] = ()
    frames: int = 0

    @property
    def sharper(self) -> tuple[tuple[str, str], ...]:
        """What makes the maps on pixels finer than patches, as pairs of a name and a text."""
        count = len(self.windows)
        crops = " and cropped" * (self.windows[-1][2] < 1)
        views = (("Views", f"mean of {count} views, shifted by parts of a patch{crops}"),)
        refined = (("Refined", str(REFINEMENT["text"])),)
        return (*views[: count > 1], *refined[: self.refined])

    @property
    def grid(self) -> NDArray[Any]:
        """The mean of all views at the patches of the picture (target, *time, row, column)."""
        if len(self.windows) == 1:
            return self.values[:, 0]
        if self.frames:
            steps = range(self.values.shape[2])
            return np.stack([self._at(step).grid for step in steps], 1)
        whole = Frame.whole(self.values.shape[-1], self.values.shape[-2])
        return np.asarray(mean_of_views(self.values, whole, self._on_patches))

    @property
    def _on_patches(self) -> Windows:
        """Where the patches of each view lie, in shares of what the picture's patches cover."""
        (top, bottom), (left, right) = self.extent or ((0.0, 1.0), (0.0, 1.0))
        return tuple(
            (
                (x - left * (1 - wide)) / (right - left),
                (y - top * (1 - high)) / (bottom - top),
                wide,
                high,
            )
            for x, y, wide, high in self.windows
        )

    def of_frame(self, number: int) -> PatchMaps:
        """The maps of one frame of a clip, counted from 0: those of its time step."""
        steps, rows, columns = self.values.shape[2:]
        extent = tuple(self.extent)
        grid = Grid(rows, columns, prefix=0, frames=steps, extent=extent)
        return self._at(step_of(number, self.frames, grid))

    def _at(self, step: int) -> PatchMaps:
        values, extent = self.values[:, :, step], self.extent[1:]
        return PatchMaps(values, self.windows, self.refined, extent)

    def on_pixels(self, frame: Frame, picture: Image.Image | None) -> PixelMap:
        """The maps (target, height, width) on the picture, which has the frame's size.

        Without a picture they are not refined. Of a clip the picture is its contact sheet.
        """
        if self.frames and picture is not None:
            return self._on_sheet(frame, picture)
        pixels = mean_of_views(self.values, frame, self.windows, self.extent)
        return pixels if picture is None else self.on_edges(pixels, frame, picture)

    def on_edges(self, pixels: PixelMap, frame: Frame, picture: Image.Image) -> PixelMap:
        """Maps or masks (target, height, width) on the picture's edges, if maps are refined."""
        if not self.refined:
            return pixels
        left, top, right, bottom = frame.window
        rows, columns = self.values.shape[-2:]
        return refine(pixels, picture, ((bottom - top) / rows, (right - left) / columns))

    def _on_sheet(self, frame: Frame, sheet: Image.Image) -> PixelMap:
        """The maps of every frame on the sheet; of each the model saw the same part."""
        drawn = np.full((len(self.values), sheet.height, sheet.width), np.nan, self.values.dtype)
        for number, box in enumerate(tiles(self.frames, sheet.size)):
            tile = sheet.crop(box)
            left, top, right, bottom = box
            drawn[:, top:bottom, left:right] = self.of_frame(number).on_pixels(
                frame.scaled(*tile.size), tile
            )
        return drawn.view(PixelMap)


def mean_of_views(
    maps: NDArray[Any], frame: Frame, windows: Windows, extent: Sequence[tuple[float, float]] = ()
) -> PixelMap:
    """The mean of maps (target, view, row, column) on the pixels of the picture.

    Each view is spread over the window that it shows; where a view shows nothing of the picture it
    has no part in the mean. Pixels that the first view, the picture itself, does not show are NaN.
    """
    left, top, right, bottom = frame.window
    width, height = right - left, bottom - top
    total = count = np.float32(0)
    plain = to_pixels(maps[:, 0], frame, extent)
    if len(windows) == 1:
        return plain
    for number, (across, down, wide, high) in enumerate(windows):
        x, y = left + across * width, top + down * height
        window = (x, y, x + wide * width, y + high * height)
        shown = Frame(frame.width, frame.height, window)
        values = np.asarray(to_pixels(maps[:, number], shown, extent))
        total = total + np.nan_to_num(values)
        count = count + ~np.isnan(values)
    mean = np.asarray(total / np.maximum(count, 1), plain.dtype)
    mean[np.isnan(plain)] = np.nan
    return mean.view(PixelMap)
