"""RISE: randomized input sampling for explanation (Petsiuk, Das and Saenko, BMVC 2018)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import Grid, Query
from .input_space import patch_mean

MASKS: Final = 1000
CELLS: Final = 7  # of a mask, along each side
KEEP: Final = 0.5  # probability that a cell is seen
SEED: Final = 0


def rise(query: Query) -> Float[Tensor, "batch patch"]:
    """`S = sum over masks of p(x * M) * M / (N * keep)`, p the target's probability; patch means.

    A mask has 7 x 7 cells, each 1 with probability 0.5, made as large as the picture and a cell
    bilinearly, and cropped at a random place; masked is 0 of the normalized picture (its mean
    colour). N = 1,000 where the paper takes 4,000 (VGG-16) and 8,000 (ResNet-50), so the map is
    noisier. The masks are the same for every picture, from a seed. As in the authors' program
    (github.com/eclique/RISE at ac419cd), a cell's size is rounded up, where the paper rounds down
    and would leave some inputs uncovered, and masks are mirrored at their outermost centres.
    """
    height, width = query.pixels.shape[-2:]
    precise = torch.promote_types(query.pixels.dtype, torch.float32)
    total = query.pixels.new_zeros(len(query.pixels), height, width, dtype=precise)
    for drawn in _masks(height, width, query.chunk):
        masks = drawn.to(total)
        for index, (picture, target) in enumerate(query.parts(1)):
            masked = picture * masks[:, None].to(picture.dtype)
            scores = query.probability(masked, target.expand(len(masks)))
            total[index] += torch.tensordot(scores.to(precise), masks, dims=1)
    return patch_mean(total / (MASKS * KEEP), query.grid)


def pictures_per_target(grid: Grid) -> int:
    """One masked picture a mask."""
    del grid
    return MASKS


def _masks(height: int, width: int, chunk: int) -> Iterator[Float[Tensor, "mask height width"]]:
    """The random masks, values in [0, 1], some at a time; which they are depends on no chunk."""
    generator = torch.Generator().manual_seed(SEED)
    drawn = torch.rand(MASKS, CELLS * CELLS + 2, generator=generator)
    down, across = _bilinear(height), _bilinear(width)
    for some in torch.split(drawn, chunk):
        seen = (some[:, :-2] < KEEP).double().reshape(-1, CELLS, CELLS)
        first_rows = (some[:, -2].double() * len(down)).long()
        first_columns = (some[:, -1].double() * len(across)).long()
        yield down[first_rows] @ seen @ across[first_columns].mT


def _bilinear(pixels: int) -> Float[Tensor, "first pixel cell"]:
    """Weights of the cells at every pixel, for each place where the crop may start."""
    size = math.ceil(pixels / CELLS)
    whole = (CELLS + 1) * size
    places = torch.arange(size)[:, None] + torch.arange(pixels)
    centres = ((places.double() + 0.5) / whole * CELLS - 0.5).abs()
    centres = CELLS - 1 - (CELLS - 1 - centres).abs()  # mirrored at the outermost centres
    return (1 - (centres[..., None] - torch.arange(CELLS)).abs()).clamp(min=0)
