"""What the logits depend on: which tokens of the last block, and by which ways the blocks.

One pass over one picture under autograd, cut where each block begins and at what each attention
returns. Its graph shows what the logits are made of, whatever the numbers are. A replay follows
one way: from each block's tokens to the next block, from the last block's to the classifier. Any
other way is found here: a head that reads several blocks, by whatever means it gets hold of them.

What happens within a block is shown by poison. Rows and keys of its attention must be poisoned
where its tokens are, else they are not tokens, or tokens in another order. And tokens that a replay
would not keep must not poison those that it keeps, else the last block mixes tokens outside
attention.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from ..undo import Forward, undoing, wrap_forward
from ..values import AttentionCall, Classifier, Layout
from .explicit import Answer
from .graph import leaves_leading_to, nodes_leading_to
from .hooks import LayoutMismatchError, first_tensor, stream_of
from .patches import open_mode
from .poison import BlockRun, every_other, in_order
from .record import blocks_of, capture, rows_read
from .watch import Watch

FAILURES: Final = (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError)


@dataclass(frozen=True)
class Dependencies:
    """What one pass under autograd showed.

    `reads`: the tokens of the last block that the logits depend on, in this picture. `kept`: the
    first tokens, which a replay must keep: all, where what is read may depend on the picture.
    `branches`: the logits depend on a block's attention by another way than through the next
    block. `bypassed`: what enters the first block leads to them by another way too. `chained`: each
    block continues from the one before. `steered`: the model branches in Python on numbers that it
    computes. `in_order`: rows and keys of attention are tokens, in the order of the sequence.
    `in_place`: each patch is made of itself, from block to block, whatever else it is made of.
    `only_mixes`: explicit attention is used to mix values, and for nothing else. `mixed`: the last
    block mixes tokens outside attention.
    """

    reads: tuple[int, ...]
    kept: int
    branches: bool
    bypassed: bool
    chained: bool
    steered: bool
    in_order: bool
    in_place: bool
    only_mixes: bool
    mixed: bool


def find_dependencies(classifier: Classifier, pixels: Tensor, layout: Layout) -> Dependencies:
    """Follow the logits of one picture back; LayoutMismatchError where there is no gradient."""
    cut, grid = _CutPass(layout), layout.grid
    pixels = pixels.detach().requires_grad_()
    with torch.enable_grad(), undoing() as undo:
        for block in blocks_of(classifier, layout):
            wrap_forward(undo, block, cut.run_block)
        explicit = capture(undo, layout, pixels, cut.answer)
        open_mode(undo, cut.watch)
        logits = classifier.predict(pixels.clone())
        cut.watch.in_tower = False
        reads = cut.reads(logits)
        in_prefix = bool(reads) and max(reads) < grid.prefix and not cut.watch.hidden
        kept = max(reads) + 1 if in_prefix else grid.tokens
        mixed = cut.mixes_others_into(kept)
    around_last = leaves_leading_to(logits, stop=cut.output_node)
    return Dependencies(
        reads=reads,
        kept=kept,
        branches=not cut.inner_leaves().isdisjoint(around_last),
        bypassed=id(pixels) in leaves_leading_to(logits),
        chained=cut.chained(),
        steered=cut.watch.steered,
        in_order=cut.in_order,
        in_place=cut.in_place(),
        only_mixes=nodes_leading_to(logits).isdisjoint(explicit.nodes() if explicit else ()),
        mixed=mixed,
    )


class _CallSeenError(Exception):
    """Leaves a poisoned block at its attention: torch has no other way out of a forward."""


class _CutPass:
    """The pass: a leaf where each block begins, and one for what each attention returns."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.runs: list[BlockRun] = []  # of each block, from a leaf on
        self.entered: list[Tensor] = []  # the tokens that came, and were replaced by the leaves
        self.attention: list[tuple[int, Tensor]] = []  # leaves, with the number of their block
        self.output: Tensor | None = None  # of the last block
        self.output_node: Any = None  # where it stands in the graph, before anything overwrites it
        self.in_order = True
        self.watch = Watch()
        self._poisoned = every_other(layout.grid.tokens)
        self._attend: Answer = self._cut_call

    def run_block(self, forward: Forward, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one block from a leaf on, after a look at what its attention makes of poison."""
        stream = first_tensor(args, kwargs)
        if stream is None:
            raise LayoutMismatchError
        torch.set_grad_enabled(True)  # also where the model says no_grad
        self.entered.append(stream)
        leaf = stream.detach().requires_grad_()
        self.runs.append(BlockRun(forward, args, kwargs, stream).with_tokens(leaf))
        with suppress(_CallSeenError, *FAILURES):
            self._run_poisoned(self._poisoned, self._look_at_call)
        self.watch.in_tower, self.watch.in_head = True, self._in_last_block()
        output = self.runs[-1]()
        self.output = stream_of(output)
        self.output_node = self.output.grad_fn
        return output

    def answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Answer one attention call of the run under way."""
        own = call.query.shape[-2] == call.value.shape[-2] == self.layout.grid.tokens
        return self._attend(call, as_torch) if own else as_torch()

    def inner_leaves(self) -> set[int]:
        """The leaves behind which there is a block."""
        return {id(run.stream) for run in self.runs[1:]} | {id(leaf) for _, leaf in self.attention}

    def reads(self, logits: Tensor) -> tuple[int, ...]:
        """The tokens of the last block at which the logits have a gradient."""
        complete = len(self.attention) == sum(self.layout.calls)
        if self.output is None or not complete:
            raise LayoutMismatchError
        if self.inner_leaves().isdisjoint(leaves_leading_to(logits)):
            raise LayoutMismatchError
        rows = rows_read(logits, self.output, self.layout.token_dim)[0]
        return tuple(int(row) for row in rows.nonzero().flatten())

    def chained(self) -> bool:
        """Whether what enters each block comes from the block before it."""
        for index, stream in enumerate(self.entered[1:]):
            within = {id(leaf) for block, leaf in self.attention if block == index}
            if leaves_leading_to(stream).isdisjoint(within | {id(self.runs[index].stream)}):
                return False
        return len(self.runs) == len(self.layout.blocks)

    def in_place(self) -> bool:
        """Whether what enters each block has its patches where the block before had them.

        Of the patches whose number has a bit set, each must have a part in some of these. If that
        holds for every bit, none has changed places with another.
        """
        grid = self.layout.grid
        numbers = torch.arange(grid.tokens)
        patches = torch.zeros(grid.tokens, dtype=torch.bool)
        patches[grid.places] = True
        bits = range((grid.tokens - 1).bit_length())
        groups = [(patches & (numbers >> bit & 1).bool()).nonzero().flatten() for bit in bits]
        pairs = list(zip(self.runs, self.entered[1:], strict=False))
        return all(self._stays(run.stream, after, some) for run, after in pairs for some in groups)

    def _stays(self, before: Tensor, after: Tensor, group: Tensor) -> bool:
        """Whether all tokens of a group have a part in what some of them become."""
        if before.shape != after.shape or not after.requires_grad:
            return True  # refused for another reason
        dim, group = self.layout.token_dim, group.to(after.device)
        seeds = torch.zeros_like(after)
        shape = seeds.index_select(dim, group).shape
        drawn = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        seeds.index_copy_(dim, group, drawn.to(after))
        found = torch.autograd.grad(after, before, seeds, retain_graph=True, allow_unused=True)
        parts = [one.ne(0).movedim(dim, 0).flatten(1).any(1) for one in found if one is not None]
        return all(bool(part[group].all()) or not bool(part.any()) for part in parts)

    def mixes_others_into(self, kept: int) -> bool:
        """Whether other tokens reach the first `kept` of the last block outside its attention."""
        last, tokens = len(self.runs) - 1, torch.arange(self.layout.grid.tokens)
        answers = iter([leaf for block, leaf in self.attention if block == last])
        try:
            output = self._run_poisoned(tokens >= kept, lambda *_: next(answers))
        except FAILURES:
            return True
        kept_tokens = stream_of(output).narrow(self.layout.token_dim, 0, kept)
        return not bool(kept_tokens.isfinite().all())

    def _run_poisoned(self, tokens: Tensor, attend: Answer) -> Any:
        self.watch.in_tower, self._attend = False, attend
        try:
            with torch.no_grad():
                return self.runs[-1].poisoned(tokens, self.layout.token_dim)()
        finally:
            self._attend = self._cut_call

    def _look_at_call(self, call: AttentionCall, _: Callable[[], Tensor]) -> Tensor:
        self.in_order &= in_order(call, self._poisoned)
        raise _CallSeenError

    def _cut_call(self, _: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        with torch.no_grad():
            leaf = as_torch().requires_grad_()
        self.attention.append((len(self.runs) - 1, leaf))
        return leaf

    def _in_last_block(self) -> bool:
        return len(self.runs) >= len(self.layout.blocks)
