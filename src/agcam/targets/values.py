"""What a target function gives for each picture, or the sentence that refuses it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import _pytree as pytree

from ..errors import AgcamError, TargetError
from ..own_operations import own_operations
from .functions import Function


def values_of(function: Function, output: Any) -> Float[Tensor, " batch"]:
    """The scalar of every picture in an output, each computed from its own part.

    Raises TargetError, naming the target, if the function fails or gives no finite number.
    """
    leaves = [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor)]
    values = torch.cat([_one(function, part) for part in _each_picture(output, leaves)])
    if all(map(_finite, leaves)) and not _finite(values):
        raise TargetError(f"the target {function.scalar.name!r} gives NaN or an infinite value.")
    follows = any(leaf.requires_grad for leaf in leaves)
    if torch.is_grad_enabled() and follows and not values.requires_grad:
        raise TargetError(
            f"the target {function.scalar.name!r} has no gradient: it does not depend on the "
            "model's output, or only through numbers (.item(), argmax, numpy); compute it with "
            "torch."
        )
    return values


def _finite(tensor: Tensor) -> bool:
    with own_operations():  # reads numbers, and is not part of the model
        return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _each_picture(output: Any, leaves: Sequence[Tensor]) -> Iterator[Any]:
    """The output for one picture after another, in its own form."""
    sizes = [len(leaf) for leaf in leaves if leaf.ndim]
    if not sizes:
        raise TargetError("the model's output holds no tensor from which a target can be computed.")
    batch = sizes[0]
    strange = [
        leaf
        for leaf in pytree.tree_leaves(output)
        if not isinstance(leaf, Tensor | int | float | str | None)
    ]
    if batch > 1 and strange:
        raise TargetError(
            f"the {type(strange[0]).__name__} in the model's output cannot be split into single "
            "pictures; explain one picture at a time (batch_size=1)."
        )

    def cut(leaf: Any, place: int) -> Any:
        whole = not isinstance(leaf, Tensor) or not leaf.ndim or len(leaf) != batch
        return leaf if whole else leaf[place : place + 1]

    if batch == 1:
        yield output
        return
    for place in range(batch):
        yield pytree.tree_map(lambda leaf, place=place: cut(leaf, place), output)


def _one(function: Function, output: Any) -> Float[Tensor, "1"]:
    name, before = function.scalar.name, _changes(output)
    try:
        value = function.compute(output)
    except (AgcamError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise TargetError(
            f"the target {name!r} raised {type(error).__name__}: {first}; it is given "
            f"{_shape(output)}, one picture's output."
        ) from error
    if _changes(output) != before:
        raise TargetError(
            f"the target {name!r} changes the model's output in place; write y.add(1) instead "
            "of y.add_(1)."
        )
    if not isinstance(value, Tensor) or value.numel() != 1 or value.ndim > 1:
        raise TargetError(
            f"the target {name!r} gives {_shape(value)} for {_shape(output)}; it must give one "
            "number per picture, as lambda y: y[..., 3] - y[..., 5] does."
        )
    if not value.is_floating_point():
        raise TargetError(f"the target {name!r} gives {value.dtype}, which has no gradient.")
    return value.reshape(1)


def _changes(output: Any) -> list[int]:
    """How often each tensor of an output was changed in place; inference tensors count nothing."""
    leaves = [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor)]
    return [leaf._version for leaf in leaves if not leaf.is_inference()]


def _shape(value: Any) -> str:
    return f"{tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
