"""Replay: the gradient of the read tokens alone, which is the gradient of the whole.

With the inputs of every self-attention detached, tokens no longer mix on the way back. So the
stream of the read tokens alone, with every attention answered from the recording, has the
gradient of the whole; `alpha[block, head, read, j] = < d y / d output[head, read], v[j] >`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from typing import Final, overload

import torch
from einops import rearrange
from torch import Tensor

from ..values import (
    AttentionCall,
    BlockRecord,
    Classifier,
    Layout,
    ReadBlock,
    ReadTrace,
    Recording,
)
from .record import rows_read
from .two_streams import two_streams

ROWS_AT_ONCE: Final = 256  # tokens of all pictures and targets in one backward pass


class Leaves:
    """A pass in which the output of every attention is a leaf: gradients of any target at each.

    `last` is what leaves the last block. Where `rows` (batch, kept) is set, the gradient of the
    other rows is zero.
    """

    def __init__(
        self, logits: Tensor, outputs: Sequence[Tensor], recording: Recording, last: Tensor
    ) -> None:
        self.logits, self.recording = logits, recording
        self.rows: Tensor | None = None
        self._outputs, self._last = outputs, last

    def beside(self, recording: Recording) -> Leaves:
        """The same gradients with another copy of the recording, such as one without its calls."""
        other = copy(self)
        other.recording = recording
        return other

    def rows_read(self) -> Tensor:
        """The tokens of the last block that the classifier reads, for each picture."""
        return rows_read(self.logits, self._last, self.recording.layout.token_dim)

    def trace(self, target: Tensor) -> ReadTrace:
        """Trace one target class per picture: `target` (batch,)."""
        return next(self.trace_each(target[:, None]))

    def trace_each(self, targets: Tensor) -> Iterator[ReadTrace]:
        """Trace `targets` (batch, target), several columns at a time, side by side in the batch."""
        for blocks in self._passes(targets):
            yield ReadTrace(blocks, self.recording.grid)

    def trace_all(self, targets: Tensor, calls: tuple[AttentionCall, ...]) -> ReadTrace:
        """Trace `targets` (batch, target) at once, with the calls, which serve all of them."""
        first, *more = self._passes(targets)
        recording = self.recording
        return ReadTrace(first, recording.grid, calls, tuple(more), recording.layout.places)

    def _passes(self, targets: Tensor) -> Iterator[_Blocks]:
        """The blocks of some columns of targets each.

        Blocks of k columns have batch * k rows: all columns of the first picture come first. One
        backward pass, which reads every weight once, serves them; it is made when they are read.
        """
        batch, classes = self.logits.shape
        for some in torch.split(targets.to(self.logits.device), self._columns(batch), dim=1):
            chosen = torch.nn.functional.one_hot(some.T, classes).to(self.logits.dtype)
            flows = partial(self._flows, chosen)
            yield _Blocks(self.recording.blocks, self._outputs, flows, some.shape[1])

    def _columns(self, batch: int) -> int:
        return max(1, ROWS_AT_ONCE // (batch * self.recording.layout.kept))

    def _flows(self, chosen: Tensor, outputs: Sequence[Tensor]) -> list[Tensor]:
        """Gradients at these outputs of attention, (target batch head read dim)."""
        several = len(chosen) > 1
        found = torch.autograd.grad(
            self.logits,
            outputs,
            chosen if several else chosen[0],
            retain_graph=True,
            is_grads_batched=several,
            materialize_grads=True,
        )
        flows = [flow.expand(len(chosen), *flow.shape[-4:]) for flow in found]
        if self.rows is None:
            return flows
        return [flow * self.rows[None, :, None, :, None] for flow in flows]


class Replay(Leaves):
    """One pass in two streams, proved: gradients of any target."""

    name: Final = "replay"

    def __init__(
        self, classifier: Classifier, pixels: Tensor, layout: Layout, keep_calls: bool
    ) -> None:
        streams = two_streams(classifier, pixels, layout, keep_calls)
        super().__init__(streams.logits, streams.outputs, streams.recording, streams.last)


class _Blocks(Sequence[ReadBlock]):
    """Blocks made one at a time, so that no more than one holds its gradient rows.

    The backward pass is made when they are read, and ends at the first of them: a method that
    reads the last two blocks (`blocks[-2:]`) pays for two.
    """

    def __init__(
        self,
        records: Sequence[BlockRecord],
        outputs: Sequence[Tensor],
        flows: Callable[[Sequence[Tensor]], list[Tensor]],
        targets: int,
    ) -> None:
        self.records, self.outputs, self.flows, self.targets = records, outputs, flows, targets

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> ReadBlock: ...
    @overload
    def __getitem__(self, index: slice) -> _Blocks: ...
    def __getitem__(self, index: int | slice) -> ReadBlock | _Blocks:
        if isinstance(index, slice):
            return _Blocks(self.records[index], self.outputs[index], self.flows, self.targets)
        at = range(len(self))[index]
        return next(iter(self[at : at + 1]))

    def __iter__(self) -> Iterator[ReadBlock]:
        for record, flow in zip(self.records, self.flows(self.outputs), strict=True):
            scores = record.scores
            rows = rearrange(flow, "target batch head read dim -> batch head (target read) dim")
            by_target = rearrange(
                rows.to(scores.dtype) @ record.value.to(scores.dtype).mT,
                "batch head (target read) token -> target batch head read token",
                target=self.targets,
            )
            gradients = torch.stack([record.at_softmax(one) for one in by_target], dim=1)
            yield ReadBlock(
                scores.repeat_interleave(self.targets, 0), gradients.flatten(0, 1), record.places
            )
