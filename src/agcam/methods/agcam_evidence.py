"""Where the evidence itself is: three readings of the same gradients, of which none rules."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..values import Blocks, Method, ReadTrace
from ..values.needs import Replay
from .agcam import positive
from .agcam_spread import CITE, over_attention, signed_evidence


def agcam_evidence(trace: ReadTrace) -> Float[Tensor, "batch_target patch"]:
    """`L = (z(e) + z(A e) + z(L_agcam))^3`, signed; `z(x) = (x - mean x) / deviation of x`.

    e, A: evidence and means over attended patches, as in `agcam_spread`, but nothing is cut off;
    L_agcam: AGCAM's map, of positive gradients in all blocks. z is over the patches. A patch ranks
    high if it speaks for the class, if the patches that it attends to do, and if the class token
    reads it for the class at any depth; low if not. The cube keeps order and sign, and has most of
    the positive mass where the evidence is strongest: see docs/planted-evidence.md.
    """
    both = trace.of_targets(lambda blocks: _both(tuple(blocks), trace))
    evidence, read = rearrange(both, "batch (target two) patch -> two batch target patch", two=2)
    linked = over_attention(evidence, trace)
    total = standard(evidence) + standard(linked) + standard(read)
    return rearrange(total**3, "batch target patch -> (batch target) patch")


def _both(blocks: Blocks, trace: ReadTrace) -> Float[Tensor, "batch_target two patch"]:
    """`e` and AGCAM's map, of one pass back."""
    return torch.stack([signed_evidence(blocks, trace.grid), positive(blocks, trace.grid)], dim=1)


def standard(relevance: Tensor) -> Tensor:
    """Less its mean over the patches, in units of its deviation; 0 where all are alike."""
    centred = relevance - relevance.mean(-1, keepdim=True)
    deviation = centred.square().mean(-1, keepdim=True).sqrt()
    return centred / deviation.clamp(min=torch.finfo(deviation.dtype).tiny)


METHOD = Method(
    "agcam_evidence",
    agcam_evidence,
    Replay(calls=True),
    CITE,
    several_grids=True,
    reads_rows=True,
)
