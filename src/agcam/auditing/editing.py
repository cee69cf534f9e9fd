"""Pictures with some patches erased, or pasted from another picture. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..values import Grid

AROUND = np.ones((3, 3), dtype=bool)
"""A patch and its eight neighbours: the model's patches do not end where an object does."""
FREE = 0.25  # of the patches: so many may be hit twice before a set is wrapped around the edge


def patch_set(places: NDArray[np.integer], grid: Grid) -> NDArray[np.bool_]:
    """Patches by their numbers, and all that touch them: (row, column)."""
    there = np.zeros(grid.patches, dtype=bool)
    there[places] = True
    return np.asarray(ndimage.binary_dilation(there.reshape(grid.rows, grid.columns), AROUND))


def elsewhere(patches: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.bool_]:
    """As many patches in the same shape at a random other place, as far from the first as can be.

    Where the shape fits nowhere else in the picture, it goes around the edge.
    """
    rows, columns = patches.shape
    y, x = np.nonzero(patches)
    inside = [
        (down, across)
        for down in range(-y.min(), rows - y.max())
        for across in range(-x.min(), columns - x.max())
    ]
    every = [(down, across) for down in range(rows) for across in range(columns)]
    for shifts in (inside, every):
        moved = [np.roll(patches, shift, (0, 1)) for shift in shifts]
        shared = np.array([(one & patches).sum() for one in moved])
        if shared.min() <= FREE * patches.sum() or shifts is every:
            break
    least = np.flatnonzero(shared == shared.min())
    return moved[int(generator.choice(least))]


def on_pixels(patches: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels (height, width) of the patches."""
    rows, columns = (
        np.arange(pixels) * cells // pixels
        for pixels, cells in zip(size, patches.shape, strict=True)
    )
    return np.asarray(patches[rows[:, None], columns])


def erased(pixels: Tensor, patches: NDArray[np.bool_]) -> Tensor:
    """A picture (channel, height, width) whose patches are filled from what surrounds them.

    Each pixel becomes its nearest one that stays; the seams are blurred by half a patch.
    """
    gone = on_pixels(patches, (pixels.shape[-2], pixels.shape[-1]))
    if gone.all():
        return torch.zeros_like(pixels)
    nearest = ndimage.distance_transform_edt(gone, return_distances=False, return_indices=True)
    kept = pixels.cpu().float().numpy()
    filled = kept[:, nearest[0], nearest[1]]
    sigma = pixels.shape[-2] / patches.shape[0] / 2
    smooth = ndimage.gaussian_filter(filled, (0, sigma, sigma))
    return torch.from_numpy(np.where(gone, smooth, kept)).to(pixels)


def recoloured(
    pixels: Tensor, gains: Sequence[float], mean: Sequence[float], std: Sequence[float]
) -> Tensor:
    """A picture (3, height, width) whose red, green and blue are so many times as strong.

    `mean` and `std` are those of the preparation; colours stay between black and white.
    """
    centre, scale, gain = (torch.tensor(one).reshape(-1, 1, 1) for one in (mean, std, gains))
    shown = ((pixels.cpu().float() * scale + centre) * gain).clamp(0, 1)
    return ((shown - centre) / scale).to(pixels)


def pasted(pixels: Tensor, source: Tensor, patches: NDArray[np.bool_]) -> Tensor:
    """A picture (channel, height, width) with the patches of another in their places."""
    there = on_pixels(patches, (pixels.shape[-2], pixels.shape[-1]))
    return torch.where(torch.from_numpy(there).to(pixels.device), source, pixels)
