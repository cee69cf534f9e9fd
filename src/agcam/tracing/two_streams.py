"""Two streams through one pass: every token, recorded, and the read tokens, replayed.

Both go through the model block by block, while a block's weights are still near: every token
without gradients, then the read tokens with them, each attention answered from the recording. Of
the last block only the read tokens go on, for the classifier reads no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from ..own_operations import own_operations
from ..undo import hook, undoing
from ..values import AttentionCall, BlockRecord, Classifier, Layout
from .graph import leaves_leading_to
from .hooks import (
    LayoutMismatchError,
    first_tensor,
    map_tensors,
    replace_stream,
    stream_of,
)
from .linear import Linears, answer_linears
from .prove import prove, prove_error
from .record import Recorder, blocks_of, capture


class _EnoughError(Exception):
    """The last block has given its keys and values: its other tokens are of no use."""


class TwoStreams:
    """Every token, recorded, and the read tokens, replayed, side by side through each block.

    The proof: where the last block begins, the replayed tokens must be the recorded ones. Behind
    it all tokens that are not kept are NaN, so logits that read one of them are NaN and refused.
    """

    def __init__(self, classifier: Classifier, layout: Layout, whole: bool) -> None:
        self.classifier, self.layout = classifier, layout
        self.recorder = Recorder(layout, whole)
        self.outputs: list[Tensor] = []
        self._last_own = max(index for index, own in enumerate(layout.calls) if own)
        self._stream: Tensor | None = None
        self._arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self._own_run = False  # a block runs because we called it, not the model
        self._answers: Iterator[Tensor] | None = None  # while the read tokens are replayed
        self._given: list[Tensor] = []  # what each block but the last gives on: leaves
        self._entered = 0  # attention calls before the block that runs
        self._linears = Linears(layout)
        self.last: Tensor | None = None  # what the last block gives on, with its graph

    def run(self, pixels: Tensor) -> Tensor:
        """Logits with the graph of the read tokens; raises unless proved."""
        *others, last = blocks_of(self.classifier, self.layout)
        with torch.no_grad(), undoing() as undo:
            for block in others:
                hook(undo, block, self._enter, self._replay)
            hook(undo, last, self._finish, self._blind)
            capture(undo, self.layout, pixels, self._answer)
            answer_linears(undo, self._linears)
            logits = self.classifier.predict(pixels)
        done = self.recorder.count == len(self.layout.calls) and logits.requires_grad
        if not done or not bool(torch.isfinite(logits).all()):
            raise LayoutMismatchError
        if not {id(tokens) for tokens in self._given}.isdisjoint(leaves_leading_to(logits)):
            raise LayoutMismatchError  # a classifier that reads the tokens of this block too
        return logits

    def _answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if self._answers is not None:
            return next(self._answers)
        self.recorder.keep(call)
        if self.recorder.count == self._last_own + 1 and self._own_run:
            raise _EnoughError
        return as_torch()

    def _enter(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._own_run:
            if self._given and _tokens(args, kwargs) is not self._given[-1]:
                raise LayoutMismatchError  # something between blocks may change the gradient
            torch.set_grad_enabled(False)
            self._arguments = args, kwargs
            self._entered = len(self.recorder.blocks)
            self._linears.record()

    def _replay(self, block: nn.Module, _: object, output: Any) -> Any:
        if self._own_run:
            return None
        args, kwargs = self._cut()
        self._linears.replay()
        with torch.enable_grad(), self._alone(self._leaves()):
            self._stream = stream_of(block(*args, **kwargs))
        # whoever takes this block's tokens on another way than to the next block shows himself
        self._given.append(stream_of(output).detach().requires_grad_())
        torch.set_grad_enabled(True)
        return replace_stream(output, self._given[-1])

    def _finish(self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._own_run:
            return None
        self._enter(block, args, kwargs)
        with self._alone(None), suppress(_EnoughError):
            block(*args, **kwargs)
        self._prove(args, kwargs)
        self._linears.replay()
        self._answers = self._leaves()
        torch.set_grad_enabled(True)  # from here on; `run` ends it
        return self._cut()

    def _blind(self, _: nn.Module, __: object, output: Any) -> Any:
        if self._own_run:
            return None
        self._answers = None
        self._linears.record()
        stream, layout = stream_of(output), self.layout
        self.last = stream
        missing = layout.grid.tokens - layout.kept
        if not missing:
            return None
        shape = [missing if d == layout.token_dim else n for d, n in enumerate(stream.shape)]
        unread = stream.new_full(shape, float("nan"))
        full = torch.cat([stream, unread], dim=layout.token_dim)
        return replace_stream(output, full)

    @contextmanager
    def _alone(self, answers: Iterator[Tensor] | None) -> Iterator[None]:
        self._own_run, self._answers = True, answers
        yield  # nothing to undo after an exception: the pass is over then, and so are we
        self._own_run, self._answers = False, None

    def _leaves(self) -> Iterator[Tensor]:
        """What each attention of this block gives the read tokens, from now on leaves."""
        with own_operations():
            leaves = [_output(block) for block in self.recorder.blocks[self._entered :]]
        self.outputs += leaves
        return iter(leaves)

    def _cut(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The block's arguments for the kept single patches."""
        args, kwargs = self._arguments
        full = _tokens(args, kwargs)
        kept = _shorten(full, self.layout) if self._stream is None else self._stream

        def change(tensor: Tensor) -> Tensor:
            return kept if tensor is full else _shorten(tensor, self.layout)

        return map_tensors(args, change), map_tensors(kwargs, change)

    def _prove(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._stream is None:
            return  # a single block: what enters it is recorded
        name, replayed = self.classifier.name, self._stream.detach()
        recorded = _tokens(args, kwargs).narrow(self.layout.token_dim, 0, self.layout.kept)
        computed = self.recorder.blocks[0].value.dtype
        prove(name, recorded, replayed, computed)
        if self._linears.errors:
            error = float(torch.stack(self._linears.errors).amax())
            prove_error(name, error, recorded.dtype, computed)


def _tokens(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    tokens = first_tensor(args, kwargs)
    if tokens is None:
        raise LayoutMismatchError
    return tokens


def _output(block: BlockRecord) -> Tensor:
    """What the block's attention gives its kept tokens, as a leaf: batch head read dim."""
    scores = block.scores
    output = scores.softmax(-1) @ block.value.to(scores.dtype)
    return output.to(block.value.dtype).requires_grad_()


def _shorten(tensor: Tensor, layout: Layout) -> Tensor:
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
