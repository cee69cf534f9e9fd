"""The one place that captures attention.

While some thread captures it, torch's functions that compute attention, or that go around it, are
patched; a call in a thread that captures nothing is passed through. Explicit attention, a softmax
of scores and its product with values in the model's own code, is captured by `explicit.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, cast

import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from torch import Tensor

from ..own_operations import own_operations
from ..undo import Undo
from ..values import AttentionCall
from .explicit import Answer, ExplicitAttention, drop_closed
from .patches import Patch, Patches, open_mode
from .products import Folding


class Capture(NamedTuple):
    """Who replies to the attention calls of a pass, and how their axes are folded."""

    answer: Answer
    folding: Folding


def capture_attention(
    undo: Undo, answer: Answer, folding: Folding, *, explicit: bool, prove: bool = False
) -> ExplicitAttention | None:
    """Let `answer` reply to every attention call of this thread until `undo` is closed.

    With `explicit`, explicit attention is captured too, and torch's function where a model imported
    it by name. That takes a look at every operation, so it is for the models that need it.
    """
    _patches.activate(undo, Capture(answer, folding))
    if not explicit:
        return None
    drop_closed()
    original = _patches.original("scaled_dot_product_attention")
    mode = ExplicitAttention(answer, {original: _attention}, folding, prove)
    undo.add(mode.close)
    open_mode(undo, mode)
    return mode


def is_capturing() -> bool:
    """Whether a pass of this thread is being captured just now."""
    return _patches.handler is not None


def _attention(
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
        return cast(Tensor, _patches.original("scaled_dot_product_attention")(*given, **options))

    handler = _patches.handler
    if handler is None:
        return as_torch()
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        repeats = query.shape[-3] // key.shape[-3]
        key = key.repeat_interleave(repeats, dim=-3)
        value = value.repeat_interleave(repeats, dim=-3)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    mask = _causal(query, key) if is_causal else attn_mask
    with own_operations():
        if query.ndim == 4 and not handler.folding.apart:
            return handler.answer(AttentionCall(query, key, value, mask, scale), as_torch)
        return _folded(handler, (query, key, value), mask, scale, as_torch)


def _folded(
    capture: Capture,
    given: tuple[Tensor, Tensor, Tensor],
    mask: Tensor | None,
    scale: float,
    as_torch: Callable[[], Tensor],
) -> Tensor:
    """A call with more axes than `batch head row dim`, or fewer."""
    outer = given[0].shape[:-2]
    shape = capture.folding.shape(outer)

    def fold(tensor: Tensor) -> Tensor:
        return tensor.expand(*outer, *tensor.shape[-2:]).reshape(*shape, *tensor.shape[-2:])

    query, key, value = (fold(tensor) for tensor in given)
    call = AttentionCall(query, key, value, None if mask is None else fold(mask), scale)
    found = capture.answer(call, lambda: fold(as_torch()))
    return found.reshape(*outer, *found.shape[-2:])


def _causal(query: Tensor, key: Tensor) -> Tensor:
    shape = query.shape[-2], key.shape[-2]
    return torch.ones(shape, dtype=torch.bool, device=query.device).tril()


def _multi_head(*args: Any, **kwargs: Any) -> Any:
    """nn.MultiheadAttention computes its weights by itself, unless nobody needs them."""
    if _patches.handler is not None:
        kwargs["need_weights"] = False  # a keyword in every call that torch makes
    return _patches.original("multi_head_attention_forward")(*args, **kwargs)


def _fast_path() -> bool:
    """nn.MultiheadAttention's fast path goes around attention: it is off while we capture."""
    return _patches.handler is None and bool(_patches.original("get_fastpath_enabled")())


class _Reentrant:
    """Gradient checkpointing would compute blocks again in the backward pass, uncaptured."""

    @staticmethod
    def apply(function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        if _patches.handler is not None:
            return function(*args)
        original: Any = _patches.original("CheckpointFunction")
        return original.apply(function, preserve, *args)


def _without_reentrance(name: str) -> Patch | None:
    """The generator in which the other kind of checkpointing wraps a call, by either name."""
    if not hasattr(torch.utils.checkpoint, name):
        return None

    def plain(*args: Any, **kwargs: Any) -> Iterator[None]:
        if _patches.handler is None:
            yield from _patches.original(name)(*args, **kwargs)
        else:
            yield

    return Patch(torch.utils.checkpoint, name, plain)


_GENERATORS: Final = (
    "_checkpoint_without_reentrant_generator_impl",  # torch 2.14
    "_checkpoint_without_reentrant_generator",
)
_patches: Final[Patches[Capture]] = Patches(
    "attention",
    [
        Patch(F, "scaled_dot_product_attention", _attention),
        Patch(F, "multi_head_attention_forward", _multi_head),
        Patch(torch.backends.mha, "get_fastpath_enabled", _fast_path),
        Patch(torch.utils.checkpoint, "CheckpointFunction", _Reentrant),
        *(patch for name in _GENERATORS if (patch := _without_reentrance(name)) is not None),
    ],
)
