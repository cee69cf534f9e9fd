"""What tracers make and methods read, of one target per picture or of several side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from .picture import Grid
from .places import Places
from .query import Query
from .recording import AttentionCall


@dataclass(frozen=True)
class ReadBlock:
    """One block: scores, and gradients of the target's logit, at the read rows.

    `places`: where its keys and rows lie; None where they are the tokens of the grid. Else `batch`
    counts the items of the attention (windows of pictures).
    """

    scores: Float[Tensor, "batch head read token"]
    gradients: Float[Tensor, "batch head read token"]
    places: Places | None = None

    def mean_of_rows(
        self, terms: Float[Tensor, "batch *head read token"]
    ) -> Float[Tensor, "batch *head token"]:
        """The mean over the rows that carry gradient; the terms of others are zero."""
        carries = self.gradients.ne(0).any(-1).any(1)
        if self.places is not None:  # heads that are folded into the rows are no rows
            outside, inside = self.places.heads_in_rows
            carries = carries.reshape(len(carries), outside, -1, inside).any(3).any(1)
        rows = reduce(carries.long(), "batch read -> batch", "sum").clamp(min=1)
        return reduce(terms, "batch ... read token -> batch ... token", "sum") / rows.reshape(
            -1, *(1,) * (terms.ndim - 2)
        )

    def on_grid(
        self, keys: Float[Tensor, "batch *head token"], grid: Grid
    ) -> Float[Tensor, "picture *head patch"]:
        """Relevance of the keys where they lie on the grid; that of other tokens is dropped."""
        return keys[..., grid.places] if self.places is None else self.places.on_grid(keys)


if TYPE_CHECKING:
    Blocks = Sequence[ReadBlock]
else:
    Blocks = Sequence  # a check of shapes would read a block, and so make a backward pass


@dataclass(frozen=True)
class ReadTrace:
    """A recording and its targets, side by side in the batch of each block.

    A block of k targets has batch * k rows, all targets of the first picture first; it may be made
    when it is read. `gradients = d y_target / d attention`, the inputs of every self-attention
    detached. Rows that the target does not depend on have none, and do not count where rows are
    averaged. `calls`: each block's attention as its factors, one for each picture, for
    `Replay(calls=True)`; memory grows with tokens, not with their square. `more`: the blocks of
    the targets that one pass back has no room for, so that what is made of the calls serves all.
    `places`: where the calls lie, as in ReadBlock; empty where all are of the grid's tokens.
    """

    blocks: Blocks
    grid: Grid
    calls: tuple[AttentionCall, ...] = ()
    more: tuple[Blocks, ...] = ()
    places: tuple[Places, ...] = ()

    def of_targets(
        self, function: Callable[[Blocks], Tensor]
    ) -> Float[Tensor, "batch target patch"]:
        """`function` of the blocks of every target, one pass back at a time; needs `calls`."""
        batch = len(self.calls[0].value) // (self.places[0].items if self.places else 1)
        found = (function(blocks) for blocks in (self.blocks, *self.more))
        return torch.cat([some.reshape(batch, -1, some.shape[-1]) for some in found], dim=1)


@dataclass(frozen=True)
class AttentionTrace:
    """The attention of every block (class-agnostic), and which rows the classifier reads.

    `reads` are weights that sum to 1 for each picture. `places`: where each attention lies, as in
    ReadTrace; then `reads` are of the rows of the last one, and sum to 1 in each window.
    """

    calls: tuple[AttentionCall, ...]
    reads: Float[Tensor, "batch token"]
    grid: Grid
    places: tuple[Places, ...] = ()


@dataclass(frozen=True)
class GraphBlock:
    """One attention of the model's graph, and the tokens that enter its block.

    `gradients = d y_target / d attention` and `token_gradients = d y_target / d tokens`: nothing
    detached, later attention matrices follow earlier ones. On a tape, by the rules of the tape.
    Where attention lies on several grids, `tokens` are those of the finest grid, of every block;
    then `item` counts windows of pictures.
    """

    attention: Float[Tensor, "item head row key"]
    gradients: Float[Tensor, "item head row key"]
    tokens: Float[Tensor, "batch token dim"]
    token_gradients: Float[Tensor, "batch token dim"]


class Incomplete(NamedTuple):
    """The share of a logit that rules lose, and the operation where most of it gets lost."""

    error: float
    operation: str


@dataclass(frozen=True)
class Account:
    """Where a logit goes, by rules of gradients.

    `logit = <tokens, token_gradients of the first block> + biases + error`: `biases` is what the
    model's constants (biases, masks, class tokens) add, `error` what the rules neither pass on nor
    give to them, most of it in `operations` (torch's names). Rules of relevance carry shares: their
    `logit` is 1, and of constants those take some that stand beside the tokens.
    """

    logit: Float[Tensor, " batch"]
    biases: Float[Tensor, " batch"]
    error: Float[Tensor, " batch"]
    operations: tuple[str, ...]

    @property
    def incomplete(self) -> list[Incomplete]:
        """The completeness error of each picture: the part of the logit that is lost."""
        errors = (self.error.abs() / self.logit.abs()).tolist()
        return [Incomplete(*one) for one in zip(errors, self.operations, strict=True)]


@dataclass(frozen=True)
class GraphTrace:
    """Every attention of the model and one target per picture; memory grows with tokens squared.

    `reads` and `places` as in AttentionTrace. Where rules carried relevance, not gradients,
    `relevance` is what arrived at each attention, and the blocks have ordinary gradients.
    `account` states what rules account for, where some were used.
    """

    blocks: tuple[GraphBlock, ...]
    reads: Float[Tensor, "batch token"]
    grid: Grid
    relevance: tuple[Float[Tensor, "_ _ _ _"], ...] = ()
    account: Account | None = None
    places: tuple[Places, ...] = ()


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
    """The token stream of every block, and the ordinary gradients at its attention.

    `path` gives d y_target / d A of the last attention at the read rows, for the picture times
    0 ... 1 in equal steps, for `Stream(path=steps)`; made a few at a time and never kept.
    """

    blocks: tuple[StreamBlock, ...]
    reads: Float[Tensor, "batch token"]
    grid: Grid
    path: Iterable[Float[Tensor, "batch head read token"]] = ()


@dataclass(frozen=True)
class BlockTrace:
    """Every block's own score: the target as if the classifier stood right behind that block.

    `gradients` holds, for each attention, d s_block / d attention, nothing of it from other
    blocks: s_block is the target logit of the classifier on the block's mean token; with an
    attention pooling classifier, of the pooled tokens of the block, and the attention is that of
    the pool (its rows are the pool's queries).
    """

    gradients: tuple[Float[Tensor, "batch head row token"], ...]
    grid: Grid


@dataclass(frozen=True)
class TokenTrace:
    """One layer's token features, and the gradients of the target logit at them.

    The layer is the norm in front of the last block's attention.
    """

    features: Float[Tensor, "batch token dim"]
    gradients: Float[Tensor, "batch token dim"]
    grid: Grid


@dataclass(frozen=True)
class SinglePatchTrace:
    """The target logit when a single patch goes through the last block, with the prefix."""

    logits: Float[Tensor, "batch patch"]
    grid: Grid


@dataclass(frozen=True)
class GridTrace:
    """Only where the tokens lie and how many pictures there are: enough for random baselines."""

    batch: int
    grid: Grid


Trace = (
    ReadTrace
    | AttentionTrace
    | GraphTrace
    | StreamTrace
    | BlockTrace
    | TokenTrace
    | SinglePatchTrace
    | GridTrace
    | Query
)
"""Any evidence: relevance is wanted for the patches of its `grid`."""
