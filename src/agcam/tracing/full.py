"""The whole model under autograd: slow, and sure; the referee of the replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..undo import hook, undoing
from ..values import (
    AttentionCall,
    Classifier,
    GraphBlock,
    GraphTrace,
    Layout,
    Recording,
)
from .hooks import LayoutMismatchError, first_tensor, map_tensors, stream_of
from .prove import prove_logits
from .record import blocks_of, capture
from .replay import Leaves


class FullAutograd(Leaves):
    """The whole model with gradients; what every attention gives is a leaf of its own.

    Queries, keys and values are detached, so gradients travel through skip connections, MLPs,
    norms and the classifier only, by whatever ways the model has: tokens of several blocks, blocks
    that mix tokens outside attention. `alpha = d y / d A = < d y / d (A v), v >`.
    """

    name: Final = "full"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.layout = recording.layout
        outputs = list[Tensor]()
        streams = list[Tensor]()
        turn = Turn(self.layout)

        def answer(call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
            if turn.own():
                with torch.no_grad():
                    outputs.append(as_torch())
                return outputs[-1].requires_grad_()
            return as_torch()

        with torch.enable_grad(), undoing() as undo:
            for block in blocks_of(classifier, self.layout):
                hook(undo, block, _with_gradients, lambda *given: streams.append(given[-1]))
            capture(undo, self.layout, recording.pixels, answer)
            logits = classifier.predict(recording.pixels)
        turn.finish()
        prove_logits(classifier.name, recording, logits)
        super().__init__(logits, outputs, recording, stream_of(streams[-1]))
        if not self.layout.branches:  # blocks that mix tokens: the rows that are read, no others
            self.rows = self.rows_read()


def _with_gradients(*_: object) -> None:
    """Also where the model says no_grad: a frozen tower has gradients, though nobody trains it."""
    torch.set_grad_enabled(True)


class WholeGraph:
    """The whole model under ordinary autograd: nothing detached, every attention is a node.

    The graph starts at the tokens that enter the first block, so it needs no parameter to ask for
    gradients, and the stem is no part of it. Memory grows with tokens squared.
    """

    name: Final = "full"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.recording, self.layout = recording, recording.layout
        self._tokens: list[Tensor] = []
        self._attention: list[Tensor] = []
        self._inside: list[int] = []  # for each attention, the block (its entry) that holds it
        turn = Turn(self.layout, self._attend)
        with torch.enable_grad(), undoing() as undo:
            for block in blocks_of(classifier, self.layout):
                hook(undo, block, before=self._enter)
            capture(undo, self.layout, recording.pixels, turn.answer)
            self.logits = classifier.predict(recording.pixels)
        turn.finish()
        prove_logits(classifier.name, recording, self.logits)

    def ask(self, target: Tensor) -> GraphTrace:
        """Trace one target class a picture: `target` (batch,)."""
        asked = [*self._attention, *self._tokens]
        gradients = gradients_of(self.logits, target, asked)
        of_tokens = gradients[len(self._attention) :]
        blocks = tuple(
            GraphBlock(
                attention.detach(),
                gradient,
                self._batch_first(self._tokens[inside].detach()),
                self._batch_first(of_tokens[inside]),
            )
            for attention, gradient, inside in zip(
                self._attention, gradients, self._inside, strict=False
            )
        )
        return GraphTrace(blocks, self.recording.reads(), self.recording.grid)

    def _batch_first(self, stream: Tensor) -> Tensor:
        return stream.movedim(self.layout.token_dim, 1)

    def _enter(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        stream = first_tensor(args, kwargs)
        if stream is None:
            raise LayoutMismatchError
        if self._tokens:
            self._tokens.append(stream)
            return None
        leaf = stream.detach().requires_grad_()
        self._tokens.append(leaf)

        def swap(tensor: Tensor) -> Tensor:
            return leaf if tensor is stream else tensor

        return map_tensors(args, swap), map_tensors(kwargs, swap)

    def _attend(self, call: AttentionCall) -> Tensor:
        attention = call.scores().softmax(-1)
        self._attention.append(attention)
        self._inside.append(len(self._tokens) - 1)
        return attend(attention, call.value)


class Turn:
    """Whose turn it is: hands a block's own attention calls to `attend`, in the layout's order.

    Other calls (a pooling head) go to `other`, or to torch.
    """

    def __init__(
        self,
        layout: Layout,
        attend: Callable[[AttentionCall], Tensor] | None = None,
        other: Callable[[AttentionCall], Tensor] | None = None,
    ) -> None:
        self.layout, self._attend, self._other = layout, attend, other
        self.count = 0

    def answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Answer one attention call of the model."""
        if self.own() and self._attend is not None:
            return self._attend(call)
        return as_torch() if self._other is None else self._other(call)

    def own(self) -> bool:
        """Whether the next call is a block's own."""
        if self.count >= len(self.layout.calls):
            raise LayoutMismatchError
        self.count += 1
        return self.layout.calls[self.count - 1]

    def finish(self) -> None:
        """Raise unless the pass made all the calls that the layout tells of."""
        if self.count != len(self.layout.calls):
            raise LayoutMismatchError


def attend(attention: Tensor, value: Tensor) -> Tensor:
    """What an attention matrix makes of the values, in the precision of the values."""
    return (attention @ value.to(attention.dtype)).to(value.dtype)


def gradients_of(logits: Tensor, target: Tensor, asked: list[Tensor]) -> tuple[Tensor, ...]:
    """Gradients of the target logits (one class a picture) with respect to `asked`."""
    with torch.enable_grad():
        chosen = logits.gather(1, target.to(logits.device)[:, None]).sum()
    return torch.autograd.grad(chosen, asked, retain_graph=True)
