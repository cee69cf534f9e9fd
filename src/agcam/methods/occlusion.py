"""Occlusion: hide one patch at a time (Zeiler and Fergus, ECCV 2014)."""

from __future__ import annotations

from itertools import product
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..values import Grid, Method, Option, Query
from ..values.needs import BlackBox
from .input_space import CHECKED, cells

WINDOW: Final = 1
STRIDE: Final = 1


def occlusion(
    query: Query, *, window: int = WINDOW, stride: int = STRIDE
) -> Float[Tensor, "batch patch"]:
    """`y(x) - y(x with the patch hidden)`: how much the target logit falls; signed.

    Hidden is every pixel of one patch (of a clip, in its time step alone), once, set to 0 of the
    normalized picture (its mean colour).
    The paper slides a grey square and plots the class's probability; the logit does not saturate,
    and it is what the other methods explain. Of an object that covers many patches most stays
    visible when one is hidden: relevance may be low there. With a larger window, a patch gets the
    mean of the falls of all windows that hide it. Equal to captum's Occlusion, also where windows
    overlap; patches need not be of equal size.
    """
    hidden, patches = _hidden(query, window, stride), cells(query)
    maps = []
    for picture, target in query.parts(1):
        falls = query.logit(picture, target)
        parts = []
        for some in torch.split(hidden, query.chunk):
            masked = torch.where(some[:, patches][:, None], torch.zeros_like(picture), picture)
            parts.append(falls - query.logit(masked, target.expand(len(some))))
        maps.append(torch.cat(parts))
    weights = hidden.to(maps[0])
    return torch.stack(maps) @ weights / weights.sum(0)


def _hidden(query: Query, window: int, stride: int) -> Bool[Tensor, "place patch"]:
    """The patches that each place of the window hides, row by row; the last ones are cut off."""
    starts = (range(0, max(side - window, 0) + stride, stride) for side in query.grid.shape)
    return torch.stack([_at(query.grid, place, window) for place in product(*starts)]).to(
        query.pixels.device
    )


def _at(grid: Grid, place: tuple[int, ...], window: int) -> Tensor:
    hidden = torch.zeros(grid.shape, dtype=torch.bool)
    hidden[tuple(slice(start, start + window) for start in place)] = True
    return hidden.flatten()


METHOD = Method(
    "occlusion",
    occlusion,
    BlackBox(count=1, window=WINDOW, stride=STRIDE),
    "Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, "
    "arXiv 1311.2901",
    checked=CHECKED,
    options=(
        Option("window", WINDOW, 1, 64, "patches", "the side of what is hidden", sets="window"),
        Option("stride", STRIDE, 1, 64, "patches", "how far the window moves", sets="stride"),
    ),
)
