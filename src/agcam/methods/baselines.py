"""Random baselines: maps that know nothing of the picture; every table shows them."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import GridTrace

SEED: Final = 0
SPREAD: Final = 0.25  # standard deviation of the Gaussian, as a share of each side


def random_map(trace: GridTrace) -> Float[Tensor, "batch patch"]:
    """Uniform noise in [0, 1), from a fixed seed: the same map for every picture and class."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.rand(trace.grid.patches, generator=generator).repeat(trace.batch, 1)


def centred_gaussian(trace: GridTrace) -> Float[Tensor, "batch patch"]:
    """`exp(-(x^2 + y^2) / (2 s^2))`, s a quarter of each side: the photographer's bias alone."""
    rows = _bell(trace.grid.rows)
    columns = _bell(trace.grid.columns)
    return (rows[:, None] * columns).flatten().repeat(trace.batch, 1)


def _bell(cells: int) -> Tensor:
    offset = (torch.arange(cells) + 0.5) / cells - 0.5
    return torch.exp(-(offset**2) / (2 * SPREAD**2))
