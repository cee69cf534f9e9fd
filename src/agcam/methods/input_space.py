"""What black-box methods share: cells of pixels, and captum."""

from __future__ import annotations

from typing import Any, Final

import torch
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import LoadError
from ..values import Grid, Query, precise

CHECKED: Final = "captum, called by hand on the bare module"


def cells(query: Query) -> Int[Tensor, "*time row column"]:
    """The patch that each pixel belongs to: cells of one size, but for a pixel of rounding."""
    every = torch.zeros((), dtype=torch.long)
    for places, count in zip(_all_places(query.pixels, query.grid), query.grid.shape, strict=True):
        every = every[..., None] * count + places
    return every.to(query.pixels.device)


def patch_sum(
    values: Float[Tensor, "batch *time row column"], grid: Grid
) -> Float[Tensor, "batch patch"]:
    """The sum over the pixels of every patch, in float32 at least.

    By products of matrices, and so in the same order each time, on every device.
    """
    values = precise(values)
    for places, count in zip(_all_places(values, grid), grid.shape, strict=True):
        belongs = torch.nn.functional.one_hot(places, count).to(values)
        values = values.movedim(1, -1) @ belongs  # after as many turns the sides are in order
    return values.flatten(1)


def patch_mean(
    values: Float[Tensor, "batch *time row column"], grid: Grid
) -> Float[Tensor, "batch patch"]:
    """The mean over the pixels of every patch."""
    return patch_sum(values, grid) / patch_sum(torch.ones_like(values), grid).clamp(min=1)


def over_channels(values: Tensor) -> Tensor:
    """The sum over channels (batch, channel, *sides)."""
    return reduce(values, "batch channel ... -> batch ...", "sum")


def _all_places(pixels: Tensor, grid: Grid) -> list[Tensor]:
    """Along each side of the grid, the row (column, time step) of every pixel."""
    shape = grid.shape
    extents = grid.extent or ((0.0, 1.0),) * len(shape)
    sides = pixels.shape[-len(shape) :]
    return [_places(*one) for one in zip(sides, shape, extents, strict=True)]


def _places(pixels: int, count: int, extent: tuple[float, float]) -> Tensor:
    """Where each pixel lies; those beyond the outer patches belong to these."""
    if extent == (0.0, 1.0):
        return torch.arange(pixels) * count // pixels
    start, stop = (share * pixels for share in extent)
    shares = (torch.arange(pixels, dtype=torch.float64) + 0.5 - start) / (stop - start)
    return (shares * count).floor().long().clamp(0, count - 1)


def captum(method: str) -> Any:
    """captum.attr, which computes what it is known for; LoadError if it is not installed."""
    try:
        import captum.attr
    except ImportError as error:
        raise LoadError(
            f"the method {method} is computed by captum, which is not installed; run: "
            "pip install 'agcam[captum]'"
        ) from error
    return captum.attr


def attributed(explainer: Any, query: Query) -> Float[Tensor, "batch channel *time row column"]:
    """What one of captum's methods gives at the pixels, for as many pictures at once as may be."""
    return torch.cat(
        [
            explainer.attribute(pixels.clone().requires_grad_(), additional_forward_args=target)
            for pixels, target in query.parts(query.chunk)
        ]
    )
