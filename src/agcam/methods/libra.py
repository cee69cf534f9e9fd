"""LibraGrad (Mehri et al., CVPR 2025): known methods on gradients that keep the account."""

from __future__ import annotations

from typing import Final

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import GraphTrace, Method
from ..values.needs import Tape
from ..values.options import RULES
from .attcat import attcat

TINY: Final = 1e-7


def libra_xgrad_cam_plus(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """`sum over channels of h * w`, `w = sum over tokens of g |h| / sum over tokens of |h|`.

    h: all tokens that enter the last block; g: their LibraGrad gradients; signed, no relu.
    LibraGrad: attention, the gates of activations and what norms divide by are held fixed on the
    way back, SwiGLU's product is halved, so that tokens times gradients and the biases make the
    logit exactly. As in the authors' program (github.com/NightMachinery/decompv-libragrad-v1 at
    79e2ae9), which names this map XGradCAM+; it may start from a softmax, we from the logit.
    """
    block = trace.blocks[-1]
    tokens, gradients = block.tokens.to(block.token_gradients.dtype), block.token_gradients
    weighted, sizes = (
        reduce(terms, "batch token dim -> batch 1 dim", "sum")
        for terms in (gradients * tokens.abs(), tokens.abs())
    )
    relevance = tokens * (weighted / (sizes + TINY))
    return reduce(relevance, "batch token dim -> batch token", "sum")[:, trace.grid.places]


def libra_attcat(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """AttCAT (see `attcat`) on LibraGrad's gradients (see `libra_xgrad_cam_plus`).

    Tokens and attention are of the same block, as in AttCAT's own program; LibraGrad's takes the
    tokens that leave the block.
    """
    return attcat(trace)


CITE: Final = "Mehri et al., LibraGrad, CVPR 2025, arXiv 2411.16760"
XGRAD_CAM_PLUS = Method(
    "libra_xgrad_cam_plus", libra_xgrad_cam_plus, Tape("libra"), CITE, options=(RULES,)
)
ATTCAT = Method(
    "libra_attcat",
    libra_attcat,
    Tape("libra"),
    f"{CITE}; Qiang et al., AttCAT, NeurIPS 2022",
    options=(RULES,),
)
