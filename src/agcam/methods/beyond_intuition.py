"""Beyond Intuition: attention perception times reasoning feedback (Chen et al., TMLR 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import Method, Option, StreamBlock, StreamTrace
from ..values.needs import Stream
from .sums import rolled

STEPS: Final = 20
FROM_TOKEN: Final = 5 / 12  # the program's first block for ViT-B, as a share of its 12
FROM_HEAD: Final = 3 / 12
OPTION_STEPS: Final = Option(
    "steps", STEPS, 2, 1000, "pictures", "pictures on the way from zero to the picture", sets="path"
)
ABOUT_START: Final = "the share of the blocks that come before the product"


def beyond_intuition_token(
    trace: StreamTrace, *, start: float = FROM_TOKEN
) -> Float[Tensor, "batch patch"]:
    """`|P| * F`, `P = prod of (I + A diag(|W_O v| / |x|))`, token-wise; read rows.

    A is the mean over heads, x the tokens that enter the block, W_O v their values projected, no
    bias; the product starts at the 6th of 12 blocks. `F = mean over heads of relu(mean over 20
    steps of dy/dA)` is the integrated gradient of the last attention, on the picture times 0 ...
    1. As in the authors' program (github.com/jiaminchen-1031/transformerinterp at a76854a). Ours:
    the same share of the blocks in models of another depth, scales after the projection counted
    in, the mean over read rows where there are several (their own choice for mean pooling).
    """
    steps = [
        reduce(block.attention, "batch head row token -> batch row token", "mean")
        * _ratio(block)[:, None]
        for block in trace.blocks[int(len(trace.blocks) * start) :]
    ]
    return _joined(trace, steps, signed=False)


def beyond_intuition_head(
    trace: StreamTrace, *, start: float = FROM_HEAD
) -> Float[Tensor, "batch patch"]:
    """`P * F`, `P = prod of (I + sum over heads of I_h A_h)`, head-wise; read rows.

    `I_h`, which sum to 1, are in proportion to the mean of |A_h^T dy/dA_h|; the product starts at
    the 4th of 12 blocks. F, source and what is ours: see `beyond_intuition_token`.
    """
    steps = []
    for block in trace.blocks[int(len(trace.blocks) * start) :]:
        sizes = (block.attention.mT @ block.gradients).abs()
        weights = reduce(sizes, "batch head row token -> batch head 1 1", "mean")
        shares = weights / reduce(weights, "batch head 1 1 -> batch 1 1 1", "sum")
        steps.append(
            reduce(shares * block.attention, "batch head row token -> batch row token", "sum")
        )
    return _joined(trace, steps, signed=True)


def _ratio(block: StreamBlock) -> Tensor:
    mixed, entering = (
        reduce(tokens.to(block.mixed.dtype).square(), "batch token dim -> batch token", "sum")
        for tokens in (block.mixed, block.entering)
    )
    return (mixed / entering).sqrt()


def _joined(trace: StreamTrace, steps: Sequence[Tensor], *, signed: bool) -> Tensor:
    total, count = torch.zeros(()), 0
    for gradients in trace.path:
        total, count = gradients if count == 0 else total + gradients, count + 1
    feedback = reduce((total / count).relu(), "batch head read token -> batch read token", "mean")
    batch, kept, tokens = feedback.shape
    rows = torch.eye(tokens, dtype=feedback.dtype, device=feedback.device)[:kept]
    rows = rolled(rows.expand(batch, -1, -1), (step.to(rows.dtype) for step in reversed(steps)))
    perceived = rows if signed else rows.abs()
    weights = trace.reads[:, :kept, None].to(feedback)
    relevance = reduce(weights * perceived * feedback, "batch read token -> batch token", "sum")
    return relevance[:, trace.grid.places]


CITE: Final = (
    "Chen et al., Beyond Intuition: Rethinking Token Attributions inside Transformers, TMLR 2023"
)
TOKEN = Method(
    "beyond_intuition_token",
    beyond_intuition_token,
    Stream(path=STEPS),
    CITE,
    from_last_block=True,
    options=(
        OPTION_STEPS,
        Option("start", FROM_TOKEN, 0, 0.99, "of the blocks", ABOUT_START),
    ),
)
HEAD = Method(
    "beyond_intuition_head",
    beyond_intuition_head,
    Stream(path=STEPS),
    CITE,
    from_last_block=True,
    options=(
        OPTION_STEPS,
        Option("start", FROM_HEAD, 0, 0.99, "of the blocks", ABOUT_START),
    ),
)
