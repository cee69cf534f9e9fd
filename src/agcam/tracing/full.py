"""The model under autograd: slow, and sure; the referee of the replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from ..values import AttentionCall, Classifier, GraphBlock, GraphTrace, Layout, Recording
from .instrumented import Instrumented, attend, gradients_of
from .prove import prove_logits
from .replay import Leaves


class FullAutograd(Leaves):
    """The model with gradients; what every attention gives is a leaf of its own.

    Queries, keys and values are detached, so gradients travel through skip connections, MLPs,
    norms and the classifier only, by whatever ways the model has: tokens of several blocks, blocks
    that mix tokens outside attention. `alpha = d y / d A = < d y / d (A v), v >`.
    """

    name: Final = "full"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        leaves = _Leaves(classifier, recording.layout)
        logits = leaves.run(recording.pixels, gradients=True)
        prove_logits(classifier.name, recording, logits)
        super().__init__(logits, leaves.outputs, recording, leaves.last)
        if not recording.layout.branches:  # blocks mix tokens: the rows that are read, no others
            self.rows = self.rows_read()


class _Leaves(Instrumented):
    last: Tensor

    def __init__(self, classifier: Classifier, layout: Layout) -> None:
        super().__init__(classifier, layout)
        self.outputs: list[Tensor] = []

    def attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        with torch.no_grad():
            self.outputs.append(as_torch())
        return self.outputs[-1].requires_grad_()

    def leave(self, stream: Tensor) -> None:
        self.last = stream


class FullGraph(Instrumented):
    """The model under ordinary autograd: nothing detached, every attention is a node.

    The graph starts at the tokens that enter the first block, so it needs no parameter that
    requires gradients, and the stem is not part of it. Memory grows with tokens squared.
    """

    name: Final = "full"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        super().__init__(classifier, recording.layout)
        self.recording = recording
        self._tokens: list[Tensor] = []
        self._attention: list[Tensor] = []
        self._inside: list[int] = []  # for each attention, the block that holds it
        self.logits = self.run(recording.pixels, gradients=True)
        prove_logits(classifier.name, recording, self.logits)

    def trace(self, target: Tensor) -> GraphTrace:
        """Trace one target class per picture: `target` (batch,)."""
        if self.layout.places:
            return self._over_grids(target)
        found = gradients_of(self.logits, target, [*self._attention, *self._tokens])
        gradients, of_tokens = found[: len(self._attention)], found[len(self._attention) :]
        dim = self.layout.token_dim
        blocks = tuple(
            GraphBlock(
                attention.detach(),
                gradient,
                self._tokens[inside].detach().movedim(dim, 1),
                of_tokens[inside].movedim(dim, 1),
            )
            for attention, gradient, inside in zip(
                self._attention, gradients, self._inside, strict=True
            )
        )
        return GraphTrace(blocks, self.recording.reads(), self.recording.grid)

    def _over_grids(self, target: Tensor) -> GraphTrace:
        """Attentions and gradients alone: no tokens enter blocks that were found."""
        gradients = gradients_of(self.logits, target, self._attention)
        none = self.logits.new_zeros(len(self.logits), 0, 0)
        blocks = tuple(
            GraphBlock(attention.detach(), gradient, none, none)
            for attention, gradient in zip(self._attention, gradients, strict=True)
        )
        recording = self.recording
        return GraphTrace(blocks, recording.reads(), recording.grid, places=self.layout.places)

    def enter(self, stream: Tensor) -> Tensor | None:
        """Cut the graph where the first block begins."""
        leaf = None if self._tokens else stream.detach().requires_grad_()
        self._tokens.append(stream if leaf is None else leaf)
        return leaf

    def attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Compute the attention matrix as a node of the graph."""
        torch.set_grad_enabled(True)  # also in a part that runs without gradients
        attention = call.attention()
        if not attention.requires_grad:  # no block was cut before it
            attention.requires_grad_()
        self._attention.append(attention)
        self._inside.append(self.block)
        return attend(attention, call.value)
