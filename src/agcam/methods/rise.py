"""RISE: randomized input sampling for explanation (Petsiuk, Das and Saenko, BMVC 2018)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import Method, Option, Query, precise
from ..values.needs import BlackBox
from .input_space import patch_mean

MASKS: Final = 1000
CELLS: Final = 7
PROBABILITY: Final = 0.5
SEED: Final = 0


def rise(
    query: Query,
    *,
    masks: int = MASKS,
    cells: int = CELLS,
    probability: float = PROBABILITY,
) -> Float[Tensor, "batch patch"]:
    """`S = sum over masks of p(x * M) * M / (N * keep)`, p the target's probability; patch means.

    A mask has 7 x 7 cells (of a clip 7 x 7 x 7: ours), each 1 with probability 0.5, made as large
    as the picture and a cell bilinearly, and cropped at a random place; masked is 0 of the
    normalized picture (its mean colour). N = 1,000 where the paper takes 4,000 (VGG-16) and 8,000
    (ResNet-50), so the map is noisier. The masks are the same for every picture, from a seed.
    As in the authors' program (github.com/eclique/RISE at ac419cd), a cell's size is rounded up,
    where the paper rounds down and would leave some inputs uncovered, and masks are mirrored at
    their outermost centres.
    """
    sides = tuple(query.pixels.shape[2:])
    total = torch.zeros_like(precise(query.pixels[:, 0]))
    for drawn in _masks(sides, masks, cells, probability, query.chunk):
        some = drawn.to(total)
        for index, (picture, target) in enumerate(query.parts(1)):
            masked = picture * some[:, None].to(picture.dtype)
            scores = query.probability(masked, target.expand(len(some)))
            total[index] += torch.tensordot(scores.to(total), some, dims=1)
    return patch_mean(total / (masks * probability), query.grid)


def _masks(
    sides: tuple[int, ...], masks: int, cells: int, probability: float, chunk: int
) -> Iterator[Float[Tensor, "mask *time row column"]]:
    """The random masks, values in [0, 1], some at a time; which they are depends on no chunk."""
    generator = torch.Generator().manual_seed(SEED)
    count = cells ** len(sides)
    drawn = torch.rand(masks, count + len(sides), generator=generator)
    enlarged = [_bilinear(pixels, cells) for pixels in sides]
    for some in torch.split(drawn, chunk):
        seen = (some[:, :count] < probability).double().reshape(-1, *(cells for _ in sides))
        for weights, share in zip(enlarged, some[:, count:].double().unbind(1), strict=True):
            chosen = weights[(share * len(weights)).long()]  # mask pixel cell
            seen = torch.einsum("mc...,mpc->m...p", seen, chosen)
        yield seen


def _bilinear(pixels: int, cells: int) -> Float[Tensor, "first pixel cell"]:
    """Weights of the cells at every pixel, for each place where the crop may start."""
    size = math.ceil(pixels / cells)
    enlarged = (cells + 1) * size
    places = torch.arange(size)[:, None] + torch.arange(pixels)
    centres = ((places.double() + 0.5) / enlarged * cells - 0.5).abs()
    centres = cells - 1 - (cells - 1 - centres).abs()  # mirrored at the outermost centres
    return (1 - (centres[..., None] - torch.arange(cells)).abs()).clamp(min=0)


METHOD = Method(
    "rise",
    rise,
    BlackBox(count=MASKS),
    "Petsiuk, Das and Saenko, RISE, BMVC 2018, arXiv 1806.07421",
    checked="the masks of the authors' program (ac419cd, with scikit-image 0.26) for the same "
    "random cells at 224 x 224: equal",
    options=(
        Option("masks", MASKS, 1, 50_000, "pictures", "random masks", sets="count"),
        Option("cells", CELLS, 2, 32, "cells", "cells of a mask, along each side"),
        Option("probability", PROBABILITY, 0.01, 0.99, "probability", "that a cell is seen"),
    ),
)
