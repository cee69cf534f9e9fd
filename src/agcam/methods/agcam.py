"""AGCAM: attention guided class activation map (Leem and Seo, AAAI 2024)."""

from __future__ import annotations

from collections.abc import Iterator

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import Blocks, Grid, Method, ReadTrace
from ..values.needs import Replay
from .sums import over_blocks


def agcam(trace: ReadTrace) -> Float[Tensor, "batch patch"]:
    """`L = sum over blocks and heads of sigmoid(S) * relu(alpha)` (eq. 8), prefix dropped.

    S: scores before softmax of the class token's row (eq. 2); alpha: gradient of the target
    logit at that row of the attention, straight from the output through the skip connections
    (eq. 3 to 7). Where a classifier reads several tokens (distillation token, pooling, tokens of
    several blocks), the mean over the rows that carry gradient is taken in each block: our
    generalization, not the paper's.
    """
    return positive(trace.blocks, trace.grid)


def positive(blocks: Blocks, grid: Grid) -> Float[Tensor, "batch patch"]:
    """`sum over blocks and heads of sigmoid(S) * relu(alpha)`: what patches add to the map."""
    maps = []
    for block in blocks:
        terms = block.scores.sigmoid() * block.gradients.relu()
        rows = reduce(terms, "batch head read token -> batch read token", "sum")
        maps.append(block.on_grid(block.mean_of_rows(rows), grid))
    return over_blocks(maps)


def contributions(trace: ReadTrace) -> Iterator[Float[Tensor, "batch head patch"]]:
    """What each head of one block after the other adds to the map of `agcam`; never negative.

    The terms of eq. 8 before they are summed: their sum over blocks and heads is the map.
    """
    for block in trace.blocks:
        terms = block.mean_of_rows(block.scores.sigmoid() * block.gradients.relu())
        yield block.on_grid(terms, trace.grid)


METHOD = Method(
    "agcam",
    agcam,
    Replay(),
    "Leem and Seo, Attention Guided CAM, AAAI 2024, arXiv 2402.04563",
    several_grids=True,
)
