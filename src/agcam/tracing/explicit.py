"""Attention that a model writes out: a softmax of scores, and its product with values.

Heard at the product: the softmax over the last axis is remembered, through what does not change it
(dropout that is off, another precision, another view), until it meets the values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode
from torch.utils.weak import WeakTensorKeyDictionary

from ..own_operations import end_own_operations, is_own_operation
from ..values import AttentionCall

Answer = Callable[[AttentionCall, Callable[[], Tensor]], Tensor]

_SOFTMAX: Final = frozenset({torch.softmax, F.softmax, Tensor.softmax, torch.special.softmax})
_DROPOUT: Final = frozenset({F.dropout, torch.dropout})
_UNCHANGED: Final = frozenset(
    {
        *(Tensor.to, Tensor.type_as, Tensor.type, Tensor.float, Tensor.half, Tensor.bfloat16),
        *(Tensor.double, Tensor.contiguous, Tensor.clone, torch.clone),
        *(Tensor.view, Tensor.reshape, torch.reshape, Tensor.flatten, torch.flatten),
    }
)
_MATMUL: Final = frozenset({torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm})


class Product(NamedTuple):
    """A product of attention and values, its axes named: what it is, and what it was."""

    value: Tensor  # batch head token dim
    scores: Tensor  # batch head row token
    to_ours: Callable[[Tensor], Tensor]  # the product as the model has it -> batch head row dim
    to_theirs: Callable[[Tensor], Tensor]


class ExplicitAttention(TorchFunctionMode):
    """Hands each product of a softmax with values to `answer`; `ours` takes torch's own attention.

    Counted are the square softmaxes, the products that they met (fewer, where attention is changed
    in between), and the calls of torch's function by a model that imported it by name.
    """

    def __init__(
        self, answer: Answer, torchs: Callable[..., Any], ours: Callable[..., Tensor], batch: int
    ) -> None:
        super().__init__()
        self._answer, self._torchs, self._ours, self._batch = answer, torchs, ours, batch
        self._scores: Any = WeakTensorKeyDictionary()  # of each softmax that is still about
        self.softmaxes, self.products, self.by_name = 0, 0, 0
        self.folded = False  # heads and pictures share an axis
        self.closed = False

    def close(self) -> None:
        """Hear nothing more: torch may put a mode back on its stack when we took it off."""
        self.closed = True
        end_own_operations()

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.closed or is_own_operation():
            return func(*args, **kwargs)
        if func is self._torchs:
            self.by_name += 1
            return self._ours(*args, **kwargs)
        if func in _SOFTMAX:
            return self._softmax(func, args, kwargs)
        if not len(self._scores):
            return func(*args, **kwargs)
        product = self._product(func, args)
        if product is not None:
            self.products += 1
            call = AttentionCall(product.scores, None, product.value, None, 1.0)
            return product.to_theirs(
                self._answer(call, lambda: product.to_ours(func(*args, **kwargs)))
            )
        result = func(*args, **kwargs)
        scores = self._of(args[0]) if args else None
        if scores is not None and isinstance(result, Tensor) and _unchanged(func, args, result):
            self._scores[result] = scores
        return result

    def _softmax(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        scores = args[0] if args else kwargs["input"]
        result = func(*args, **kwargs)
        axis = args[1] if len(args) > 1 else kwargs.get("dim")
        if scores.ndim in (3, 4) and axis in (-1, scores.ndim - 1):
            self.softmaxes += scores.shape[-1] == scores.shape[-2] > 1
            self._scores[result] = scores
        return result

    def _of(self, tensor: Any) -> Tensor | None:
        found: Tensor | None = self._scores.get(tensor) if isinstance(tensor, Tensor) else None
        return found

    def _product(self, func: Any, args: Sequence[Any]) -> Product | None:
        if func is torch.einsum:
            operands = args[1] if isinstance(args[1], list | tuple) else args[1:]
            scores = self._of(operands[0])
            if scores is None or len(operands) != 2:
                return None
            return _einsum(args[0], scores, operands[1])
        scores = self._of(args[0]) if func in _MATMUL else None
        return None if scores is None else self._matmul(scores, *args[:2])

    def _matmul(self, scores: Tensor, attention: Tensor, value: Tensor) -> Product | None:
        if value.ndim != attention.ndim or attention.ndim not in (3, 4):
            return None
        if attention.ndim == 4:
            heads = (attention[..., 0, 0] + value[..., 0, 0]).shape
            value = value.expand(*heads, *value.shape[-2:])
            scores = scores.reshape(attention.shape).expand(*heads, *attention.shape[-2:])
            return Product(value, scores, _same, _same)
        if len(attention) % self._batch:
            return None
        self.folded |= len(attention) != self._batch

        def unfold(tensor: Tensor) -> Tensor:
            return tensor.reshape(self._batch, -1, *tensor.shape[-2:])

        shape = attention.shape
        return Product(
            unfold(value), unfold(scores.reshape(shape)), unfold, lambda found: found.flatten(0, 1)
        )


def drop_closed() -> None:
    """Take off what torch put back when an interrupt came in the midst of it."""
    stack: Any = _get_current_function_mode_stack
    pop: Any = _pop_mode
    while (modes := stack()) and isinstance(modes[-1], ExplicitAttention) and modes[-1].closed:
        pop()


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _unchanged(func: Any, args: Sequence[Any], result: Tensor) -> bool:
    """Whether a function hands on what it was given, in other clothes."""
    if func in _DROPOUT:
        return result is args[0] or torch.equal(result, args[0])
    return func in _UNCHANGED and result.numel() == args[0].numel()


def _einsum(equation: str, scores: Tensor, value: Tensor) -> Product | None:
    """Axes by their letters: the softmax's last is the token, the one before it the row."""
    outside = "YZ"[: scores.ndim - 2] if "..." in equation else ""
    equation = equation.replace(" ", "").replace("...", outside)
    left, arrow, out = equation.partition("->")
    of_attention, _, of_value = left.partition(",")
    *outer, row, token = list(of_attention) if len(of_attention) > 1 else ["?", "?"]
    (dim,) = letters if len(letters := set(of_value) - set(of_attention)) == 1 else ("",)
    common = "".join(outer)
    fits = arrow and dim and token in of_value and row in out and dim in out
    whole = len(of_attention) == scores.ndim and len(of_value) == value.ndim == scores.ndim
    if not fits or not whole or {*out} != {*common, row, dim} or len(common) > 2:
        return None
    one_head = len(common) == 1
    ours = f"{common}{row}{dim}"

    def to_ours(tensor: Tensor) -> Tensor:
        named = torch.einsum(f"{out}->{ours}", tensor)
        return named[:, None] if one_head else named

    def to_theirs(tensor: Tensor) -> Tensor:
        return torch.einsum(f"{ours}->{out}", tensor[:, 0] if one_head else tensor)

    named = torch.einsum(f"{of_value}->{common}{token}{dim}", value)
    if one_head:
        return Product(named[:, None], scores[:, None], to_ours, to_theirs)
    return Product(named, scores, to_ours, to_theirs)
