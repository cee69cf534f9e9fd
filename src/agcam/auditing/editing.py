"""Pictures with some patches erased, or pasted from another picture. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..values import Grid

AROUND = np.ones((3, 3), dtype=bool)
"""A patch and its eight neighbours: the model's patches do not end where an object does."""
RIM = 4  # pixels around what is erased that are compared
SAME = 0.25
Other = tuple[Tensor, NDArray[np.bool_]]
"""Another picture, and the patches that nothing is to be taken from."""
FREE = 0.25  # of the patches: so many may be hit twice before a set is wrapped around the edge


def patch_set(places: NDArray[np.integer], grid: Grid) -> NDArray[np.bool_]:
    """Patches by their numbers: (row, column)."""
    there = np.zeros(grid.patches, dtype=bool)
    there[places] = True
    return there.reshape(grid.rows, grid.columns)


def widened(patches: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Patches and all that touch them."""
    return np.asarray(ndimage.binary_dilation(patches, AROUND))


def touching(patches: NDArray[np.bool_], some: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The groups of patches that touch `some` of them."""
    groups, _ = ndimage.label(patches, AROUND)
    return np.asarray(np.isin(groups, np.unique(groups[some & patches])) & (groups > 0))


def same_everywhere(own: Tensor, others: Tensor, grid: Grid) -> NDArray[np.bool_]:
    """Patches (row, column) whose pixels are the same in all of some pictures, and not in others.

    The same: a quarter as far from the median picture as other pictures are there.
    """
    middle = own.median(0).values
    near, far = (
        F.adaptive_avg_pool2d(
            (some - middle).abs().float().mean((0, 1))[None], (grid.rows, grid.columns)
        )[0]
        for some in (own, others)
    )
    return np.asarray((near < SAME * far).cpu().numpy())


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


def erased(pixels: Tensor, patches: NDArray[np.bool_], others: Sequence[Other] = ()) -> Tensor:
    """A picture (channel, height, width) whose patches are filled from elsewhere.

    Each group of patches that touch becomes what lies in the same shape where the picture around it
    is most alike: at another place of the picture, or at the same place of one of `others`. A group
    that fits nowhere in the picture is halved. A blur or one colour would be a mark of its own,
    which a model that learned a mark takes for it.
    """
    size = (pixels.shape[-2], pixels.shape[-1])
    gone = on_pixels(patches, size)
    if gone.all():
        return torch.zeros_like(pixels)
    filled = pixels.cpu().float().numpy().copy()
    known = [(other.cpu().float().numpy(), on_pixels(there, size)) for other, there in others]
    step = max(1, pixels.shape[-2] // patches.shape[0])
    groups, count = ndimage.label(patches, AROUND)
    for number in range(1, count + 1):
        for part in _fitting(groups == number, patches):
            _fill(filled, on_pixels(part, gone.shape), gone, step, known)
    return torch.from_numpy(filled).to(pixels)


def _fitting(part: NDArray[np.bool_], gone: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """A group of patches, halved along its longer side until each part fits beside what is gone."""
    y, x = np.nonzero(part)
    if len(y) == 1 or any(True for _ in _shifts(part, gone, 1)):
        yield part
        return
    along = y if np.ptp(y) >= np.ptp(x) else x
    first = along <= (along.min() + along.max()) // 2
    for half in (first, ~first):
        some = np.zeros_like(part)
        some[y[half], x[half]] = True
        yield from _fitting(some, gone)


def _shifts(
    part: NDArray[np.bool_], gone: NDArray[np.bool_], step: int
) -> Iterator[tuple[int, int]]:
    """Where a part can be taken from: inside the picture, and from nothing that is gone."""
    y, x = np.nonzero(part)
    height, width = part.shape
    for down in range(-(y.min() // step) * step, height - y.max(), step):
        for across in range(-(x.min() // step) * step, width - x.max(), step):
            if not gone[y + down, x + across].any():
                yield down, across


def _fill(
    pixels: NDArray[np.float32],
    part: NDArray[np.bool_],
    gone: NDArray[np.bool_],
    step: int,
    others: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]],
) -> None:
    """Fill a part from where what surrounds it is most like what surrounds the part."""
    sources = [(pixels, shift) for shift in _shifts(part, gone, step)]
    sources += [(other, (0, 0)) for other, there in others if not there[part].any()]
    y, x = np.nonzero(ndimage.binary_dilation(part, iterations=RIM) & ~gone)
    best, least = (pixels, (0, 0)), np.inf
    for source, (down, across) in sources:
        to_y, to_x = y + down, x + across
        inside = (to_y >= 0) & (to_y < part.shape[0]) & (to_x >= 0) & (to_x < part.shape[1])
        if not inside.any():
            continue
        there = source[:, to_y[inside], to_x[inside]]
        difference = float(np.abs(there - pixels[:, y[inside], x[inside]]).mean())
        if difference < least:
            best, least = (source, (down, across)), difference
    y, x = np.nonzero(part)
    source, (down, across) = best
    pixels[:, y, x] = source[:, y + down, x + across]


def pasted(pixels: Tensor, source: Tensor, patches: NDArray[np.bool_]) -> Tensor:
    """A picture (channel, height, width) with the patches of another in their places."""
    there = on_pixels(patches, (pixels.shape[-2], pixels.shape[-1]))
    return torch.where(torch.from_numpy(there).to(pixels.device), source, pixels)
