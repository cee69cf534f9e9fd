"""Two streams through one pass of the model: every token, recorded, and the kept tokens, replayed.

The model's own forward runs once. Where it calls a block, the block runs twice, one run right after
the other, while its weights are still near:

                  block 1             block 2        ...   last block                 classifier
    every token  --[ 1 record ]-- 3 --[ 1 record ]-- 3 --  [ up to its attention ]
    kept tokens  --[ 2 replay ]-------[ 2 replay ]--- 4 =  [ 2 replay ]---- kept, unread -- 5 logits

1. Record: every token goes through the block without gradients. What its attention computes is
   kept: the scores of the kept tokens' rows, and the values.
2. Replay: the kept tokens go through the block with gradients. Each attention call is answered from
   the recording, `softmax(scores) @ values`, by a leaf: the gradient is read there later.
3. Hand on: the model continues with the recorded output as a new leaf. Whatever takes these tokens
   on another way than into the next block has the leaf in its graph.
4. Verify: where the last block begins, both streams must hold the same kept tokens. Of its first
   run only keys and values are needed, so that run ends at its attention call, and the projection
   and the MLP are never computed for tokens that nobody reads.
5. Verify: the unread tokens behind the last block are NaN, so a classifier that reads one of them
   gives NaN, whatever it computes; and the graph of the logits holds no leaf of step 3.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from ..undo import Forward, undoing, wrap_forward
from ..values import AttentionCall, Classifier, Layout, Recording
from .graph import leaves_leading_to
from .hooks import LayoutMismatchError, first_tensor, map_tensors, replace_stream, stream_of
from .prove import prove
from .record import Recorder, blocks_of, capture

UNREAD: Final = float("nan")
"""Any arithmetic with it shows in the logits. No finite number does that: a gate may be closed for
it that the real token opens."""


@dataclass(frozen=True)
class Streams:
    """What a proved pass returns.

    `logits` carry the graph of the kept tokens; `outputs` are the leaves that answered the
    attention calls, one for each block of the recording; `last` is what the last block returns,
    with its graph.
    """

    recording: Recording
    logits: Tensor
    outputs: tuple[Tensor, ...]
    last: Tensor


def two_streams(
    classifier: Classifier, pixels: Tensor, layout: Layout, keep_calls: bool
) -> Streams:
    """Run one pass and prove it; LayoutMismatchError or ProofError where it does not fit."""
    return _Pass(classifier, layout, Recorder(layout, keep_calls)).run(pixels)


class _LastValuesKnownError(Exception):
    """Leaves the last block at its attention: torch has no other way out of a module's forward."""


