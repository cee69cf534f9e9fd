"""Small helpers for hooks: find, replace and shorten tensors among a module's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


def first_tensor(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The first floating tensor among the arguments: the token stream."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor) and value.is_floating_point():
            return value
    return None


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
