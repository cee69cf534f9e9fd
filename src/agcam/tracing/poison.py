"""Poison: tokens that are NaN where a block begins show where each of them goes.

No number does that: weights may be zero, a gate may be closed for this picture.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..undo import Forward
from ..values import AttentionCall
from .instrumented import exchange


class BlockRun(NamedTuple):
    """A block as the model called it; `stream` are the tokens among its arguments."""

    forward: Forward
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    stream: Tensor

    def with_tokens(self, stream: Tensor) -> BlockRun:
        """The same call with other tokens."""
        args, kwargs = exchange(self.args, self.kwargs, self.stream, stream)
        return BlockRun(self.forward, args, kwargs, stream)

    def poisoned(self, tokens: Tensor, token_dim: int) -> BlockRun:
        """The same call with poison for some of the tokens (a mask)."""
        stream = self.stream.detach().clone()
        stream.movedim(token_dim, 0)[tokens] = float("nan")
        return self.with_tokens(stream)

    def __call__(self) -> Any:
        """Run the block."""
        return self.forward(*self.args, **self.kwargs)


def every_other(tokens: int) -> Tensor:
    """A mask of half the tokens, in no order that a model has too."""
    mask = torch.zeros(tokens, dtype=torch.bool)
    mask[torch.randperm(tokens, generator=torch.Generator().manual_seed(0))[: tokens // 2]] = True
    return mask


def in_order(call: AttentionCall, poisoned: Tensor) -> bool:
    """Whether rows and keys of a block's attention are its tokens, in their order.

    The poisoned ones, or those and others, where the block mixes tokens before its attention. Of
    explicit attention the values alone are looked at: a mask may hide what its scores are made of.
    """
    sides = [call.value] if call.key is None else [call.query, call.key, call.value]
    return all(_are_tokens(side.isnan(), poisoned.to(side.device)) for side in sides)


def _are_tokens(nan: Tensor, poisoned: Tensor) -> bool:
    touched, filled = nan.any(-1), nan.all(-1)  # batch head token
    exactly = bool((touched == poisoned).all())
    return exactly or bool(filled[..., poisoned].all()) or not bool(touched.any())
