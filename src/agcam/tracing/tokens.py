"""Features of the tokens in front of the last attention, and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..undo import Undo, hook
from ..values import AttentionCall, Classifier, Recording, TokenTrace
from .instrumented import Instrumented, gradients_of
from .prove import prove_logits


class NormTokens(Instrumented):
    """The norm in front of the last block's attention: the layer that CAMs of ViTs are usually of.

    The graph starts at its output, so one short backward pass is all; the skip connection around
    the attention is not part of it. A block that norms behind its attention is refused.
    """

    name: Final = "token features"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        super().__init__(classifier, recording.layout)
        self.recording = recording
        self._leaf: Tensor | None = None
        self.logits = self.run(recording.pixels, gradients=False)
        prove_logits(classifier.name, recording, self.logits)

    def trace(self, target: Tensor) -> TokenTrace:
        """Trace one target class per picture: `target` (batch,)."""
        assert self._leaf is not None, "the last block's attention was reached"
        (gradient,) = gradients_of(self.logits, target, [self._leaf])
        dim = self.layout.token_dim
        features = self._leaf.detach().movedim(dim, 1)
        return TokenTrace(features, gradient.movedim(dim, 1), self.recording.grid)

    def open(self, undo: Undo, blocks: list[nn.Module]) -> None:
        """Watch the norms of the last block."""
        for part in blocks[-1].modules():
            if "norm" in type(part).__name__.lower():
                hook(undo, part, after=self._cut)

    def _cut(self, _: nn.Module, __: object, output: Any) -> Any:
        tokens, dim = self.layout.grid.tokens, self.layout.token_dim
        if self._leaf is not None or not self._in_last_block() or not isinstance(output, Tensor):
            return None
        if output.ndim != 3 or output.shape[dim] != tokens:
            return None
        torch.set_grad_enabled(True)  # from here on; the context around the pass ends it
        self._leaf = output.detach().requires_grad_()
        return self._leaf

    def attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Refuse a last block in which no norm came before its attention."""
        if self._in_last_block() and self._leaf is None:
            raise ModelError(
                f"{self.classifier.name}: its last block has no norm in front of its attention, "
                "whose features this method reads; choose another method."
            )
        return as_torch()

    def _in_last_block(self) -> bool:
        return self.block == len(self.layout.blocks) - 1
