"""Linear layers of a replay, answered from the recorded pass: their weights are not read again.

A replayed token enters a linear layer as the recorded one did, so it leaves as the recorded one
did. That it enters so is compared at every layer; on the way back the layer's weights are used as
ever. At batch 1 reading weights is most of what a replay would take.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ..undo import Undo
from ..values import Layout
from .patches import Patch, Patches


class _Call(NamedTuple):
    weight: Tensor
    version: int
    entered: Tensor  # at the read tokens, token dimension first
    left: Tensor  # at the kept tokens


class Linears:
    """The linear calls of one block: recorded in its first run, answered in its second."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.rows = slice(0, layout.kept)
        self.errors: list[Tensor] = []  # of what entered: largest difference, of the largest
        self._kept: list[_Call | None] = []
        self._next: int | None = None  # while the block is replayed

    def record(self) -> None:
        """A block begins its first run."""
        self._kept, self._next = [], None

    def replay(self) -> None:
        """The same block begins its second run."""
        self._next = 0

    def answer(self, tokens: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """One linear call of the model."""
        if self._next is None:
            output: Tensor = _patches.original("linear")(tokens, weight, bias)
            self._kept.append(self._rows_of(tokens, weight, output))
            return output
        index, self._next = self._next, self._next + 1
        known = self._kept[index] if index < len(self._kept) else None
        if known is None or known.weight is not weight or known.version != weight._version:
            return cast(Tensor, _patches.original("linear")(tokens, weight, bias))
        if tokens.shape[:-1] != known.left.shape[:-1]:
            return cast(Tensor, _patches.original("linear")(tokens, weight, bias))
        entered = known.entered
        read = tokens.detach().movedim(self.layout.token_dim, 0)[self.rows]
        scale = entered.abs().amax().clamp(min=1e-6)
        self.errors.append((read - entered).abs().amax() / scale)
        return cast(Tensor, _Known.apply(tokens, weight, known.left))

    def _rows_of(self, tokens: Tensor, weight: Tensor, output: Tensor) -> _Call | None:
        layout, dim = self.layout, self.layout.token_dim
        whole = tokens.ndim == 3 and tokens.shape[dim] == layout.grid.tokens
        plain = type(weight) in (Tensor, torch.nn.Parameter)  # no packed or quantized kind
        if not whole or not plain or layout.kept == layout.grid.tokens:
            return None
        entered = tokens.movedim(dim, 0)[self.rows].clone()
        left = output.narrow(dim, 0, layout.kept).clone()
        return _Call(weight, weight._version, entered, left)


class _Known(torch.autograd.Function):
    """A linear layer whose output is known already."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, weight: Tensor, left: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.dtype = tokens.dtype
        return left.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        rows = gradient.to(weight.dtype).reshape(-1, gradient.shape[-1])
        # mm: under vmap it takes all targets at once, where @ would take them one by one
        given = torch.mm(rows, weight).reshape(*gradient.shape[:-1], -1)
        return given.to(ctx.dtype), None, None


def _dispatch(tokens: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    linears = _patches.handler
    if linears is None:
        answer: Tensor = _patches.original("linear")(tokens, weight, bias)
        return answer
    return linears.answer(tokens, weight, bias)


_patches: Final[Patches[Linears]] = Patches("linear", [Patch(F, "linear", _dispatch)])


def answer_linears(undo: Undo, linears: Linears) -> None:
    """Let `linears` answer this thread's linear layers until `undo` is closed."""
    _patches.activate(undo, linears)
