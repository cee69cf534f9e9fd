"""Sums over blocks that several methods take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor


def over_blocks(maps: Sequence[Tensor]) -> Tensor:
    """The sum of one map a block, block after block."""
    return sum(maps[1:], maps[0])


def rolled(
    rows: Tensor,
    steps: Iterable[Any],
    times: Callable[[Tensor, Any], Tensor] = torch.matmul,
) -> Tensor:
    """`rows @ prod over blocks of (I + step)`; rows: batch row token.

    `steps` come from the last block to the first, so that a few row vectors are carried on and no
    product of matrices is made. `times(rows, step)` is the product of rows with one step.
    """
    for step in steps:
        rows = rows + times(rows, step)
    return rows
