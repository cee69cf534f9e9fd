"""AttnLRP: attention-aware layer-wise relevance (Achtibat et al., ICML 2024)."""

from __future__ import annotations

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import GraphTrace, Method
from ..values.needs import Tape
from ..values.options import RULES


def attn_lrp(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """`R_j = <x_j, g_j>`, signed; x: tokens that enter the first block.

    g is the gradient of the target logit with AttnLRP's rules in it: gates of activations and
    what norms divide by held fixed (identity rule), products of two (attention with values,
    queries with keys, SwiGLU) divided evenly, softmax by its own derivative (Taylor), linear
    layers plain (the epsilon rule without its epsilon). The paper tunes a gamma rule for the
    linear layers of its ViT and goes on to the pixels: neither is here, a token's relevance is
    the sum over its channels. Equal to the authors' program without gamma rules
    (github.com/rachtibat/LRP-eXplains-Transformers at f043441) to 1e-6 of the map's maximum. On
    several grids, ours: x is the stem's feature map, or the pixels, see docs/method.md.
    """
    first = trace.blocks[0]
    relevance = first.tokens * first.token_gradients
    return reduce(relevance, "batch token dim -> batch token", "sum")[:, trace.grid.places]


METHOD = Method(
    "attn_lrp",
    attn_lrp,
    Tape("attn_lrp"),
    "Achtibat et al., AttnLRP, ICML 2024, arXiv 2402.05602",
    several_grids=True,
    options=(RULES,),
)
