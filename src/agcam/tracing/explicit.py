"""Explicit attention: a softmax of scores and its product with values, in the model's own code.

Captured at the product: what is derived from a softmax is followed, by whatever views, casts, gates
or mixtures of heads, until it meets values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode
from torch.utils.weak import WeakTensorKeyDictionary

from ..own_operations import end_own_operations, is_own_operation, own_operations
from ..values import AttentionCall
from .derivation import Attention, Derived, derive
from .mixing import call_of
from .products import Folding, Product, is_product, operands, product_of
from .simpler_products import simpler
from .softmaxes import Softmax

Answer = Callable[[AttentionCall, Callable[[], Tensor]], Tensor]
"""Replies to an attention call; the second argument replies as torch would."""

_EXPONENTIALS: Final = frozenset(
    {
        *(torch.exp, Tensor.exp, Tensor.exp_, torch.exp_),
        *(torch.exp2, Tensor.exp2, Tensor.exp2_, torch.exp2_),
        *(torch.expm1, Tensor.expm1, Tensor.expm1_, torch.expm1_),
    }
)
_SOFTMAX: Final = frozenset({torch.softmax, F.softmax, Tensor.softmax, torch.special.softmax})


class ExplicitAttention(TorchFunctionMode):
    """Sends each product of a softmax with values to `answer`.

    `replaced` are functions that a model may have imported by name, with what is called instead;
    `by_name` counts those calls. `softmaxes` counts those that it saw. `folded`: heads and
    pictures share an axis. With `prove`, each derivation is repeated and compared.
    """

    def __init__(
        self,
        answer: Answer,
        replaced: Mapping[Callable[..., Any], Callable[..., Any]],
        folding: Folding,
        prove: bool = False,
    ) -> None:
        super().__init__()
        self._answer, self._replaced, self._folding = answer, replaced, folding
        self._prove = prove
        self._held: Any = WeakTensorKeyDictionary()  # tensor -> (Attention, its version)
        self._known: list[Softmax] = []
        self.by_hand: list[Softmax] = []  # exponentials that may be part of a softmax
        self.by_name = self.softmaxes = 0
        self.answering: tuple[Softmax, ...] = ()  # what the call that is being answered is made of
        self.folded = self.vmapped = False
        self.closed = False

    @property
    def misuse(self) -> str:
        """How some softmax met values in a way that is not followed."""
        return next((softmax.misuse for softmax in self._known if softmax.misuse), "")

    def nodes(self) -> list[Any]:
        """The places of the softmaxes over a square in autograd's graph."""
        return [softmax.node for softmax in self._known if softmax.square]

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
        if func in _SOFTMAX or func in _EXPONENTIALS:
            made = self._softmax if func in _SOFTMAX else self._exponentials
            return made(func, args, kwargs)
        held = self._held_among(args, kwargs) if len(self._held) else {}
        if not held:
            return func(*args, **kwargs)
        answered = self._answered(func, args, kwargs, held)
        return self._derived(func, args, kwargs, held) if answered is None else answered

    def _softmax(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        scores = args[0] if args else kwargs["input"]
        if is_vmapped(scores):
            self.vmapped = True
            return func(*args, **kwargs)
        before = _version(scores)
        result = func(*args, **kwargs)
        self.softmaxes += result.ndim > 2
        axis = args[1] if len(args) > 1 else kwargs.get("dim")
        # a matrix is attention of one head of one picture, if anything
        square = self._folding.batch == 1 and scores.ndim == 2 and len({*scores.shape, 1}) == 2
        if (scores.ndim >= 3 or square) and isinstance(axis, int):
            softmax = Softmax(scores, axis % scores.ndim, before, result.dtype, result.grad_fn)
            self._known.append(softmax)
            self._hold(result, softmax)
        return result

    def _exponentials(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """They may become a softmax, which would be missed: nothing but a product shows it."""
        result = func(*args, **kwargs)
        if result.ndim >= 3 and list(result.shape).count(result.shape[-1]) > 1 < result.shape[-1]:
            self.by_hand.append(Softmax(result, -1, _version(result), result.dtype))
            self._hold(result, Derived.lost(result.shape, (self.by_hand[-1],)))
        return result

    def _hold(self, tensor: Tensor, attention: Attention) -> None:
        self._held[tensor] = attention, _version(tensor)

    def _held_among(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> dict[int, tuple[Tensor, Attention]]:
        """The tensors that hold attention, by id. Where they were overwritten, it is lost."""
        found: dict[int, tuple[Tensor, Attention]] = {}
        for tensor in _tensors((*args, *kwargs.values())):
            held = self._held.get(tensor)
            if held is None:
                continue
            attention, version = held
            overwritten = version != _version(tensor)
            if overwritten or any(s.version != _version(s.scores) for s in attention.sources):
                attention = Derived.lost(tensor.shape, attention.sources)
            found[id(tensor)] = tensor, attention
        return found

    def _answered(
        self,
        func: Any,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        held: dict[int, tuple[Tensor, Attention]],
    ) -> Tensor | None:
        """What is answered where attention meets values; None elsewhere."""
        if (plain := simpler(func, args, kwargs, held)) is not None:
            made = self._answered(plain.function, plain.operands, {}, held)
            return None if made is None else plain.rest(made)
        both = operands(func, args, kwargs) if is_product(func) else []
        if not both or (found := self._product(func, args, both, held)) is None:
            return None
        product, call = found
        return product.out_to_models(
            self._answer(call, lambda: product.out_to_ours(func(*args, **kwargs)))
        )

    def _product(
        self,
        func: Any,
        args: Sequence[Any],
        both: Sequence[Any],
        held: dict[int, tuple[Tensor, Attention]],
    ) -> tuple[Product, AttentionCall] | None:
        """A product of `both` with values, and its attention call."""
        if len(both) != 2 or not all(isinstance(one, Tensor) for one in both):
            return None
        of_attention = [one for one in both if id(one) in held]
        if len(of_attention) != 1 or any(isinstance(one, torch.nn.Parameter) for one in both):
            return None
        ((tensor, attention),) = (held[id(one)] for one in of_attention)
        (value,) = (one for one in both if one is not tensor)
        equation = args[0] if func is torch.einsum else None
        product = product_of(equation, both, tensor, value, self._folding)
        if product is None:
            return None
        with own_operations():
            call = call_of(attention, product, value, tensor if self._prove else None)
        if call is None:
            return None
        self.answering = attention.sources
        self.folded |= self._folding.shares_an_axis(product.outer_sizes)
        return product, call

    def _derived(
        self,
        func: Any,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        held: dict[int, tuple[Tensor, Attention]],
    ) -> Any:
        first = args[0] if args and isinstance(args[0], Tensor) else None
        before = None if first is None else _version(first)
        result = func(*args, **kwargs)
        attentions = {number: attention for number, (_, attention) in held.items()}
        with own_operations():
            if first is not None and _version(first) != before:
                self._hold(first, derive(_in_place(func), args, kwargs, attentions)(first, None))
                return result
            make = derive(func, args, kwargs, attentions)
            several = isinstance(result, list | tuple)
            for part, one in enumerate(result if several else [result]):
                fresh = isinstance(one, Tensor) and id(one) not in held
                if fresh and one.is_floating_point():
                    self._hold(one, make(one, part if several else None))
        return result


def is_vmapped(tensor: Tensor) -> bool:
    """Whether a tensor is one of many that torch.vmap computes at once."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))


def drop_closed() -> None:
    """Take closed modes off torch's stack, where an interrupt made torch put them back."""
    stack: Any = _get_current_function_mode_stack
    pop: Any = _pop_mode
    while (modes := stack()) and isinstance(modes[-1], ExplicitAttention) and modes[-1].closed:
        pop()


def _in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which leaves its first operand as it was, and returns what it becomes."""

    def on_a_copy(first: Tensor, *others: Any, **kwargs: Any) -> Tensor:
        copy = first.clone()
        function(copy, *others, **kwargs)
        return copy

    return on_a_copy


def _version(tensor: Tensor) -> int:
    """How often a tensor was written to in place."""
    return 0 if tensor.is_inference() else tensor._version


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += [item for item in value if isinstance(item, Tensor)]
    return found
