"""Random baselines: maps that know nothing of the picture; every table shows them."""

from __future__ import annotations

from typing import Final

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from ..values import GridTrace, Method, Option
from ..values.needs import NoEvidence

SEED: Final = 0
SPREAD: Final = 0.25


def random_map(trace: GridTrace) -> Float[Tensor, "batch patch"]:
    """Uniform noise in [0, 1), from a fixed seed: the same map for every picture and class."""
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.rand(trace.grid.patches, generator=generator)
    return repeat(noise, "patch -> batch patch", batch=trace.batch)


def centred_gaussian(trace: GridTrace, *, spread: float = SPREAD) -> Float[Tensor, "batch patch"]:
    """`exp(-(x^2 + y^2) / (2 s^2))`, s a quarter of each side: the photographer's bias alone.

    Of a clip, time is a third side.
    """
    bell = torch.ones(1)
    for cells in trace.grid.shape:
        bell = rearrange(bell[:, None] * _bell(cells, spread), "patch cell -> (patch cell)")
    return repeat(bell, "patch -> batch patch", batch=trace.batch)


def _bell(cells: int, spread: float) -> Tensor:
    offset = (torch.arange(cells) + 0.5) / cells - 0.5
    return torch.exp(-(offset**2) / (2 * spread**2))


RANDOM = Method(
    "random", random_map, NoEvidence(), "random baseline: uniform noise", class_specific=False
)
GAUSSIAN = Method(
    "gaussian",
    centred_gaussian,
    NoEvidence(),
    "random baseline: centred Gaussian",
    class_specific=False,
    options=(Option("spread", SPREAD, 0.01, 10, "of each side", "the standard deviation"),),
)
