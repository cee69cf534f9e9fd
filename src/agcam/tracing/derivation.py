"""What a model derives from a softmax before it meets values: views, casts, gates, talking heads.

Every operation on the way is kept, so that it can be repeated: on other tensors in place of the
softmax, under autograd, or its moves alone (views, permutations, slices), which bring scores into
the axes in which the attention meets its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from .hooks import map_tensors
from .softmaxes import CHANGED_BY, DETACHED, OVERWRITTEN, Softmax, name_of

_MOVING_NAMES: Final = (
    *("view", "reshape", "flatten", "unflatten", "view_as", "reshape_as", "unsqueeze", "squeeze"),
    *("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "expand", "expand_as"),
    *("chunk", "split", "unbind", "narrow", "select", "tensor_split", "__getitem__"),
    *("roll", "flip", "index_select"),
)
_CASTING_NAMES: Final = (
    *("to", "type_as", "type", "float", "half", "bfloat16", "double", "contiguous", "clone"),
)


def _functions(names: Iterable[str]) -> frozenset[Any]:
    owners = (torch, Tensor, torch.functional)
    return frozenset(getattr(o, name) for o in owners for name in names if hasattr(o, name))


MOVES: Final = _functions(_MOVING_NAMES) | {Tensor.mT.__get__, Tensor.T.__get__}  # type: ignore[attr-defined]
CUTS: Final = _functions(("detach", "detach_"))  # no gradient goes back through them
CASTS: Final = _functions(_CASTING_NAMES)
DROPOUT: Final = frozenset({F.dropout, torch.dropout})


class Kind(Enum):
    """What an operation does to the attention that it is given."""

    MOVES = auto()  # the same numbers in other axes, or some of them
    KEEPS = auto()  # the same numbers in the same axes
    MIXES = auto()  # other numbers in the same axes
    LEAVES = auto()  # anything else


@dataclass(eq=False)
class Derived:
    """A tensor that an operation made of a softmax, or of several."""

    function: Callable[..., Any]
    args: Sequence[Any]
    kwargs: dict[str, Any]
    part: int | None  # which of several results
    kind: Kind
    shape: torch.Size
    sources: tuple[Softmax, ...]

    @classmethod
    def lost(cls, shape: torch.Size, sources: tuple[Softmax, ...]) -> Derived:
        """Something that was overwritten."""
        return cls(torch.empty, (), {}, None, Kind.LEAVES, shape, sources)

    @property
    def origins(self) -> list[Attention]:
        """The attentions among the operands."""
        found: list[Attention] = []

        def note(value: Attention) -> Attention:
            found.append(value)
            return value

        _map(self.args, note)
        return found


Attention = Softmax | Derived


def _map(value: Any, change: Callable[[Attention], Any]) -> Any:
    """The operands with something else in place of each attention."""
    if isinstance(value, Softmax | Derived):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)([_map(item, change) for item in value])
    return value


def derive(
    function: Any, args: Sequence[Any], kwargs: dict[str, Any], held: dict[int, Attention]
) -> Callable[[Tensor, int | None], Derived]:
    """What a function makes of its operands; `held` are the attentions among them, by id."""
    given: list[tuple[Attention, Tensor]] = []

    def put(tensor: Tensor) -> Any:
        attention = held.get(id(tensor))
        if attention is None:
            return tensor
        given.append((attention, tensor))
        return attention

    kept = map_tensors(tuple(args), put)
    shapes = [tensor.shape for _, tensor in given]
    sources = tuple(dict.fromkeys(s for attention, _ in given for s in attention.sources))
    followed = len(given) == len(held)  # else some are keywords

    def made(result: Tensor, part: int | None) -> Derived:
        first = given[0][1] if len(given) == 1 and given[0][1] is args[0] else None
        kind = _kind(function, first, shapes, result) if followed else Kind.LEAVES
        if kind in (Kind.MIXES, Kind.LEAVES):
            for source in sources:
                source.changed_by.append(name_of(function))
        return Derived(function, kept, kwargs, part, kind, result.shape, sources)

    return made


def _kind(function: Any, first: Tensor | None, shapes: list[torch.Size], result: Tensor) -> Kind:
    """`first` is the attention where it is the first operand, and the only one."""
    if function in CUTS:
        return Kind.LEAVES
    if first is not None:
        if function in MOVES:
            return Kind.MOVES
        unchanged = function in DROPOUT and (result is first or torch.equal(result, first))
        if function in CASTS or unchanged:
            return Kind.KEEPS
    return Kind.MIXES if any(_broadcasts(shape, result.shape) for shape in shapes) else Kind.LEAVES


def _broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    fit = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(one in (1, size) for one, size in fit)


def evaluate(attention: Attention, given: dict[Softmax, Tensor]) -> Tensor:
    """The operations repeated, on these tensors in place of the softmaxes."""
    made: dict[int, Tensor] = {}

    def value(one: Attention) -> Tensor:
        if isinstance(one, Softmax):
            return given[one]
        if id(one) not in made:
            operands = map_tensors(tuple(one.args), _outside_inference)
            result = _without_views(one.function)(*_map(operands, value), **one.kwargs)
            made[id(one)] = result if one.part is None else result[one.part]
        return made[id(one)]

    return value(attention)


def _without_views(function: Callable[..., Any]) -> Callable[..., Any]:
    """Other tensors may lie in memory in another order, which a view does not take."""
    return Tensor.reshape if function is Tensor.view else function


def _outside_inference(tensor: Tensor) -> Tensor:
    return tensor.clone() if tensor.is_inference() else tensor


def moved(attention: Attention, source: Softmax, tensor: Tensor) -> Tensor | None:
    """A tensor in the softmax's axes, brought into those of what was derived from it.

    None where there are several ways that differ, or none.
    """
    if isinstance(attention, Softmax):
        return tensor
    if attention.kind is Kind.LEAVES:
        return None
    found: list[Tensor] = []
    for origin in attention.origins:
        if source not in origin.sources:
            continue
        before = moved(origin, source, tensor)
        if attention.kind is Kind.MOVES and before is not None:
            function = _without_views(attention.function)
            result = function(before, *attention.args[1:], **attention.kwargs)
            before = result if attention.part is None else result[attention.part]
        elif before is not None and _broadcasts(before.shape, attention.shape):
            before = before.expand(attention.shape)
        else:
            continue  # a sum over keys by which the others are divided, a mean over heads
        found.append(before)
    same = all(one is found[0] or torch.equal(one, found[0]) for one in found[1:])
    return found[0] if found and same else None


def why_lost(attention: Attention) -> str:
    """Why what was derived from softmaxes does not show which of their keys it holds."""
    changed = []
    while isinstance(attention, Derived):
        if attention.function is torch.empty:
            return OVERWRITTEN
        if attention.function in CUTS:
            return DETACHED
        if attention.kind in (Kind.MIXES, Kind.LEAVES):
            changed.append(name_of(attention.function))
        attention = next(iter(attention.origins), attention.sources[0])
    return CHANGED_BY.format(functions=", ".join(dict.fromkeys(reversed(changed))))


def is_mixed(attention: Attention) -> bool:
    """Whether the numbers are others than those of one softmax."""
    if isinstance(attention, Softmax):
        return False
    mixes = attention.kind not in (Kind.MOVES, Kind.KEEPS)
    return mixes or any(is_mixed(origin) for origin in attention.origins)
