"""Beyond Intuition: attention perception times reasoning feedback (Chen et al., TMLR 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import PathTrace, StreamBlock

HEAD: Final = 1
READ: Final = 1
DIM: Final = -1
FROM_TOKEN: Final = 5 / 12  # the program's first block for ViT-B, as a share of its 12
FROM_HEAD: Final = 3 / 12


def beyond_intuition_token(trace: PathTrace) -> Float[Tensor, "batch patch"]:
    """`|P| * F`, `P = prod of (I + A diag(|W_O v| / |x|))`, token-wise; read rows.

    A is the mean over heads, x the tokens that enter the block, W_O v their values projected, no
    bias; the product starts at the 6th of 12 blocks. `F = mean over heads of relu(mean over 20
    steps of dy/dA)` is the integrated gradient of the last attention, on the picture times 0 ...
    1. As in the authors' program (github.com/jiaminchen-1031/transformerinterp at a76854a). Ours:
    the same share of the blocks in models of another depth, scales after the projection counted
    in, the mean over read rows where there are several (their own choice for mean pooling).
    """
    blocks = trace.stream.blocks
    steps = [
        block.attention.mean(HEAD) * _ratio(block)[:, None]
        for block in blocks[int(len(blocks) * FROM_TOKEN) :]
    ]
    return _joined(trace, steps, signed=False)


def beyond_intuition_head(trace: PathTrace) -> Float[Tensor, "batch patch"]:
    """`P * F`, `P = prod of (I + sum over heads of I_h A_h)`, head-wise; read rows.

    `I_h`, which sum to 1, are in proportion to the mean of |A_h^T dy/dA_h|; the product starts at
    the 4th of 12 blocks. F, source and what is ours: see `beyond_intuition_token`.
    """
    blocks = trace.stream.blocks
    steps = []
    for block in blocks[int(len(blocks) * FROM_HEAD) :]:
        weights = (block.attention.mT @ block.gradients).abs().mean((2, 3), keepdim=True)
        steps.append((weights / weights.sum(HEAD, keepdim=True) * block.attention).sum(HEAD))
    return _joined(trace, steps, signed=True)


def _ratio(block: StreamBlock) -> Tensor:
    mixed, entering = block.mixed, block.entering.to(block.mixed.dtype)
    return (mixed.square().sum(DIM) / entering.square().sum(DIM)).sqrt()


def _joined(trace: PathTrace, steps: Sequence[Tensor], *, signed: bool) -> Tensor:
    stream = trace.stream
    total, count = torch.zeros(()), 0
    for gradients in trace.path:
        total, count = gradients if count == 0 else total + gradients, count + 1
    feedback = (total / count).relu().mean(HEAD)
    tokens = torch.eye(stream.grid.tokens, dtype=feedback.dtype, device=feedback.device)
    kept = feedback.shape[READ]
    rows = tokens[:kept].expand(len(feedback), -1, -1)
    for step in reversed(steps):
        rows = rows + rows @ step.to(rows.dtype)
    perceived = rows if signed else rows.abs()
    weights = stream.reads[:, :kept, None].to(feedback)
    return (weights * perceived * feedback).sum(READ)[:, stream.grid.places]
