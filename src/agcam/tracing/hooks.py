"""The token stream among a module's arguments and outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


class LayoutMismatchError(Exception):
    """The pass does not follow the layout: the model was changed since it was surveyed."""


def first_tensor(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The first floating tensor among the arguments: the token stream."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor) and value.is_floating_point():
            return value
    return None


def stream_of(output: Any) -> Tensor:
    """The token stream that leaves a block: its output, or the first tensor of it."""
    stream = first_tensor((output,) if isinstance(output, Tensor) else tuple(output), {})
    if stream is None:
        raise LayoutMismatchError
    return stream


def replace_stream(output: Any, new: Tensor) -> Any:
    """The output of a block with another token stream."""
    return new if isinstance(output, Tensor) else replace_first_tensor(tuple(output), new)


def replace_first_tensor(values: tuple[Any, ...], new: Tensor) -> tuple[Any, ...]:
    """The same values with the first floating tensor replaced."""
    items = list(values)
    for index, value in enumerate(items):
        if isinstance(value, Tensor) and value.is_floating_point():
            items[index] = new
            break
    return tuple(items)


def map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Apply `change` to every tensor in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(map_tensors(item, change) for item in value)
    if type(value) is dict:
        return {key: map_tensors(item, change) for key, item in value.items()}
    return value
