"""Sums and products over blocks that several methods take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import Places
from ..values.places import Parts

ROWS_AT_ONCE: Final = 256  # of one block's attention: it is never held as tokens squared


def chunks(rows: int) -> list[slice]:
    """So many rows, some at a time: memory is bounded whatever their number."""
    starts = range(0, rows, ROWS_AT_ONCE)
    return [slice(start, min(start + ROWS_AT_ONCE, rows)) for start in starts]


def over_blocks(maps: Sequence[Tensor]) -> Tensor:
    """The sum of one map per block, block after block."""
    return sum(maps[1:], maps[0])


def rolled_over_grids(
    reads: Float[Tensor, "item row"], steps: Iterable[Parts], places: Sequence[Places]
) -> Float[Tensor, "picture cell"]:
    """`reads @ prod over attentions of (I + U M P)`, where attentions lie on grids of their own.

    The rows of the last attention that the classifier reads, all alike, lie on cells of the finest
    grid. There, skip connections leave what a cell holds where it is, whatever the resolution: a
    token of a coarser grid is the cells that it lies on. `steps` hold M of each attention, the last
    one first; U and P are its rows' and keys' shares of the cells (`Places.rows_to_keys`).
    """
    rows = places[-1].rows_on_grid(reads.ne(0).to(reads))
    start = rows / rows.sum(-1, keepdim=True)

    def times(cells: Tensor, step: tuple[Places, Parts]) -> Tensor:
        return step[0].rows_to_keys(cells, step[1])

    return rolled(start[:, None], zip(reversed(places), steps, strict=True), times)[:, 0]


def whole(matrix: Float[Tensor, "item row key"]) -> Parts:
    """A matrix that is held as a whole, as parts."""
    return [(slice(None), matrix)]


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
