"""AGCAM: attention guided class activation map (Leem and Seo, AAAI 2024)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jaxtyping import Float
from torch import Tensor

from ..values import ReadTrace

HEAD: Final = 1


def agcam(trace: ReadTrace) -> Float[Tensor, "batch patch"]:
    """`L = sum over blocks and heads of sigmoid(S) * relu(alpha)` (eq. 8), prefix dropped.

    S: scores before softmax of the class token's row (eq. 2); alpha: gradient of the target
    logit at that row of the attention, straight from the output through the skip connections
    (eq. 3 to 7). Where a classifier reads several tokens (distillation token, pooling, tokens of
    several blocks), the mean over the rows that carry gradient is taken in each block: our
    generalization, not the paper's.
    """
    maps = [
        block.mean_of_rows((block.scores.sigmoid() * block.gradients.relu()).sum(HEAD))
        for block in trace.blocks
    ]
    return sum(maps[1:], maps[0])[:, trace.grid.places]


def contributions(trace: ReadTrace) -> Iterator[Float[Tensor, "batch head patch"]]:
    """What each head of one block after the other adds to the map of `agcam`; never negative.

    The terms of eq. 8 before they are summed: their sum over blocks and heads is the map.
    """
    for block in trace.blocks:
        terms = block.mean_of_rows(block.scores.sigmoid() * block.gradients.relu())
        yield terms[..., trace.grid.places]
