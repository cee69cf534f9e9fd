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
from ..undo import Undo
from ..values import AttentionCall, Classifier, Layout
from .graph import leaves_leading_to
from .hooks import LayoutMismatchError
from .instrumented import Instrumented
from .patches import open_mode
from .record import rows_read


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
    cut = _CutPass(classifier, layout)
    logits = cut.run(pixels)
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


class _CutPass(Instrumented):
    """The pass: a leaf where each block begins, and one for what each attention returns."""

    def __init__(self, classifier: Classifier, layout: Layout) -> None:
        super().__init__(classifier, layout)
        self.entered: list[Tensor] = []  # the tokens that came to each block
        self.entries: list[Tensor] = []  # the leaves that went on in their place
        self.attention: list[tuple[int, Tensor]] = []  # leaves, with the number of their block
        self.output: Tensor | None = None  # of the last block
        self.output_node: Any = None  # where it stands in the graph, before anything overwrites it
        self.pixels = torch.empty(0)
        self.watch = _Watch(self)

    def run(self, pixels: Tensor, *, gradients: bool = True) -> Tensor:
        """The logits, whose graph begins at the pixels."""
        self.pixels = pixels.detach().requires_grad_()
        with torch.enable_grad():
            return super().run(self.pixels.clone(), gradients=gradients)

    def open(self, undo: Undo, blocks: list[nn.Module]) -> None:
        """Watch every operation."""
        open_mode(undo, self.watch)

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

    def enter(self, stream: Tensor) -> Tensor:
        """Cut the graph where a block begins."""
        self.entered.append(stream)
        self.entries.append(stream.detach().requires_grad_())
        return self.entries[-1]

    def leave(self, stream: Tensor) -> None:
        """Remember what leaves the last block, and the node of the graph that made it."""
        self.output, self.output_node = stream, stream.grad_fn

    def attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Cut the graph at what each attention returns."""
        with torch.no_grad():
            leaf = as_torch().requires_grad_()
        self.attention.append((self.block, leaf))
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
