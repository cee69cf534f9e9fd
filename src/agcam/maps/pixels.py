"""From relevance per patch to relevance per pixel: the only place of agcam that interpolates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..values import Frame


class PixelMap(np.ndarray[Any, np.dtype[Any]]):
    """Raw relevance on the original picture's pixels: an array (target, height, width).

    NaN where the model never saw the picture. It is a plain array in all other respects: it can be
    sliced (one target is a (height, width) PixelMap), pickled and saved with np.save.
    """

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(height, width): True where the model saw the picture."""
        values = np.asarray(self)
        unseen = np.isnan(values.reshape(-1, *values.shape[-2:])).all(axis=0)
        return np.asarray(~unseen)

    def normalized(self) -> PixelMap:
        """(value - min) / (max - min) for each target over the seen pixels, so within [0, 1].

        A constant map gives zeros; pixels that were not seen stay NaN.
        """
        values = np.asarray(self)
        low = np.fmin.reduce(values, axis=(-2, -1), keepdims=True)
        high = np.fmax.reduce(values, axis=(-2, -1), keepdims=True)
        spread = high - low
        scaled = values - low
        scaled /= np.where(spread > 0, spread, 1)  # scaled is 0 where there is no spread
        return scaled.view(PixelMap)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Give numbers, not maps without pixels, for sums and means over everything."""
        return array[()] if array.ndim == 0 else super().__array_wrap__(array, context)


def to_pixels(
    grid_map: NDArray[Any], frame: Frame, extent: Sequence[tuple[float, float]] = ()
) -> PixelMap:
    """Spread relevance (target, row, column) over the original picture's pixels.

    The pixel x, whose centre is x + 1/2, reads the grid at
    (x + 1/2 - left) / (right - left) * columns - 1/2, bilinearly between the centres of the
    patches and constant beyond the outermost ones (align_corners=False); rows likewise. Pixels
    whose centre is outside the frame's window are NaN. Where the patches do not fill the window,
    `extent` states where their outer edges lie: (start, stop) of rows and of columns, as shares of
    it. float32 and float64 are kept, float16 gives float32, integers float64. Returns (target,
    height, width), raw values.
    """
    grid = _as_float(grid_map)
    left, top, right, bottom = frame.window
    down, across = extent or ((0.0, 1.0), (0.0, 1.0))
    columns, column_weights = _weights(frame.width, (left, right), across, grid.shape[-1])
    rows, row_weights = _weights(frame.height, (top, bottom), down, grid.shape[-2])
    pixels = np.full((*grid.shape[:-2], frame.height, frame.width), np.nan, grid.dtype)
    wide = grid @ column_weights.T.astype(grid.dtype)
    np.matmul(row_weights.astype(grid.dtype), wide, out=pixels[..., rows, columns])
    return pixels.view(PixelMap)


def resize_map(grid_map: NDArray[Any], size: int | tuple[int, int]) -> NDArray[Any]:
    """Resize maps (..., row, column) to `size` (height, width), for protocols at the input's size.

    The same rule as `to_pixels` with the whole window: equal to
    torch.nn.functional.interpolate(mode="bilinear", align_corners=False).
    """
    height, width = (size, size) if isinstance(size, int) else size
    return np.asarray(to_pixels(grid_map, Frame.whole(width, height)))


def _as_float(grid_map: NDArray[Any]) -> NDArray[Any]:
    grid = np.asarray(grid_map)
    if grid.dtype in (np.float32, np.float64):
        return grid
    return grid.astype(np.float32 if grid.dtype == np.float16 else np.float64)


def _weights(
    pixels: int, window: tuple[float, float], extent: tuple[float, float], cells: int
) -> tuple[slice, NDArray[np.float64]]:
    """Which pixels of one side are seen, and their weights (seen pixel, cell); rows sum to 1."""
    start, stop = window
    first = max(0, math.ceil(start - 0.5))
    last = min(pixels - 1, math.floor(stop - 0.5))
    seen = slice(first, max(first, last + 1))
    centres = np.arange(seen.start, seen.stop) + 0.5
    if extent != (0.0, 1.0):
        start, stop = (start + share * (stop - start) for share in extent)
    place = np.clip((centres - start) / (stop - start) * cells - 0.5, 0, cells - 1)
    below = np.minimum(place.astype(np.intp), max(cells - 2, 0))
    part = place - below
    weights = np.zeros((len(centres), cells))
    line = np.arange(len(centres))
    weights[line, below] = 1 - part
    weights[line, np.minimum(below + 1, cells - 1)] += part
    return seen, weights
