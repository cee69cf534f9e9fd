"""What the logits depend on: which tokens of the last block, and by which ways the blocks.

One pass over one picture under autograd, cut where each block begins and at what each attention
returns. Its graph shows what the logits are made of, whatever the numbers are. A replay follows
one way: from each block's tokens to the next block, from the last block's to the classifier. Any
other way is found here: a head that reads several blocks, by whatever means it gets hold of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ..own_operations import is_own_operation
from ..undo import hook, undoing
from ..values import AttentionCall, Classifier, Layout
from .full import Turn
from .graph import leaves_leading_to
from .hooks import LayoutMismatchError, first_tensor, map_tensors, stream_of
from .patches import open_mode
from .record import blocks_of, capture, rows_read


@dataclass(frozen=True)
class Dependencies:
    """What one pass under autograd showed.

    Attributes:
        reads: The tokens of the last block that the logits depend on, in this picture.
        branches: They depend on a block's attention by another way than through the next block.
        bypassed: What enters the first block leads to them by another way too.
        chained: Each block continues from the one before.
        steered: The model branches in Python on numbers that it computes.
        hidden: It compares, sorts or picks numbers behind the last block, so that an unread token
            might not show in the logits.

    """

    reads: tuple[int, ...]
    branches: bool
    bypassed: bool
    chained: bool
    steered: bool
    hidden: bool


def find_dependencies(classifier: Classifier, pixels: Tensor, layout: Layout) -> Dependencies:
    """Follow the logits of one picture back; LayoutMismatchError where there is no gradient."""
    cut = _CutPass(layout)
    logits = cut.run(classifier, pixels)
    if cut.output is None:
        raise LayoutMismatchError
    reached = leaves_leading_to(logits)
    inner = {id(leaf) for leaf in (*cut.entries[1:], *(leaf for _, leaf in cut.attention))}
    if inner.isdisjoint(reached):
        raise LayoutMismatchError
    rows = rows_read(logits, cut.output, layout.token_dim)[0]
    around_last = leaves_leading_to(logits, stop=cut.output_node)
    return Dependencies(
        reads=tuple(int(row) for row in rows.nonzero().flatten()),
        branches=not inner.isdisjoint(around_last),
        bypassed=id(cut.pixels) in reached,
        chained=len(cut.entries) == len(layout.blocks) and cut.chained(),
        steered=cut.watch.steered,
        hidden=cut.watch.hidden,
    )


class _CutPass:
    """The pass: a leaf where each block begins, and one for what each attention returns."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.entered: list[Tensor] = []  # the tokens that came to each block
        self.entries: list[Tensor] = []  # the leaves that went on in their place
        self.attention: list[tuple[int, Tensor]] = []  # leaves, with the number of their block
        self.output: Tensor | None = None  # of the last block
        self.output_node: Any = None  # where it stands in the graph, before anything overwrites it
        self.pixels = torch.empty(0)
        self.watch = _Watch(self)
        self._turn = Turn(layout)

    def run(self, classifier: Classifier, pixels: Tensor) -> Tensor:
        blocks = blocks_of(classifier, self.layout)
        with torch.enable_grad(), undoing() as undo:
            for block in blocks:
                hook(undo, block, before=self._enter)
            hook(undo, blocks[-1], after=self._leave)
            capture(undo, self.layout, pixels, self._answer)
            open_mode(undo, self.watch)
            self.pixels = pixels.detach().requires_grad_()
            logits = classifier.predict(self.pixels.clone())
        self._turn.finish()
        return logits

    def chained(self) -> bool:
        """Whether what enters each block comes from the block before it."""
        for index, stream in enumerate(self.entered[1:]):
            within = [leaf for block, leaf in self.attention if block == index]
            leaves = {id(leaf) for leaf in (self.entries[index], *within)}
            if leaves.isdisjoint(leaves_leading_to(stream)):
                return False
        return True

    def behind_last_block(self) -> bool:
        return len(self.entries) >= len(self.layout.blocks)

    def _enter(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        stream = first_tensor(args, kwargs)
        if stream is None:
            raise LayoutMismatchError
        torch.set_grad_enabled(True)  # also where the model says no_grad
        leaf = stream.detach().requires_grad_()
        self.entered.append(stream)
        self.entries.append(leaf)

        def cut(tensor: Tensor) -> Tensor:
            return leaf if tensor is stream else tensor

        return map_tensors(args, cut), map_tensors(kwargs, cut)

    def _leave(self, _: nn.Module, __: object, output: Any) -> None:
        self.output = stream_of(output)
        self.output_node = self.output.grad_fn

    def _answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if not self._turn.own():
            return as_torch()
        with torch.no_grad():
            leaf = as_torch().requires_grad_()
        self.attention.append((len(self.entries) - 1, leaf))
        return leaf


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notices where numbers become truths, indices or Python's own, behind the first block."""

    steers: Final = frozenset({"_local_scalar_dense", "is_nonzero", "nonzero", "equal", "allclose"})
    hides: Final = frozenset({"nan_to_num", "nansum", "sign", "sgn", "fmax", "fmin"})

    def __init__(self, cut: _CutPass) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._cut = cut
        self.hidden = self.steered = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute as torch would, and look at what became of the numbers."""
        del types
        result = func(*args, **(kwargs or {}))
        if self._cut.entries and not is_own_operation():
            name = str(func.overloadpacket.__name__)
            self.steered |= name in self.steers
            if self._cut.behind_last_block():
                self.hidden |= name in self.hides or _became_truths(args, result)
        return result


def _became_truths(args: Any, result: Any) -> bool:
    """Whether floating numbers went in, and something else than floating numbers came out."""
    given, made = list(_tensors(args)), list(_tensors(result))
    floats = any(tensor.is_floating_point() for tensor in given)
    return floats and any(not tensor.is_floating_point() for tensor in made)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
