"""What tracing makes and methods read; tensors are `batch block head read token`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .model import Layout
from .picture import Grid


@dataclass(frozen=True)
class AttentionCall:
    """One attention as the model asked for it: after rotary embedding, q/k norm, with mask.

    The attention matrix is kept as its factors; its rows are made when asked for. Where a model
    writes its attention out there are no factors: `key` is None, `query` holds the scores.
    """

    query: Float[Tensor, "batch head row dim"]
    key: Float[Tensor, "batch head token dim"] | None
    value: Float[Tensor, "batch head token dim"]
    mask: Tensor | None
    scale: float

    def only(self, rows: slice | Tensor) -> AttentionCall:
        """The same call for some of its query rows."""
        mask = self.mask
        if mask is not None and mask.shape[-2] == self.query.shape[-2]:
            mask = mask[..., rows, :]
        return replace(self, query=self.query[..., rows, :], mask=mask)

    def detach(self) -> AttentionCall:
        """The same call, cut off from what computed it."""
        return replace(
            self,
            query=self.query.detach(),
            key=None if self.key is None else self.key.detach(),
            value=self.value.detach(),
            mask=None if self.mask is None else self.mask.detach(),
        )

    def scores(self) -> Float[Tensor, "batch head row token"]:
        """`S = q k^T * scale + mask`, before softmax; at least float32."""
        precise = torch.promote_types(self.query.dtype, torch.float32)
        if self.key is None:
            return self.query.to(precise)
        scores = (self.query.to(precise) * self.scale) @ self.key.to(precise).mT
        if self.mask is None:
            return scores
        if self.mask.dtype == torch.bool:
            return scores.masked_fill(~self.mask, float("-inf"))
        return scores + self.mask.to(precise)


@dataclass(frozen=True)
class BlockRecord:
    """What is kept of one block: the values, and the scores of the kept tokens' rows.

    Where only prefix tokens are kept so are their scores; where every token is they would grow
    with tokens squared, so they are made from the call, one block at a time.
    """

    value: Float[Tensor, "batch head token dim"]
    rows: Tensor | AttentionCall

    @property
    def scores(self) -> Float[Tensor, "batch head read token"]:
        """Scores of the read rows, before softmax, after scale and bias."""
        return self.rows if isinstance(self.rows, Tensor) else self.rows.scores()


@dataclass(frozen=True)
class Recording:
    """One pass without gradients; knows no target, so it serves any number of them.

    `blocks` serves gradients and raw attention; `calls` holds every block's attention as its
    factors, kept only if a method needs whole matrices (empty otherwise). `reads` finds which
    tokens of the last block the classifier reads, as weights (batch token) whose rows sum to 1:
    the same for every picture, or not (a maximum over tokens).
    """

    pixels: Float[Tensor, "batch 3 height width"]
    logits: Float[Tensor, "batch class"]
    blocks: tuple[BlockRecord, ...]
    calls: tuple[AttentionCall, ...]
    layout: Layout
    reads: Callable[[], Tensor]

    @property
    def grid(self) -> Grid:
        """Where the tokens lie."""
        return self.layout.grid


@dataclass(frozen=True)
class ReadBlock:
    """One block, asked about a target: scores, and gradients of its logit, at the read rows."""

    scores: Float[Tensor, "batch head read token"]
    gradients: Float[Tensor, "batch head read token"]

    def mean_of_rows(
        self, terms: Float[Tensor, "batch *head read token"]
    ) -> Float[Tensor, "batch *head token"]:
        """The mean over the rows that carry gradient; the terms of others are zero."""
        rows = self.gradients.ne(0).any(-1).any(1).sum(1).clamp(min=1)
        return terms.sum(-2) / rows.reshape(-1, *(1,) * (terms.ndim - 2))


@dataclass(frozen=True)
class ReadTrace:
    """A recording asked about one target a picture; blocks may be made when they are read.

    `gradients = d y_target / d attention`, the inputs of every self-attention detached. Rows that
    the target does not depend on have none, and do not count where rows are averaged.
    """

    blocks: Sequence[ReadBlock]
    grid: Grid


@dataclass(frozen=True)
class AttentionTrace:
    """The attention of every block (class-agnostic), and which rows the classifier reads.

    `reads` are weights that sum to 1 for each picture.
    """

    calls: tuple[AttentionCall, ...]
    reads: Float[Tensor, "batch token"]
    grid: Grid


@dataclass(frozen=True)
class ReachTrace:
    """A recording asked about one target a picture, and how far what was read there reaches.

    `blocks` as in ReadTrace, one for each of `calls`, the whole attention of every block as its
    factors; memory grows with tokens, not with their square.
    """

    blocks: Sequence[ReadBlock]
    calls: tuple[AttentionCall, ...]
    grid: Grid


@dataclass(frozen=True)
class GraphBlock:
    """One attention of the whole graph, and the tokens that entered its block.

    `gradients = d y_target / d attention` and `token_gradients = d y_target / d tokens`, under
    ordinary autograd: nothing detached, later attention matrices follow earlier ones.
    """

    attention: Float[Tensor, "batch head row token"]
    gradients: Float[Tensor, "batch head row token"]
    tokens: Float[Tensor, "batch token dim"]
    token_gradients: Float[Tensor, "batch token dim"]


@dataclass(frozen=True)
class GraphTrace:
    """The whole graph asked about one target a picture; memory grows with tokens squared.

    `reads`: as in AttentionTrace.
    """

    blocks: tuple[GraphBlock, ...]
    reads: Float[Tensor, "batch token"]
    grid: Grid


@dataclass(frozen=True)
class BlockTrace:
    """Every block asked about the target as if the classifier stood right behind it.

    `gradients` holds, for each attention, d s_block / d attention, nothing of it from other
    blocks: s_block is the target logit of the classifier on the block's mean token; with an
    attention pooling classifier, of the pooled tokens of the block, and the attention is that of
    the pool (its rows are the pool's queries).
    """

    gradients: tuple[Float[Tensor, "batch head row token"], ...]
    grid: Grid


@dataclass(frozen=True)
class GridTrace:
    """Only where the tokens lie and how many pictures there are: enough for random baselines."""

    batch: int
    grid: Grid


@dataclass(frozen=True)
class Query:
    """The model itself, to be asked again about one target a picture: nothing inside it is seen.

    `logit` and `probability` answer pixels (n 3 height width) and a class for each (n,) with a
    number for each (n,), for any n; the model never sees more than `chunk` pictures at once. Where
    gradients are on, the answer can be differentiated; then at most `chunk` should be asked at
    once, for the graph of all of them is kept. The `probability` of a target that is no class is
    its value. Relevance is wanted on `grid`, which covers the
    picture; 0 is the colour that a normalized picture has where nothing is to be seen.
    """

    pixels: Float[Tensor, "batch 3 height width"]
    target: Int[Tensor, " batch"]
    grid: Grid
    chunk: int
    logit: Callable[[Tensor, Tensor], Tensor]
    probability: Callable[[Tensor, Tensor], Tensor]

    def parts(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pixels and targets, `size` pictures at a time."""
        return zip(torch.split(self.pixels, size), torch.split(self.target, size), strict=True)


@dataclass(frozen=True)
class TokenTrace:
    """One layer's token features, and the gradients of the target logit at them.

    The layer is the norm in front of the last block's attention.
    """

    features: Float[Tensor, "batch token dim"]
    gradients: Float[Tensor, "batch token dim"]
    grid: Grid
