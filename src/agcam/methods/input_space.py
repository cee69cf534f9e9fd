"""What black-box methods share: cells of pixels, and captum."""

from __future__ import annotations

from typing import Any, Final

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import LoadError
from ..values import Grid, Query, precise

CHECKED: Final = "captum, called by hand on the bare module"


def cells(query: Query) -> Int[Tensor, "height width"]:
    """The patch that each pixel belongs to: cells of one size, but for a pixel of rounding."""
    height, width = query.pixels.shape[-2:]
    rows, columns = _places(height, query.grid.rows), _places(width, query.grid.columns)
    return (rows[:, None] * query.grid.columns + columns).to(query.pixels.device)


def patch_sum(
    values: Float[Tensor, "batch height width"], grid: Grid
) -> Float[Tensor, "batch patch"]:
    """The sum over the pixels of every patch, in float32 at least.

    By products of matrices, and so in the same order each time, on every device.
    """
    values = precise(values)
    height, width = values.shape[-2:]
    rows, columns = (
        torch.nn.functional.one_hot(_places(pixels, count), count).to(values)
        for pixels, count in ((height, grid.rows), (width, grid.columns))
    )
    return rearrange(rows.T @ values @ columns, "batch row column -> batch (row column)")


def patch_mean(
    values: Float[Tensor, "batch height width"], grid: Grid
) -> Float[Tensor, "batch patch"]:
    """The mean over the pixels of every patch."""
    return patch_sum(values, grid) / patch_sum(torch.ones_like(values), grid)


def _places(pixels: int, count: int) -> Tensor:
    return torch.arange(pixels) * count // pixels


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


def attributed(explainer: Any, query: Query) -> Float[Tensor, "batch channel height width"]:
    """What one of captum's methods gives at the pixels, for as many pictures at once as may be."""
    return torch.cat(
        [
            explainer.attribute(pixels.clone().requires_grad_(), additional_forward_args=target)
            for pixels, target in query.parts(query.chunk)
        ]
    )
