"""BiCAM: signed attention, value and gradient (Su and Luo, PAKDD 2026)."""

from __future__ import annotations

from typing import Final

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import Blocks, Grid, Method, Option, ReadTrace
from ..values.needs import Replay
from .sums import over_blocks

SKIPPED: Final = 1 / 3
TEMPERATURE: Final = 1.0


def bicam(
    trace: ReadTrace, *, skipped: float = SKIPPED, temperature: float = TEMPERATURE
) -> Float[Tensor, "batch patch"]:
    """`sum over the last two thirds of the blocks, and heads, of softmax(S) * alpha`, signed.

    Not checked against the paper: we had its abstract and a summary ("signed attention, value and
    gradient signals from the last two-thirds of layers, temperature-scaled softmax, layer-wise
    masks summed without ReLU"), no equation and no program. This is our reading of them, with
    temperature 1: alpha = <gradient of the target logit at a head's output, value of the token>
    is AGCAM's gradient (eq. 3 to 7), which has value and gradient in it. Negative where a patch
    speaks against the class. Where several tokens are read, the mean over their rows.
    """
    return signed(trace.blocks[int(len(trace.blocks) * skipped) :], trace.grid, temperature)


def signed(
    blocks: Blocks, grid: Grid, temperature: float = TEMPERATURE
) -> Float[Tensor, "batch patch"]:
    """`sum over blocks and heads of softmax(S) * alpha`: what patches add to the target's logit."""
    maps = []
    for block in blocks:
        terms = (block.scores / temperature).softmax(-1) * block.gradients
        rows = reduce(terms, "batch head read token -> batch read token", "sum")
        maps.append(block.on_grid(block.mean_of_rows(rows), grid))
    return over_blocks(maps)


METHOD = Method(
    "bicam",
    bicam,
    Replay(),
    "after Su and Luo, BiCAM, PAKDD 2026, arXiv 2603.01605; formula not checked",
    several_grids=True,
    options=(
        Option(
            "skipped", SKIPPED, 0, 0.99, "of the blocks", "the first blocks, which do not count"
        ),
        Option(
            "temperature", TEMPERATURE, 0.01, 100, "of the scores", "what scores are divided by"
        ),
    ),
)
