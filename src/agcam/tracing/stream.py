"""The token stream of every block, read from the tape; and gradients on the way from zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from ..undo import undoing
from ..values import (
    AttentionCall,
    Classifier,
    PathTrace,
    Recording,
    StreamBlock,
    StreamTrace,
)
from .full import Turn, attend, gradients_of
from .prove import prove_logits
from .record import capture
from .relevance import Tapes, Written
from .rules import GRADIENT
from .tape import precise

STEPS: Final = 20  # pictures on the way from zero, both ends with them
AT_ONCE: Final = 8  # pictures in one pass: bounds memory, whatever the number of steps


class Streams:
    """Attention, gradients and tokens of every block, as `StreamBlock` says."""

    name: Final = "tape"

    def __init__(self, tapes: Tapes) -> None:
        self.tapes = tapes

    def ask(self, target: Tensor) -> StreamTrace:
        """Trace one target class a picture: `target` (batch,)."""
        found = [
            self._blocks(written, chosen)
            for written, chosen in zip(self.tapes.tapes, target, strict=True)
        ]
        blocks = tuple(
            StreamBlock(*(torch.cat(parts) for parts in zip(*pictures, strict=True)))
            for pictures in zip(*found, strict=True)
        )
        return StreamTrace(blocks, self.tapes.recording.reads(), self.tapes.recording.grid)

    def _blocks(self, written: Written, target: Tensor) -> list[list[Tensor]]:
        """Of one picture: the fields of StreamBlock, for each block."""
        gradients = written.walk(GRADIENT, target, written.attention).signals
        values, blocks = written.tape.values, list[list[Tensor]]()
        for index, (entering, leaving) in enumerate(
            zip(written.tokens, written.leaving, strict=True)
        ):
            own = [i for i, inside in enumerate(written.inside) if inside == index]
            outputs = [written.outputs[i] for i in own]
            between, term = written.tape.meeting(entering, outputs)
            tokens = [written.batch_first(values[n]) for n in (entering, between, leaving)]
            heads = [[values[written.attention[i]] for i in own], [gradients[i] for i in own]]
            blocks.append(
                [
                    *(torch.cat(side, dim=1) for side in heads),
                    *tokens,
                    written.batch_first(self._mixed(written, own, term)),
                ]
            )
        return blocks

    @staticmethod
    def _mixed(written: Written, own: list[int], term: int) -> Tensor:
        """The attention's term of the sum, were each token's output its own value; no biases."""
        alone = {written.outputs[i]: precise(written.values[i]) for i in own}
        nothing = {place: torch.zeros_like(value) for place, value in alone.items()}
        return written.tape.again(alone, term) - written.tape.again(nothing, term)


class Path:
    """Streams, and gradients of the last attention for the picture times 0 ... 1."""

    name: Final = "tape"

    def __init__(self, tapes: Tapes) -> None:
        self.tapes, self.streams = tapes, Streams(tapes)

    def ask(self, target: Tensor) -> PathTrace:
        """Trace one target class a picture: `target` (batch,)."""
        return PathTrace(self.streams.ask(target), _Steps(self.tapes, target))


class _Steps:
    """Gradients at each step, asked of the model a few pictures at a time, never kept."""

    def __init__(self, tapes: Tapes, target: Tensor) -> None:
        self.classifier, self.recording = tapes.classifier, tapes.recording
        self.target = target.to(self.recording.logits.device)

    def __iter__(self) -> Iterator[Tensor]:
        pixels = self.recording.pixels
        some = max(1, AT_ONCE // len(pixels))
        for scales in torch.split(torch.linspace(0, 1, STEPS, dtype=torch.float64), some):
            scaled = torch.cat([pixels * float(scale) for scale in scales])
            gradients = self._gradients(scaled, self.target.repeat(len(scales)))
            yield from torch.split(gradients, len(pixels))

    def _gradients(self, pixels: Tensor, target: Tensor) -> Tensor:
        last = _Last(self.classifier, self.recording, pixels)
        return last.gradients(target)


class _Last:
    """One pass with gradients from the last attention on."""

    def __init__(self, classifier: Classifier, recording: Recording, pixels: Tensor) -> None:
        self.layout = recording.layout
        self._left = sum(self.layout.calls)
        self._leaf: Tensor | None = None
        turn = Turn(self.layout, self._attend)
        with torch.no_grad(), undoing() as undo:
            capture(undo, self.layout, pixels, turn.answer)
            self.logits = classifier.predict(pixels)
        turn.finish()
        same = len(recording.pixels)
        if torch.equal(pixels[-same:], recording.pixels):
            prove_logits(classifier.name, recording, self.logits[-same:])

    def gradients(self, target: Tensor) -> Tensor:
        assert self._leaf is not None, "the layout has at least one attention of its own"
        (found,) = gradients_of(self.logits, target, [self._leaf])
        return found[..., : self.layout.kept, :]

    def _attend(self, call: AttentionCall) -> Tensor:
        self._left -= 1
        attention = call.scores().softmax(-1)
        if self._left == 0:
            torch.set_grad_enabled(True)  # from here on; the pass's context ends it
            self._leaf = attention.requires_grad_()
        return attend(attention, call.value)