class _Pass:
    """The pass under way: what was recorded and replayed so far."""

    def __init__(self, classifier: Classifier, layout: Layout, recorder: Recorder) -> None:
        self.classifier, self.layout, self.recorder = classifier, layout, recorder
        self.answer = _Pass._record_call  # to the attention calls of the run under way
        self.replayed: Tensor | None = None  # the kept tokens behind the block before
        self.handed_on: list[Tensor] = []  # leaves: the recorded tokens behind each block
        self.outputs: list[Tensor] = []  # leaves: the answers to the replayed attention calls

    def run(self, pixels: Tensor) -> Streams:
        """The model's own forward, with both runs in the place of each block's."""
        *others, last = blocks_of(self.classifier, self.layout)
        with torch.no_grad(), undoing() as undo:
            for block in others:
                wrap_forward(undo, block, self._run_block)
            wrap_forward(undo, last, self._run_last_block)
            capture(undo, self.layout, pixels, self._attend)
            logits = self.classifier.predict(pixels)
        return self._verified(pixels, logits)

    def _run_block(self, forward: Forward, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._entering(args, kwargs)
        with torch.no_grad():
            output = forward(*args, **kwargs)
        self.replayed = stream_of(self._replay(forward, args, kwargs))
        self.handed_on.append(stream_of(output).detach().requires_grad_())
        torch.set_grad_enabled(True)  # from here on, so that other ways show; `run` ends it
        return replace_stream(output, self.handed_on[-1])

    def _run_last_block(
        self, forward: Forward, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        tokens = self._entering(args, kwargs)
        self.answer = _Pass._record_until_last_call
        with torch.no_grad(), suppress(_LastValuesKnownError):
            forward(*args, **kwargs)
        if self.replayed is not None:  # else the last block is the first: nothing was replayed yet
            self._verify(tokens, self.replayed)
        output = self._replay(forward, args, kwargs)
        self.replayed = stream_of(output)
        torch.set_grad_enabled(True)  # for the classifier; `run` ends it
        return replace_stream(output, self._with_unread(self.replayed))

    def _entering(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """The recorded tokens that enter a block: those that the block before has handed on."""
        tokens = first_tensor(args, kwargs)
        if tokens is None or (self.handed_on and tokens is not self.handed_on[-1]):
            raise LayoutMismatchError  # something between blocks may change the gradient
        return tokens

    def _replay(self, forward: Forward, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a block for the kept tokens, each attention call answered from the recording."""
        tokens = first_tensor(args, kwargs)

        def keep(tensor: Tensor) -> Tensor:
            if tensor is tokens and self.replayed is not None:
                return self.replayed
            return kept_part(tensor, self.layout)

        self.answer = _Pass._answer_call
        with torch.enable_grad():
            output = forward(*map_tensors(args, keep), **map_tensors(kwargs, keep))
        self.answer = _Pass._record_call
        return output

    def _attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        return self.answer(self, call, as_torch)

    def _record_call(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        self.recorder.keep(call)
        return as_torch()

    def _record_until_last_call(
        self, call: AttentionCall, as_torch: Callable[[], Tensor]
    ) -> Tensor:
        self.recorder.keep(call)
        if len(self.recorder.blocks) == sum(self.layout.calls):
            raise _LastValuesKnownError
        return as_torch()

    def _answer_call(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        del call, as_torch  # known: the next one that was recorded and not answered
        if len(self.outputs) == len(self.recorder.blocks):
            raise LayoutMismatchError
        record = self.recorder.blocks[len(self.outputs)]
        scores = record.scores
        output = scores.softmax(-1) @ record.value.to(scores.dtype)  # batch head kept dim
        self.outputs.append(output.to(record.value.dtype).requires_grad_())
        return self.outputs[-1]

    def _verify(self, recorded: Tensor, replayed: Tensor) -> None:
        recorded = recorded.narrow(self.layout.token_dim, 0, self.layout.kept)
        prove(self.classifier.name, recorded, replayed, self.recorder.blocks[0].value.dtype)

    def _with_unread(self, kept: Tensor) -> Tensor:
        shape = list(kept.shape)
        shape[self.layout.token_dim] = self.layout.grid.tokens - self.layout.kept
        return torch.cat([kept, kept.new_full(shape, UNREAD)], self.layout.token_dim)

    def _verified(self, pixels: Tensor, logits: Tensor) -> Streams:
        recording, last = self.recorder.recording(pixels, logits.detach()), self.replayed
        answered = len(self.outputs) == len(recording.blocks)
        if last is None or not answered or not logits.requires_grad:
            raise LayoutMismatchError
        if not bool(torch.isfinite(logits).all()):
            raise LayoutMismatchError  # the classifier reads a token that was not kept
        if not {id(tokens) for tokens in self.handed_on}.isdisjoint(leaves_leading_to(logits)):
            raise LayoutMismatchError  # it reads the tokens of another block than the last
        return Streams(recording, logits, tuple(self.outputs), last)


def kept_part(tensor: Tensor, layout: Layout) -> Tensor:
    """The kept tokens of the stream, and of what goes with it (rotary embeddings, masks)."""
    grid, kept, dim = layout.grid, layout.kept, layout.token_dim
    if tensor.ndim == 3 and tensor.shape[dim] == grid.tokens:
        return tensor.narrow(dim, 0, kept)
    if tensor.ndim < 2 or kept == grid.tokens:
        return tensor
    if tensor.shape[-2] == grid.tokens:
        return tensor[..., :kept, :]
    if tensor.shape[-2] == grid.patches:
        return tensor[..., : max(kept - grid.prefix, 0), :]
    return tensor
