"""Grad-CAM on the features of tokens (Selvaraju et al., ICCV 2017)."""

from __future__ import annotations

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import TokenTrace, precise


def grad_cam_tokens(trace: TokenTrace) -> Float[Tensor, "batch patch"]:
    """`relu(sum over d of w_d * f_d)`, `w_d = mean over patches of dy/df_d` (eq. 1 and 2).

    f: the output of the norm in front of the last block's attention (of the first one, where a
    block holds several), patches only: what users of pytorch-grad-cam name as target layer and
    reshape for a ViT. The paper's channels are the dimensions of a token.
    """
    features, gradients = patches(trace)
    weights = reduce(gradients, "batch patch dim -> batch 1 dim", "mean")
    return reduce(features * weights, "batch patch dim -> batch patch", "sum").relu()


def patches(trace: TokenTrace) -> tuple[Tensor, Tensor]:
    """Features and gradients of the patch tokens; signed products are summed in float32."""
    some = trace.grid.places
    return precise(trace.features[:, some]), precise(trace.gradients[:, some])
