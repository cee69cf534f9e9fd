"""The classifier behind every block: how each block's own attention moves its own score.

One pass serves all blocks: the last block gives its tokens on together with the tokens of every
block, side by side in the batch, so that the model's own classifier scores them all. The first
of them are the model's own logits, which proves the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..undo import hook, undoing
from ..values import AttentionCall, BlockTrace, Classifier, Recording
from .full import Turn, attend, gradients_of
from .hooks import map_tensors, replace_stream, stream_of
from .prove import prove_logits
from .record import blocks_of, capture


class BlockScores:
    """A score for each block, from its mean token, or from an attention pool over its tokens.

    What enters a block is detached, so a score meets only the attention of its own block.
    """

    name: Final = "block scores"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.recording, self.layout = recording, recording.layout
        last = max(index for index, own in enumerate(self.layout.calls) if own)
        self._pooled = last + 1 < len(self.layout.calls)
        self._own: list[Tensor] = []
        self._pool: list[Tensor] = []
        self._outputs: list[Tensor] = []
        self._turn = Turn(self.layout, self._attend)
        first = len(recording.logits)
        with torch.enable_grad():  # slices made outside would be cut off from the graph
            logits = self._run(classifier)
            proof, self.logits = logits[:first], logits[first:]
        self._turn.finish()
        prove_logits(classifier.name, recording, proof)

    def ask(self, target: Tensor) -> BlockTrace:
        """Trace one target class a picture: `target` (batch,)."""
        count, batch = len(self._outputs), len(target)
        asked = self._pool if self._pooled else self._own
        gradients = gradients_of(self.logits, target.repeat(count), asked)
        if self._pooled:  # one pool saw all blocks, the model's own tokens first
            gradients = tuple(part for pool in gradients for part in pool[batch:].chunk(count))
        return BlockTrace(gradients, self.recording.grid)

    def _run(self, classifier: Classifier) -> Tensor:
        *others, last = blocks_of(classifier, self.layout)
        with undoing() as undo:
            for block in others:
                hook(undo, block, _detach, self._keep)
            hook(undo, last, _detach, self._keep_and_spread)
            capture(undo, self.layout, self.recording.pixels, self._answer)
            try:
                return classifier.predict(self.recording.pixels)
            except (RuntimeError, IndexError, ValueError, TypeError) as error:
                spread = len(self._outputs) == len(self.layout.blocks)
                if not spread or isinstance(error, torch.cuda.OutOfMemoryError):
                    raise
                raise ModelError(
                    f"{classifier.name}: its classifier cannot be applied to the tokens of every "
                    f"block at once ({type(error).__name__}), which this method needs; choose "
                    "another method."
                ) from error

    def _keep(self, _: nn.Module, __: object, output: Any) -> None:
        self._outputs.append(stream_of(output))

    def _keep_and_spread(self, _: nn.Module, __: object, output: Any) -> Any:
        stream, dim = stream_of(output), self.layout.token_dim
        self._outputs.append(stream)
        scored = self._outputs
        if not self._pooled:
            scored = [tokens.mean(dim, keepdim=True).expand_as(tokens) for tokens in scored]
        spread = torch.cat([stream, *scored], dim=1 - dim)
        return replace_stream(output, spread)

    def _answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if len(self._outputs) < len(self.layout.blocks):
            return self._turn.answer(call, as_torch)

        def pool() -> Tensor:
            self._pool.append(call.scores().softmax(-1))
            return attend(self._pool[-1], call.value)

        return self._turn.answer(call, pool)

    def _attend(self, call: AttentionCall) -> Tensor:
        attention = call.scores().softmax(-1)
        if not attention.requires_grad:  # the first node of its block, no parameter asks
            attention.requires_grad_()
        self._own.append(attention)
        return attend(attention, call.value)


def _detach(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return map_tensors(args, torch.Tensor.detach), map_tensors(kwargs, torch.Tensor.detach)
