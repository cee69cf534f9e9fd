"""The classifier behind every block: how each block's own attention moves its own score.

One pass serves all blocks: the last block gives its tokens on together with the tokens of every
block, side by side in the batch, so that the model's own classifier scores them all. The first
of them are the model's own logits, which proves the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn

from ..values import AttentionCall, BlockTrace, Classifier, Recording
from .hooks import map_tensors
from .instrumented import Instrumented, attend, gradients_of
from .prove import prove_logits


class BlockScores(Instrumented):
    """A score for each block, from its mean token, or from an attention pool over its tokens.

    What enters a block is detached, so a score depends on the attention of its own block alone.
    """

    name: Final = "block scores"
    refusal: ClassVar = "its classifier cannot be applied to the tokens of every block at once"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        super().__init__(classifier, recording.layout)
        self.recording = recording
        last = max(index for index, own in enumerate(self.layout.calls) if own)
        self._pooled = last + 1 < len(self.layout.calls)
        self._own: list[Tensor] = []
        self._pool: list[Tensor] = []
        self._outputs: list[Tensor] = []
        with torch.enable_grad():  # slices made outside would be cut off from the graph
            logits = self.run(recording.pixels, gradients=True)
            proof, self.logits = logits.tensor_split([len(recording.logits)])
        prove_logits(classifier.name, recording, proof)

    def trace(self, target: Tensor) -> BlockTrace:
        """Trace one target class per picture: `target` (batch,)."""
        count, batch = len(self._outputs), len(target)
        nodes = self._pool if self._pooled else self._own
        gradients = gradients_of(self.logits, target.repeat(count), nodes)
        if self._pooled:  # one pool saw all blocks, the model's own tokens first
            gradients = tuple(part for pool in gradients for part in pool[batch:].chunk(count))
        return BlockTrace(gradients, self.recording.grid)

    def before_block(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, Any]:
        """Detach all that enters the block."""
        torch.set_grad_enabled(True)
        return map_tensors(args, torch.Tensor.detach), map_tensors(kwargs, torch.Tensor.detach)

    def leave(self, stream: Tensor) -> Tensor | None:
        """Behind the last block, spread the tokens of every block over the batch."""
        self._outputs.append(stream)
        if not self.changed():
            return None
        dim, scored = self.layout.token_dim, self._outputs
        if not self._pooled:
            scored = [tokens.mean(dim, keepdim=True).expand_as(tokens) for tokens in scored]
        return torch.cat([stream, *scored], dim=1 - dim)

    def changed(self) -> bool:
        """Whether every block has been left."""
        return len(self._outputs) == len(self.layout.blocks)

    def attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Compute a block's own attention as a node of the graph."""
        attention = call.attention()
        if not attention.requires_grad:  # the first node of its block, and no parameter is trained
            attention.requires_grad_()
        self._own.append(attention)
        return attend(attention, call.value)

    def other(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Compute the pool's attention as a node of the graph, behind the last block."""
        if not self.changed():
            return as_torch()
        self._pool.append(call.attention())
        return attend(self._pool[-1], call.value)
