"""LeGrad: feature formation sensitivity (Bousselham et al., ICCV 2025)."""

from __future__ import annotations

from typing import Final

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import BlockTrace, Method, Option
from ..values.needs import BlockScores
from .sums import over_blocks

SKIPPED: Final = 0.0


def legrad(trace: BlockTrace, *, skipped: float = SKIPPED) -> Float[Tensor, "batch patch"]:
    """`mean over blocks, heads and all query rows of relu(d s_block / d A_block)`.

    `s_block` is the target logit of the model's own classifier (final norm and all) on the mean
    of all tokens that leave the block. With an attention pooling classifier the pool is applied to
    each block's tokens and A is the pool's attention. The formula was read from the authors'
    program (github.com/WalBouss/LeGrad at a9edb03), of the paper we had the abstract alone. All
    blocks are taken, as the abstract says; the program takes the last two unless told otherwise,
    sums where we average (the same map but for its scale), reads only an attention
    pool's first query, and for SigLIP blanks what an empty prompt shows: none of these here.
    Where a block holds several attentions, each is a term: ours.
    """
    some = trace.gradients[int(len(trace.gradients) * skipped) :]
    maps = [reduce(one.relu(), "batch head row token -> batch token", "mean") for one in some]
    return (over_blocks(maps) / len(maps))[:, trace.grid.places]


METHOD = Method(
    "legrad",
    legrad,
    BlockScores(),
    "Bousselham et al., LeGrad, ICCV 2025, arXiv 2404.03214",
    from_last_block=True,
    options=(
        Option(
            "skipped", SKIPPED, 0, 0.99, "of the blocks", "the first blocks, which do not count"
        ),
    ),
)
