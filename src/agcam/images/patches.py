"""Pictures that a processor has cut into patches (NaFlex), put together again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from ..errors import PictureError

FORM = (
    "patches of pictures come with their grid: pixel_values (batch, patch, number), "
    "pixel_attention_mask and spatial_shapes (Hugging Face), or patches, patch_coord and "
    "patch_valid (timm)"
)


def pictures_of(given: Mapping[Any, Any]) -> Tensor | list[Tensor]:
    """Prepared pictures of what a NaFlex processor of Hugging Face or timm gives; no padding.

    One tensor (batch, channel, height, width) where all have one shape, else a list.

    Raises:
        PictureError: Patches, grids and masks do not agree.

    """
    try:
        if "patch_coord" in given:
            patches = torch.as_tensor(given["patches"])
            grids = [_of_timm(*one) for one in zip(*_coordinates(given), strict=True)]
        else:
            patches = torch.as_tensor(given["pixel_values"])
            shapes = torch.as_tensor(given["spatial_shapes"]).tolist()
            valid = torch.as_tensor(given["pixel_attention_mask"])
            grids = [_of_shape(*one) for one in zip(shapes, valid, strict=True)]
        pictures = [_picture(*one) for one in zip(patches, grids, strict=True)]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"{FORM} ({error}).") from error
    same = len({picture.shape for picture in pictures}) == 1
    return torch.stack(pictures) if same else pictures


def _coordinates(given: Mapping[Any, Any]) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(given["patch_coord"]), torch.as_tensor(given["patch_valid"])


def _of_shape(shape: list[int], valid: Tensor) -> tuple[int, int]:
    rows, columns = map(int, shape)
    count = rows * columns
    if not bool(valid[:count].all()) or bool(valid[count:].any()) or count > len(valid):
        raise PictureError(
            f"a picture of {rows} x {columns} patches has {int(valid.sum())} in its mask; {FORM}."
        )
    return rows, columns


def _of_timm(places: Tensor, valid: Tensor) -> tuple[int, int]:
    """Rows and columns of coordinates (patch, (y, x)), which must be a whole grid, row by row."""
    own = places[: int(valid.sum())].long()
    rows, columns = (int(side) + 1 for side in own.amax(0))
    whole = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).reshape(-1, 2)
    if not bool(valid[: len(own)].all()) or not torch.equal(own.cpu(), whole):
        raise PictureError(
            f"the patches' coordinates do not form a whole grid, row by row; {FORM}."
        )
    return rows, columns


def _picture(patches: Tensor, grid: tuple[int, int]) -> Tensor:
    """(channel, height, width) of patches (patch, y * x * channel), channels last."""
    rows, columns = grid
    numbers = patches.shape[-1]
    channels = next((n for n in (3, 1) if math.isqrt(numbers // n) ** 2 * n == numbers), 0)
    if patches.ndim != 2 or not channels:
        raise PictureError(f"patches of {tuple(patches.shape)} are not square; {FORM}.")
    side = math.isqrt(numbers // channels)
    own = patches[: rows * columns]
    together = "(row column) (y x channel) -> channel (row y) (column x)"
    return rearrange(own, together, row=rows, column=columns, y=side, x=side)
