"""By which ways the logits depend on the blocks' attention.

One pass over one picture under autograd, cut where each block begins and at what each attention
gives. In its graph stands, whatever the numbers are, what the logits are made of. A replay follows
one way: from each block's tokens to the next block, from the last block's to the classifier. Any
other that leads to the logits is found here: a head that reads several blocks, by whatever means
it gets hold of them.
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
from .modes import open_mode
from .record import blocks_of, capture, rows_read


@dataclass(frozen=True)
class Connections:
    """What one pass under autograd showed.

    `reads`: the tokens of the last block that the logits depend on, in this picture. `branches`:
    they depend on a block's attention by another way than through the next block. `chained`: each
    block goes on from the one before. `any_token`: something looks at numbers, and would hide
    which tokens it looked at. `steered`: the model looks at numbers to choose its way. `bypassed`:
    what enters the first block leads to the logits by another way too.
    """

    reads: tuple[int, ...]
    branches: bool
    chained: bool
    any_token: bool
    steered: bool
    bypassed: bool


def connections(classifier: Classifier, pixels: Tensor, layout: Layout) -> Connections:
    """Follow the logits of one picture back; LayoutMismatchError where there is no gradient."""
    cuts = _Cuts(classifier, layout)
    logits = cuts.run(pixels)
    if cuts.output is None:
        raise LayoutMismatchError
    reached = leaves_leading_to(logits)
    inner = {id(leaf) for leaf in (*cuts.entries[1:], *cuts.leaves)}
    if inner.isdisjoint(reached):
        raise LayoutMismatchError
    rows = rows_read(logits, cuts.output, layout.token_dim)[0]
    return Connections(
        reads=tuple(int(i) for i in rows.nonzero().flatten()),
        branches=not inner.isdisjoint(leaves_leading_to(logits, stop=cuts.last)),
        chained=len(cuts.entries) == len(layout.blocks) and cuts.chained(),
        any_token=cuts.watch.hidden,
        steered=cuts.watch.steered,
        bypassed=id(cuts.pixels) in reached,
    )


class _Cuts:
    """The pass: a leaf where each block begins, and one for what each attention gives."""

    def __init__(self, classifier: Classifier, layout: Layout) -> None:
        self.classifier, self.layout = classifier, layout
        self.entries: list[Tensor] = []  # leaves
        self.entered: list[Tensor] = []  # what came, and was replaced by them
        self.leaves: list[Tensor] = []
        self.inside: list[int] = []  # the block that holds each of them
        self.output: Tensor | None = None
        self.last: Any = None  # the node of the graph that made the output
        self.watch = _Watch(self)
        self.pixels = torch.empty(0)
        self._turn = Turn(layout)

    def run(self, pixels: Tensor) -> Tensor:
        blocks = blocks_of(self.classifier, self.layout)
        with torch.enable_grad(), undoing() as undo:
            for block in blocks:
                hook(undo, block, before=self._enter)
            hook(undo, blocks[-1], after=self._leave)
            capture(undo, self.layout, pixels, self._answer)
            open_mode(undo, self.watch)
            self.pixels = pixels.detach().requires_grad_()
            logits = self.classifier.predict(self.pixels.clone())
        self._turn.finish()
        return logits

    def chained(self) -> bool:
        """Whether what enters each block comes from the block before it."""
        for index, stream in enumerate(self.entered[1:]):
            within = [
                leaf for leaf, block in zip(self.leaves, self.inside, strict=True) if block == index
            ]
            block = {id(leaf) for leaf in (self.entries[index], *within)}
            if block.isdisjoint(leaves_leading_to(stream)):
                return False
        return True

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
        self.last = self.output.grad_fn

    def _answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if not self._turn.own():
            return as_torch()
        with torch.no_grad():
            self.leaves.append(as_torch())
        self.inside.append(len(self.entries) - 1)
        return self.leaves[-1].requires_grad_()


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notices where numbers become truths, indices or Python's own, behind the first block."""

    looks: Final = frozenset({"_local_scalar_dense", "is_nonzero", "nonzero", "equal", "allclose"})
    forgets: Final = frozenset({"nan_to_num", "nansum", "sign", "sgn", "fmax", "fmin"})

    def __init__(self, cuts: _Cuts) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._cuts = cuts
        self.hidden = self.steered = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute as torch would, and look at what became of the numbers."""
        del types
        result = func(*args, **(kwargs or {}))
        if self._cuts.entries and not is_own_operation():
            name = str(func.overloadpacket.__name__)
            self.steered |= name in self.looks
            if len(self._cuts.entries) >= len(self._cuts.layout.blocks):
                self.hidden |= name in self.forgets or _became_truths(args, result)
        return result


def _became_truths(args: Any, result: Any) -> bool:
    """Whether floating numbers came in, and something else than floating numbers out."""
    given, made = list(_tensors(args)), list(_tensors(result))
    floats = any(tensor.is_floating_point() for tensor in given)
    return floats and any(not tensor.is_floating_point() for tensor in made)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
