"""A model in double precision for a while: rounding hides what changes little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from ..undo import Undo, undoing


@contextmanager
def in_double(module: nn.Module) -> Iterator[None]:
    """The module with double weights and buffers, until its own are put back."""
    with undoing() as undo:
        made = dict[int, Tensor]()
        for part in module.modules():
            _double(undo, part._parameters, made)
            _double(undo, part._buffers, made)
        yield


def _double(undo: Undo, tensors: dict[str, Any], made: dict[int, Tensor]) -> None:
    """Exchange the floating ones of some named tensors; shared ones stay shared."""
    own = {
        name: tensor
        for name, tensor in tensors.items()
        if tensor is not None and tensor.is_floating_point()
    }
    undo.add(lambda: tensors.update(own))
    for name, tensor in own.items():
        if id(tensor) not in made:
            copy = tensor.detach().double()
            parameter = isinstance(tensor, nn.Parameter)
            made[id(tensor)] = nn.Parameter(copy, tensor.requires_grad) if parameter else copy
        tensors[name] = made[id(tensor)]
