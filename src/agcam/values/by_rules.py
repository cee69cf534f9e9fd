"""Evidence that goes back along a tape of the model's operations, by rules."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from .evidence import GraphTrace
from .picture import Grid


@dataclass(frozen=True)
class LrpBlock:
    """What reaches one attention: relevance (by rules), and the ordinary gradient d y / d A."""

    relevance: Float[Tensor, "batch head row token"]
    gradients: Float[Tensor, "batch head row token"]


@dataclass(frozen=True)
class LrpTrace:
    """Layer-wise relevance of one target a picture, at every attention."""

    blocks: tuple[LrpBlock, ...]
    reads: Float[Tensor, "batch token"]
    grid: Grid


@dataclass(frozen=True)
class RuledTrace(GraphTrace):
    """The whole graph with some of its gradients replaced by rules.

    `logit = <tokens, token_gradients of the first block> + biases + error`: `biases` is what the
    model's constants (biases, masks) add, `error` what the rules neither pass on nor give to them.
    """

    logit: Float[Tensor, " batch"]
    biases: Float[Tensor, " batch"]
    error: Float[Tensor, " batch"]

    @property
    def completeness_error(self) -> Float[Tensor, " batch"]:
        """The part of the logit that the rules account for nowhere, as a share of it."""
        return self.error.abs() / self.logit.abs()


@dataclass(frozen=True)
class LibraTrace(RuledTrace):
    """By LibraGrad: attention, the gates of activations and what norms divide by held fixed."""


@dataclass(frozen=True)
class AttnLrpTrace(RuledTrace):
    """By AttnLRP: as LibraGrad, but through attention, products divided evenly."""


@dataclass(frozen=True)
class StreamBlock:
    """One block: its attention and gradient, and its tokens before, between and after.

    `entering` are the tokens that enter it, `between` those that leave the sum with what attention
    made of them, `leaving` those that leave the block. `mixed` is what the block's attention
    sub-layer would add to each token from its own value alone: its projection, without biases.
    Where a block holds several attentions, their heads stand side by side.
    """

    attention: Float[Tensor, "batch head row token"]
    gradients: Float[Tensor, "batch head row token"]
    entering: Float[Tensor, "batch token dim"]
    between: Float[Tensor, "batch token dim"]
    leaving: Float[Tensor, "batch token dim"]
    mixed: Float[Tensor, "batch token dim"]


@dataclass(frozen=True)
class StreamTrace:
    """The token stream of every block, and the whole graph's gradients at its attention."""

    blocks: tuple[StreamBlock, ...]
    reads: Float[Tensor, "batch token"]
    grid: Grid
