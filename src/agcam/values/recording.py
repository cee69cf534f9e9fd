"""What one pass without gradients leaves; tensors are `batch head row token`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from .model import Layout
from .picture import Grid
from .places import Places
from .precision import precise


@dataclass(frozen=True)
class Mix:
    """What a model makes of its softmaxes before they meet values: talking heads, gates.

    `attention` gives what meets the values, `batch head row token`; `pull_back` the gradient at the
    softmaxes, the heads of all side by side, of a gradient at that attention.
    """

    attention: Callable[[], Tensor]
    pull_back: Callable[[Tensor], Tensor]

    def only(self, rows: slice | list[int] | Tensor) -> Mix:
        """The same for some of the rows."""

        def pull_back(gradient: Tensor) -> Tensor:
            whole = gradient.new_zeros(self.attention().shape)
            whole[..., rows, :] = gradient
            return self.pull_back(whole)[..., rows, :]

        return Mix(lambda: self.attention()[..., rows, :], pull_back)


@dataclass(frozen=True)
class AttentionCall:
    """One attention as the model computes it: after rotary embedding, q/k norm, with mask.

    The attention matrix is kept as its factors; its rows are made when they are needed. Where a
    model computes its softmax explicitly there are no factors: `key` is None, `query` holds the
    scores. `mix`: they are scores of softmaxes that do not meet the values as they are.
    """

    query: Float[Tensor, "batch head row dim"]
    key: Float[Tensor, "batch head token dim"] | None
    value: Float[Tensor, "batch value_head token value_dim"]  # as many heads, unless mixed
    mask: Tensor | None
    scale: float
    mix: Mix | None = None

    def only(self, rows: slice | list[int] | Tensor) -> AttentionCall:
        """The same call for some of its query rows."""
        mask = self.mask
        if mask is not None and mask.shape[-2] == self.query.shape[-2]:
            mask = mask[..., rows, :]
        mix = None if self.mix is None else self.mix.only(rows)
        return replace(self, query=self.query[..., rows, :], mask=mask, mix=mix)

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
        if self.key is None:
            return precise(self.query)
        scores = (precise(self.query) * self.scale) @ precise(self.key).mT
        if self.mask is None:
            return scores
        if self.mask.dtype == torch.bool:
            return scores.masked_fill(~self.mask, float("-inf"))
        return scores + precise(self.mask)

    def attention(self) -> Float[Tensor, "batch head row token"]:
        """`A = softmax(S)`, or what was made of it; at least float32."""
        return self.scores().softmax(-1) if self.mix is None else precise(self.mix.attention())


@dataclass(frozen=True)
class BlockRecord:
    """What is kept of one block: the values, and the scores of the kept tokens' rows.

    Where only prefix tokens are kept so are their scores; where every token is they would grow
    with tokens squared, so they are made from the call, one block at a time. `places` as in
    ReadBlock.
    """

    value: Float[Tensor, "batch head token value_dim"]
    rows: Tensor | AttentionCall
    places: Places | None = None

    @property
    def scores(self) -> Float[Tensor, "batch head read token"]:
        """Scores of the read rows, before softmax, after scale and bias."""
        return self.rows if isinstance(self.rows, Tensor) else self.rows.scores()

    def at_softmax(self, gradients: Float[Tensor, "batch head read token"]) -> Tensor:
        """Gradients at the softmax, of those at what meets the values."""
        mix = None if isinstance(self.rows, Tensor) else self.rows.mix
        return gradients if mix is None else mix.pull_back(gradients)


@dataclass(frozen=True)
class Recording:
    """One pass without gradients; knows no target, so it serves any number of them.

    `blocks` serves gradients and raw attention; `calls` holds every block's attention as its
    factors, kept only if a method needs whole matrices (empty otherwise). `reads` finds which
    tokens of the last block the classifier reads, as weights (batch token) whose rows sum to 1:
    the same for every picture, or not (a maximum over tokens).
    """

    pixels: Float[Tensor, "batch axis *axes"]
    logits: Float[Tensor, "batch class"]
    blocks: tuple[BlockRecord, ...]
    calls: tuple[AttentionCall, ...]
    layout: Layout
    reads: Callable[[], Tensor]

    @property
    def grid(self) -> Grid:
        """Where the tokens lie."""
        return self.layout.grid
