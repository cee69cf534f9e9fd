"""From maps, tokens and pixels of a batch to the columns of pictures and patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ModelError
from ..values import BlockRecord, Classifier, Grid, Places, Recording
from .reasons import LAYER
from .values import TOP_K

COLOURS: Final = 4  # pixels a side of what is kept of the input below a patch
RGB: Final = 3
FEWEST: Final = 7  # patches of a side
MOST_PATCHES: Final = 256
WHOLE: Final = 500_000  # patches of pictures of which all are kept, and
EACH: Final = (4, 16)  # of each class at least and at most so many
SCHEMA: Final = {
    "version": 5,
    "layer": LAYER,
    "top_k": TOP_K,
    "colours": COLOURS,
    "whole": (WHOLE, *EACH),
}
"""All that columns depend on beside model, data set and method."""
LARGEST: Final = float(np.finfo(np.float16).max)

Columns = Mapping[str, NDArray[Any]]


def joined(parts: Sequence[Columns]) -> dict[str, NDArray[Any]]:
    """Columns of several batches one below the other; `picture` counts on."""
    if not parts:
        return {}
    starts = np.cumsum([0, *(len(part["number"]) for part in parts[:-1])])
    counted = [
        {**part, "picture": part["picture"] + np.int32(start)}
        for part, start in zip(parts, starts, strict=True)
    ]
    return {name: np.concatenate([part[name] for part in counted]) for name in counted[0]}


def shares(maps: NDArray[Any]) -> NDArray[np.float32]:
    """Maps (..., row, column), least value subtracted, summing to 1; a constant one is all 0."""
    above = maps - maps.min(axis=(-2, -1), keepdims=True)
    total = above.sum(axis=(-2, -1), keepdims=True)
    return np.asarray(above / np.where(total > 0, total, 1), dtype=np.float32)


def masses(maps: NDArray[Any]) -> NDArray[np.float32]:
    """Maps (..., row, column) as masses that sum to 1: of a signed map the positive part alone.

    What speaks against a class is nowhere evidence for it; less its minimum, a signed map would
    have nearly as much mass where it says nothing as on the evidence.
    """
    signed = (maps < 0).any(axis=(-2, -1), keepdims=True)
    return shares(np.where(signed, np.maximum(maps, 0), maps))


def audited_grid(recording: Recording) -> Grid:
    """The patches of an audit: the model's, or squares of cells where it has none of its own.

    A hierarchy is read on a fine grid, whose single cells are too small to be cut out and compared.
    """
    grid = recording.grid
    if all(block.places is None for block in recording.blocks):
        return grid
    sides = [
        side
        for side in range(1, min(grid.rows, grid.columns) // FEWEST + 1)
        if grid.rows % side == grid.columns % side == 0
    ]
    enough = (one for one in sides if grid.patches <= MOST_PATCHES * one**2)
    side = next(enough, max(sides, default=1))
    return Grid(grid.rows // side, grid.columns // side, 0)


def pooled(maps: NDArray[Any], grid: Grid) -> NDArray[Any]:
    """Maps (..., row, column) on the patches of an audit: each the mean of its cells."""
    side = maps.shape[-2] // grid.rows
    pattern = "... (row y) (column x) -> ... row column"
    return maps if side == 1 else reduce(maps, pattern, "mean", y=side, x=side)


def tokens(recording: Recording, grid: Grid, layer: float = LAYER) -> Tensor:
    """What the patches hold at a share of the depth: values of that block, (batch, patch, dim)."""
    fitting = [one for one in recording.blocks if _holds_patches(one, recording.grid)]
    if not fitting:
        raise ModelError("no block of the model has a token for each patch, which an audit needs.")
    block = fitting[min(int(layer * len(fitting)), len(fitting) - 1)]
    if block.places is not None:
        return _on_patches(block.value, block.places, grid)
    value = block.value[:, :, recording.grid.places]
    return rearrange(value, "batch head patch dim -> batch patch (head dim)")


def bytes_kept(grid: Grid, dim: int) -> int:
    """What is kept of a picture at most: three maps, and the patches of two of them.

    Of few pictures all patches are kept: WHOLE in all.
    """
    patch = 2 * dim + RGB * COLOURS**2 + 16
    return 12 * grid.patches + 2 * min(TOP_K, grid.patches) * patch + 80


def _holds_patches(block: BlockRecord, grid: Grid) -> bool:
    return block.places is not None or block.value.shape[-2] == grid.tokens


def _on_patches(value: Tensor, places: Places, grid: Grid) -> Tensor:
    """The mean of the keys that lie on each patch, by their shares (batch, patch, dim)."""
    keys = places.by_picture(value.movedim(-2, -1)).flatten(1, -2).float()
    rows, columns = (
        reduce(one.to(keys), "key (patch cell) -> key patch", "sum", patch=count)
        for one, count in zip(places.weights[-2:], (grid.rows, grid.columns), strict=True)
    )
    sums = torch.einsum("bdk,kr,kc->brcd", keys, rows, columns)
    shares = torch.einsum("kr,kc->rc", rows, columns)
    return (sums / shares.clamp(min=1e-6)[..., None]).flatten(1, 2)


def strongest(
    maps: NDArray[np.float32],
    targets: NDArray[np.int64],
    features: Tensor,
    pixels: NDArray[np.float32],
    good: Sequence[int],
    whole: Sequence[bool],
) -> dict[str, NDArray[Any]]:
    """The patches with the most relevance of each map (picture, target, row, column).

    A picture whose two `targets` are one class has one map. `good` are the pictures that are kept;
    `picture` counts among them. Of the `whole` ones all patches of the first map are kept.
    """
    count, rows, columns = len(maps), *maps.shape[-2:]
    flat = maps.reshape(count, -1, rows * columns)
    several = [(row, n, 0) for row, n in enumerate(good)]
    if targets.shape[1] > 1:
        several += [(row, n, 1) for row, n in enumerate(good) if targets[n, 0] != targets[n, 1]]
    row, number, column = np.array(sorted(several), np.int32).reshape(-1, 3).T
    chosen = flat[number, column]
    order = np.argsort(-chosen, axis=1, kind="stable").astype(np.int32)
    every = np.asarray(whole, dtype=np.bool_)[number] & (column == 0)
    kept = every[:, None] | (np.arange(rows * columns) < TOP_K)
    of = np.nonzero(kept)[0]  # the map of each patch
    place, number = order[kept], number[of]
    held = features.detach().cpu().float()[torch.from_numpy(number).long(), place]
    held = held.clamp(-LARGEST, LARGEST)
    return {
        "picture": row[of],
        "target": targets[number, column[of]].astype(np.int32),
        "place": place,
        "relevance": chosen[of, place],
        "features": held.numpy().astype(np.float16),
        "colours": _thumbnails(pixels, rows, columns)[number, place],
    }


def in_colour(pixels: Tensor, classifier: Classifier) -> NDArray[np.float32]:
    """The input as red, green and blue (picture, 3, height, width) from 0 to 1."""
    preparation = classifier.preparation
    assert preparation is not None, "load_setup refuses a model without one"
    mean, std = (
        torch.tensor(one).reshape(1, -1, 1, 1) for one in (preparation.mean, preparation.std)
    )
    shown = (pixels.cpu().float() * std + mean).clamp(0, 1)
    shown = shown[:, :RGB] if shown.shape[1] >= RGB else shown[:, :1].expand(-1, RGB, -1, -1)
    return np.asarray(shown.numpy())


def _thumbnails(pixels: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.uint8]:
    """(picture, patch, 48): what lies below each patch, averaged to 4 x 4 pixels."""
    size = rows * COLOURS, columns * COLOURS
    small = F.adaptive_avg_pool2d(torch.from_numpy(pixels), size)
    cut = rearrange(
        small,
        "picture colour (row y) (column x) -> picture (row column) (y x colour)",
        row=rows,
        column=columns,
    )
    return np.asarray((cut * 255).round().to(torch.uint8).numpy())
