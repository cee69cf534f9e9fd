"""What each block and head adds to AGCAM's maps."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import MethodError
from ..methods import METHODS
from ..methods.agcam import contributions
from ..tracing import Session
from ..values import Method


def block_maps_of(
    session: Session, method: Method, targets: Int[Tensor, "batch target"]
) -> Float[Tensor, "batch target block head *time rows columns"] | None:
    """The parts of the maps of `agcam`, which sum to them; None of another method.

    A block of fewer heads than another has NaN in the place of the others.
    """
    if method.name != METHODS["agcam"].name:
        return None
    grid = session.recording.grid
    every = []
    for target in targets.unbind(1):
        parts = list(contributions(session.trace(method, target)))
        heads = max(part.shape[1] for part in parts)
        every.append(torch.stack([_padded(part, heads) for part in parts], 1))
    maps = torch.stack(every, 1).float().cpu()
    return maps.reshape(*maps.shape[:-1], *grid.shape)


def _padded(part: Tensor, heads: int) -> Tensor:
    missing = part.new_full((len(part), heads - part.shape[1], part.shape[2]), torch.nan)
    return torch.cat([part, missing], 1)


def check_blocks(blocks: bool, methods: tuple[Method, ...], views: int) -> None:
    """MethodError where there are no blocks and heads to keep."""
    if not blocks:
        return
    if METHODS["agcam"].name not in {method.name for method in methods}:
        raise MethodError("blocks and heads are parts of agcam's map: name agcam as a method, too.")
    if views != 1:
        raise MethodError("blocks and heads are of one view: leave views at 1.")
