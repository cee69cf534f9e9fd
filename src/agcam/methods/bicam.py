"""BiCAM: signed attention, value and gradient (Su and Luo, PAKDD 2026)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jaxtyping import Float
from torch import Tensor

from ..values import Grid, ReadBlock, ReadTrace

HEAD: Final = 1


def bicam(trace: ReadTrace) -> Float[Tensor, "batch patch"]:
    """`sum over the last two thirds of the blocks, and heads, of softmax(S) * alpha`, signed.

    Not checked against the paper: we had its abstract and a summary ("signed attention, value and
    gradient signals from the last two-thirds of layers, temperature-scaled softmax, layer-wise
    masks summed without ReLU"), no equation and no program. This is our reading of them, with
    temperature 1: alpha = <gradient of the target logit at a head's output, value of the token>
    is AGCAM's gradient (eq. 3 to 7), which has value and gradient in it. Negative where a patch
    speaks against the class. Where several tokens are read, the mean over their rows.
    """
    return signed(trace.blocks[len(trace.blocks) // 3 :], trace.grid)


def signed(blocks: Sequence[ReadBlock], grid: Grid) -> Float[Tensor, "batch patch"]:
    """`sum over blocks and heads of softmax(S) * alpha`: what patches add to the target's logit."""
    maps = [
        block.mean_of_rows((block.scores.softmax(-1) * block.gradients).sum(HEAD))
        for block in blocks
    ]
    return sum(maps[1:], maps[0])[:, grid.places]
