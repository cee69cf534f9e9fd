"""How many bytes tensors, and what autograd keeps for them, hold in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn


def bytes_of(tensors: Iterable[Tensor], module: nn.Module) -> int:
    """Bytes of tensors, each memory counted once, the model's own weights not at all."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    sizes = {storage.data_ptr(): storage.nbytes() for storage in storages}
    weights = {weight.untyped_storage().data_ptr() for weight in module.parameters()}
    return sum(size for place, size in sizes.items() if place not in weights)


def saved_in(logits: Tensor) -> Iterator[Tensor]:
    """What autograd keeps in order to go back from `logits`."""
    nodes, seen = [logits.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found = (getattr(node, name) for name in dir(node) if name.startswith("_saved_"))
        yield from (value for value in found if isinstance(value, Tensor))
        nodes += [below for below, _ in node.next_functions]


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested tuples and frozen records."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from tensors_in(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from tensors_in(getattr(value, name))
