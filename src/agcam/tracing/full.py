"""Full autograd with detached attention inputs: slow, and sure; the referee of the replay."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..values import AttentionCall, Classifier, ReadBlock, ReadTrace, Recording
from .attention import listening
from .record import LayoutMismatchError, read_rows
from .replay import prove


class FullAutograd:
    """The whole model with gradients; every attention matrix is a leaf of its own.

    Queries, keys and values are detached, so gradients travel through skip connections, MLPs,
    norms and the classifier only. Memory grows with tokens squared.
    """

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.recording, self.layout = recording, recording.layout
        self._scores: list[Tensor] = []
        self._attention: list[Tensor] = []
        self._count = 0
        with torch.enable_grad(), listening(self._answer):
            self.logits = classifier.predict(recording.pixels)
        if self._count != len(self.layout.calls):
            raise LayoutMismatchError
        prove(classifier.name, recording, self.logits)

    def ask(self, target: Tensor) -> ReadTrace:
        """Trace one target class a picture: `target` (batch,)."""
        with torch.enable_grad():
            chosen = self.logits.gather(1, target.to(self.logits.device)[:, None]).sum()
        gradients = torch.autograd.grad(chosen, self._attention, retain_graph=True)
        rows = read_rows(self.layout)
        blocks = [
            ReadBlock(scores[..., rows, :], gradient[..., rows, :])
            for scores, gradient in zip(self._scores, gradients, strict=True)
        ]
        return ReadTrace(blocks, self.recording.grid)

    def _answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if self._count >= len(self.layout.calls):
            raise LayoutMismatchError
        own = self.layout.calls[self._count]
        self._count += 1
        if not own:
            return as_torch()
        mask = None if call.mask is None else call.mask.detach()
        value = call.value.detach()
        scores = AttentionCall(
            call.query.detach(), call.key.detach(), value, mask, call.scale
        ).scores()
        attention = scores.softmax(-1).requires_grad_()
        self._scores.append(scores)
        self._attention.append(attention)
        return (attention @ value.to(attention.dtype)).to(value.dtype)
