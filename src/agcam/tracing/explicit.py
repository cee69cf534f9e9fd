"""Explicit attention: a softmax of scores and its product with values, in the model's own code.

Captured at the product: the scores of a softmax over the last axis are remembered, through what
does not change it (dropout that is off, another precision, another view), until it meets values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode
from torch.utils.weak import WeakTensorKeyDictionary

from ..own_operations import end_own_operations, is_own_operation
from ..values import AttentionCall

Answer = Callable[[AttentionCall, Callable[[], Tensor]], Tensor]
"""Replies to an attention call; the second argument replies as torch would."""

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
    """A product of attention and values with its axes in our order, and the way there and back."""

    value: Tensor  # batch head token dim
    scores: Tensor  # batch head row token
    to_ours: Callable[[Tensor], Tensor]  # the model's product -> batch head row dim
    to_models: Callable[[Tensor], Tensor]


@dataclass
class _Uses:
    """How many products with values a softmax has met."""

    products: int = 0


class _Attention(NamedTuple):
    """What is known of a tensor that holds a softmax; versions count what is written in place."""

    scores: Tensor
    scores_version: int
    version: int
    uses: _Uses


class ExplicitAttention(TorchFunctionMode):
    """Sends each product of a softmax with values to `answer`.

    `replaced` are functions that a model may have imported by name, with what is called instead;
    `by_name` counts those calls. `folded`: heads and pictures share an axis.
    """

    def __init__(
        self, answer: Answer, replaced: Mapping[Callable[..., Any], Callable[..., Any]], batch: int
    ) -> None:
        super().__init__()
        self._answer, self._replaced, self._batch = answer, replaced, batch
        self._attention: Any = WeakTensorKeyDictionary()  # tensor -> _Attention
        self._square: list[_Uses] = []  # of the softmaxes over a square
        self._nodes: list[Any] | None = None
        self.by_name = 0
        self.folded = False
        self.closed = False

    @property
    def changed(self) -> bool:
        """Whether some softmax over a square did not meet values, as it was, exactly once."""
        return any(uses.products != 1 for uses in self._square)

    def keep_nodes(self) -> list[Any]:
        """A list to which every softmax from now on adds its node of autograd's graph."""
        self._nodes = []
        return self._nodes

    def close(self) -> None:
        """Capture nothing more: an interrupt may have made torch put a mode back on its stack."""
        self.closed = True
        end_own_operations()

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.closed or is_own_operation():
            return func(*args, **kwargs)
        if func in self._replaced:
            self.by_name += 1
            return self._replaced[func](*args, **kwargs)
        if func in _SOFTMAX:
            return self._softmax(func, args, kwargs)
        if not len(self._attention):
            return func(*args, **kwargs)
        product = self._product(func, args)
        if product is not None:
            call = AttentionCall(product.scores, None, product.value, None, 1.0)
            return product.to_models(
                self._answer(call, lambda: product.to_ours(func(*args, **kwargs)))
            )
        held = self._held_by(args[0]) if args else None
        result = func(*args, **kwargs)
        if held is not None and isinstance(result, Tensor) and _unchanged(func, args, result):
            self._attention[result] = held._replace(version=_version(result))
        return result

    def _softmax(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        scores = args[0] if args else kwargs["input"]
        before = _version(scores)
        result = func(*args, **kwargs)
        axis = args[1] if len(args) > 1 else kwargs.get("dim")
        if scores.ndim in (3, 4) and axis in (-1, scores.ndim - 1):
            uses = _Uses()
            self._attention[result] = _Attention(scores, before, _version(result), uses)
            if scores.shape[-1] == scores.shape[-2] > 1:
                self._square.append(uses)
                if self._nodes is not None:
                    self._nodes.append(result.grad_fn)
        return result

    def _held_by(self, tensor: Any) -> _Attention | None:
        """The attention that a tensor holds; None where it, or its scores, were overwritten."""
        held: _Attention | None = None
        if isinstance(tensor, Tensor):
            held = self._attention.get(tensor)
        if held is None:
            return None
        same = held.version == _version(tensor) and held.scores_version == _version(held.scores)
        return held if same else None

    def _product(self, func: Any, args: Sequence[Any]) -> Product | None:
        if func is torch.einsum:
            operands = args[1] if isinstance(args[1], list | tuple) else args[1:]
            held = self._held_by(operands[0])
            if held is None or len(operands) != 2:
                return None
            product = _einsum(args[0], held.scores, operands[1])
        else:
            held = self._held_by(args[0]) if func in _MATMUL else None
            if held is None:
                return None
            product = self._matmul(held.scores, *args[:2])
        held.uses.products += product is not None
        return product

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
    """Take closed modes off torch's stack, where an interrupt made torch put them back."""
    stack: Any = _get_current_function_mode_stack
    pop: Any = _pop_mode
    while (modes := stack()) and isinstance(modes[-1], ExplicitAttention) and modes[-1].closed:
        pop()


def _version(tensor: Tensor) -> int:
    """How often a tensor was written to in place."""
    return 0 if tensor.is_inference() else tensor._version


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _unchanged(func: Any, args: Sequence[Any], result: Tensor) -> bool:
    """Whether a function returns the numbers that it was given, in another form."""
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
    complete = len(of_attention) == scores.ndim and len(of_value) == value.ndim == scores.ndim
    if not fits or not complete or {*out} != {*common, row, dim} or len(common) > 2:
        return None
    one_head = len(common) == 1
    ours = f"{common}{row}{dim}"

    def to_ours(tensor: Tensor) -> Tensor:
        named = torch.einsum(f"{out}->{ours}", tensor)
        return named[:, None] if one_head else named

    def to_models(tensor: Tensor) -> Tensor:
        return torch.einsum(f"{ours}->{out}", tensor[:, 0] if one_head else tensor)

    named = torch.einsum(f"{of_value}->{common}{token}{dim}", value)
    if one_head:
        return Product(named[:, None], scores[:, None], to_ours, to_models)
    return Product(named, scores, to_ours, to_models)
