"""TokenTM: token transformation matters (Wu et al., CVPR 2024)."""

from __future__ import annotations

from typing import Final

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import Method, StreamTrace, precise
from ..values.needs import Stream

TINY: Final = 1e-8


def token_tm(trace: StreamTrace) -> Float[Tensor, "batch patch"]:
    """`C <- (I + W_mlp) (I + (A W_attn) * relu(dy/dA)) C`, from C = diag(|x|); read rows.

    A and relu(dy/dA) are means over heads. `W = diag(|after| / |before| * softmax over tokens of
    cos(before, after))` weighs what a sub-layer did to each token's length and direction: W_attn
    with the tokens before and after the attention's sum, W_mlp from there to the block's end. x
    enters the first block. Read from the program of LibraGrad's authors, who compare with TokenTM
    (github.com/NightMachinery/decompv-libragrad-v1 at 79e2ae9); of the paper we had the abstract
    and a summary that agrees. Where several tokens are read their rows are averaged: ours.
    """
    first = trace.blocks[0]
    rows = trace.reads[:, None].to(first.attention)
    for block in reversed(trace.blocks):
        rows = rows + rows * _weights(block.between, block.leaving)
        attention, gradients = (
            reduce(matrix, "batch head row token -> batch row token", "mean")
            for matrix in (block.attention, block.gradients.relu())
        )
        mixing = attention * _weights(block.entering, block.between)
        rows = rows + rows @ (mixing * gradients)
    return (rows[:, 0] * _length(first.entering))[:, trace.grid.places]


def _weights(before: Tensor, after: Tensor) -> Float[Tensor, "batch 1 token"]:
    """The diagonal of W as a row."""
    before, after = precise(before), precise(after)
    direction = torch.cosine_similarity(before, after, dim=-1).softmax(-1)
    return (_length(after) / (_length(before) + TINY) * direction)[:, None]


def _length(tokens: Tensor) -> Float[Tensor, "batch token"]:
    return reduce(precise(tokens).square(), "batch token dim -> batch token", "sum").sqrt()


METHOD = Method(
    "token_tm",
    token_tm,
    Stream(),
    "Wu et al., Token Transformation Matters, CVPR 2024, arXiv 2403.14552",
    from_last_block=True,
)
