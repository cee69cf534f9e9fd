"""Features of the tokens in front of the last attention, and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..undo import hook, undoing
from ..values import AttentionCall, Classifier, Recording, TokenTrace
from .full import gradients_of
from .prove import prove_logits
from .record import capture


class NormTokens:
    """The norm in front of the last block's attention: the layer that CAMs of ViTs are usually of.

    The graph starts at its output, so one short backward pass is all; the skip connection around
    the attention is no part of it. A block that norms behind its attention is refused.
    """

    name: Final = "token features"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.recording, self.layout = recording, recording.layout
        self._name = classifier.name
        self._leaf: list[Tensor] = []  # one, once the norm has been met
        self._inside = False
        block = classifier.vision.get_submodule(self.layout.blocks[-1])
        with torch.no_grad(), undoing() as undo:
            hook(undo, block, before=self._enter)
            for part in block.modules():
                if "norm" in type(part).__name__.lower():
                    hook(undo, part, after=self._cut)
            capture(undo, self.layout, recording.pixels, self._answer)
            self.logits = classifier.predict(recording.pixels)
        prove_logits(classifier.name, recording, self.logits)

    def ask(self, target: Tensor) -> TokenTrace:
        """Trace one target class a picture: `target` (batch,)."""
        (gradient,) = gradients_of(self.logits, target, self._leaf)
        features, gradients = (
            stream.movedim(self.layout.token_dim, 1)
            for stream in (self._leaf[0].detach(), gradient)
        )
        return TokenTrace(features, gradients, self.recording.grid)

    def _enter(self, *_: object) -> None:
        self._inside = True

    def _cut(self, _: nn.Module, __: object, output: Any) -> Any:
        tokens = self.layout.grid.tokens
        if self._leaf or not self._inside or not isinstance(output, Tensor):
            return None
        if output.ndim != 3 or output.shape[self.layout.token_dim] != tokens:
            return None
        torch.set_grad_enabled(True)  # from here on; the context around the pass ends it
        self._leaf.append(output.detach().requires_grad_())
        return self._leaf[0]

    def _answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        del call
        if self._inside and not self._leaf:
            raise ModelError(
                f"{self._name}: its last block has no norm in front of its attention, whose "
                "features this method reads; choose another method."
            )
        return as_torch()
