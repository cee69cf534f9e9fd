"""The one place that listens to attention.

While somebody listens, `torch.nn.functional.scaled_dot_product_attention` is ours; it passes every
call on unless the calling thread has a listener.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

import torch
from torch import Tensor

from ..values import AttentionCall
from .swap import Swap

Answer = Callable[[AttentionCall, Callable[[], Tensor]], Tensor]
"""A listener: gets the call and a function that answers it as torch would."""


class _Attention(Swap[Answer]):
    """torch's attention, and nn.MultiheadAttention's fast path, which goes around it, off."""

    fast_path = True

    def first_in(self) -> None:
        self.fast_path = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)

    def last_out(self) -> None:
        torch.backends.mha.set_fastpath_enabled(self.fast_path)


def _dispatch(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    options: dict[str, Any] = {"scale": scale, **({"enable_gqa": True} if enable_gqa else {})}

    def as_torch() -> Tensor:
        given = query, key, value, attn_mask, dropout_p, is_causal
        return cast(Tensor, _swap.original(*given, **options))

    listener = _swap.listener
    if listener is None:
        return as_torch()
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        repeats = query.shape[-3] // key.shape[-3]
        key = key.repeat_interleave(repeats, dim=-3)
        value = value.repeat_interleave(repeats, dim=-3)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    mask = _causal(query, key) if is_causal else attn_mask
    return listener(AttentionCall(query, key, value, mask, scale), as_torch)


_swap = _Attention("scaled_dot_product_attention", _dispatch)


def _causal(query: Tensor, key: Tensor) -> Tensor:
    shape = query.shape[-2], key.shape[-2]
    return torch.ones(shape, dtype=torch.bool, device=query.device).tril()


def listening(answer: Answer) -> AbstractContextManager[None]:
    """Let `answer` reply to every attention call of this thread while the context is open."""
    return _swap.heard_by(answer)
