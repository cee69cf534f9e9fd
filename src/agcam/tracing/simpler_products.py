"""Products of attention that do more than multiply values, as a plain product and the rest."""

from __future__ import annotations

import string
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

_BADDBMM: Final = frozenset({torch.baddbmm, Tensor.baddbmm})


class Simpler(NamedTuple):
    """A plain product, and what the model makes of it."""

    function: Any
    operands: tuple[Any, ...]
    rest: Callable[[Tensor], Tensor]


def simpler(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], held: Container[int]
) -> Simpler | None:
    """A function that multiplies attention (its id is `held`) and does more; None for others."""
    if function in _BADDBMM and not {*kwargs} - {"beta", "alpha"} and len(args) == 3:
        return _baddbmm(*args, **kwargs)
    if function is torch.tensordot and len(args) > 1 and kwargs.get("out") is None:
        return _tensordot(*args[:2], *args[2:3] or [kwargs.get("dims", 2)])
    if function is torch.einsum and len(args) > 3 and isinstance(args[0], str):
        return _einsum(args[0], args[1:], held)
    return None


def _baddbmm(added: Tensor, one: Tensor, other: Tensor, beta: Any = 1, alpha: Any = 1) -> Simpler:
    def rest(product: Tensor) -> Tensor:
        product = product.mul(alpha)
        return product if beta == 0 else product + beta * added

    return Simpler(torch.bmm, (one, other), rest)


def _tensordot(one: Tensor, other: Tensor, dims: Any) -> Simpler:
    if isinstance(dims, int):
        dims = range(one.ndim - dims, one.ndim), range(dims)
    elif isinstance(dims, Tensor):
        dims = dims.tolist()
    letters = iter(string.ascii_letters)
    first, second = ([next(letters) for _ in range(some.ndim)] for some in (one, other))
    for axis, to in zip(*dims, strict=True):
        second[to] = first[axis]
    out = [c for c in first if c not in second] + [c for c in second if c not in first]
    equation = f"{''.join(first)},{''.join(second)}->{''.join(out)}"
    return Simpler(torch.einsum, (equation, one, other), lambda product: product)


def _einsum(equation: str, operands: Sequence[Any], held: Container[int]) -> Simpler | None:
    """Attention meets the one operand with which alone it shares an axis that is summed over."""
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    letters = inputs.split(",")
    ours = [number for number, one in enumerate(operands) if id(one) in held]
    if len(ours) != 1 or not arrow or "." in equation:
        return None
    (attention,) = ours
    others = [number for number in range(len(letters)) if number != attention]
    own = {*letters[attention]} - {*out}
    sharing = [number for number in others if own & {*letters[number]}]
    values = [n for n in sharing if not isinstance(operands[n], torch.nn.Parameter)]
    if len(values) != 1:
        return None
    (value,) = values
    remaining = [number for number in others if number != value]
    needed = {*out}.union(*(letters[number] for number in remaining))
    both = dict.fromkeys(letters[attention] + letters[value])
    made = "".join(c for c in both if c in needed)
    product = f"{letters[attention]},{letters[value]}->{made}"
    after = f"{','.join([made, *(letters[number] for number in remaining)])}->{out}"

    def rest(product: Tensor) -> Tensor:
        return torch.einsum(after, product, *(operands[number] for number in remaining))

    return Simpler(torch.einsum, (product, operands[attention], operands[value]), rest)
