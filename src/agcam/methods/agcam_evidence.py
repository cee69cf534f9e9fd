"""Where the evidence itself is: what patches say, and what the patches they attend to say."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..values import Method, ReadTrace
from ..values.needs import Replay
from .agcam_spread import CITE, over_attention, signed_evidence


def agcam_evidence(trace: ReadTrace) -> Float[Tensor, "batch_target patch"]:
    """`L = (z(e) + z(A e))^3`, signed; `z(x) = (x - mean x) / deviation of x` over the patches.

    e, A: evidence and means over attended patches, as in `agcam_spread`, but nothing is cut off:
    a patch ranks high if it speaks for the class and so do the patches that it attends to, low if
    they speak against it. The cube keeps that order and the sign, and has most of the positive
    mass where the evidence is strongest: see docs/planted-evidence.md.
    """
    evidence = signed_evidence(trace)
    both = _standard(evidence) + _standard(over_attention(evidence, trace))
    return rearrange(both**3, "batch target patch -> (batch target) patch")


def _standard(relevance: Tensor) -> Tensor:
    """Less its mean, in units of its deviation; 0 where all patches are alike."""
    centred = relevance - relevance.mean(-1, keepdim=True)
    deviation = centred.square().mean(-1, keepdim=True).sqrt()
    return centred / deviation.clamp(min=torch.finfo(deviation.dtype).tiny)


METHOD = Method("agcam_evidence", agcam_evidence, Replay(calls=True), CITE)
