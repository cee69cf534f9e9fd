"""ResLRP: AttnLRP with a rule for residual sums (Berend et al., preprint 2026)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ..values import GraphTrace, Method, Option
from ..values.needs import Tape
from ..values.options import RULES
from .attn_lrp import attn_lrp


def res_lrp(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """`R_j = <x_j, g_j>`, signed; x: tokens that enter the first block.

    g is AttnLRP's gradient (see `attn_lrp`) with one more rule: where a block adds to the token
    stream, `y = a + b`, `R_a = w(a) a / (w(a) a + w(b) b) * R_y` with
    `w(z) = 1 + gamma * [z y > 0]`, element by element. It keeps the sum of relevance, and one sum
    makes the absolute relevance at most 1 + 2 / gamma times as large; gamma = 0 is AttnLRP.

    Not checked against the authors' program: we had the rule, its constant (gamma = 1) and its
    bound. `views=4` averages the maps of four shifted pictures, as ResLRP+ does, by half a patch.
    Ours: which sums are residual (those of the token stream, itself, copied or normed,
    with another term that depends on the picture, also in the head), and the place of the map. The
    paper's relevance is at the pixels; at the tokens it holds the part of position embeddings and
    of the patch embedding's bias.
    """
    return attn_lrp(trace)


METHOD = Method(
    "res_lrp",
    res_lrp,
    Tape("res_lrp"),
    "after Berend et al., The role of residual cancellation in attribution instability in vision "
    "transformers, preprint 2026; the rule is theirs, the program was not compared",
    several_grids=True,
    options=(
        Option(
            "gamma",
            Tape.gamma,
            0,
            1000,
            "of a term's weight",
            "how much more a term weighs that has the sign of its residual sum",
            sets="gamma",
        ),
        RULES,
    ),
)
