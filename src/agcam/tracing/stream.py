"""The token stream of every block, read from the tape; and gradients on the way from zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import torch
from torch import Tensor

from ..values import (
    AttentionCall,
    Classifier,
    Layout,
    StreamBlock,
    StreamTrace,
    precise,
)
from .instrumented import Instrumented, attend, gradients_of
from .picture_tape import PictureTape
from .prove import prove_logits
from .relevance import Tapes
from .rules import GRADIENT

AT_ONCE: Final = 8  # pictures in one pass: bounds memory, whatever the number of steps


def streams(tapes: Tapes, target: Tensor, path: int = 0) -> StreamTrace:
    """Trace one target class per picture, `target` (batch,); with gradients along a `path`."""
    found = [_blocks(tape, chosen) for tape, chosen in zip(tapes.tapes, target, strict=True)]
    blocks = tuple(
        StreamBlock(*(torch.cat(parts) for parts in zip(*pictures, strict=True)))
        for pictures in zip(*found, strict=True)
    )
    steps = Path(tapes, target, path) if path else ()
    return StreamTrace(blocks, tapes.recording.reads(), tapes.recording.grid, steps)


def _blocks(tape: PictureTape, target: Tensor) -> list[list[Tensor]]:
    """Of one picture: the fields of StreamBlock, for each block."""
    gradients = tape.walk(GRADIENT, target, tape.attention).signals
    values, dim, blocks = tape.tape.values, tape.layout.token_dim, list[list[Tensor]]()
    for index, (entering, leaving) in enumerate(zip(tape.tokens, tape.leaving, strict=True)):
        own = [i for i, inside in enumerate(tape.inside) if inside == index]
        between, term = tape.tape.first_sum(entering, [tape.outputs[i] for i in own])
        tokens = values[entering], values[between], values[leaving], _mixed(tape, own, term)
        blocks.append(
            [
                torch.cat([values[tape.attention[i]] for i in own], dim=1),
                torch.cat([gradients[i] for i in own], dim=1),
                *(stream.movedim(dim, 1) for stream in tokens),
            ]
        )
    return blocks


def _mixed(tape: PictureTape, own: list[int], term: int) -> Tensor:
    """The attention's term of the sum, were each token's output its own value; no biases."""
    values = {tape.outputs[i]: precise(tape.values[i]) for i in own}
    nothing = {place: torch.zeros_like(value) for place, value in values.items()}
    return tape.tape.recompute(values, term) - tape.tape.recompute(nothing, term)


class Path:
    """Gradients of the last attention for the picture times 0 ... 1, a few pictures at a time."""

    def __init__(self, tapes: Tapes, target: Tensor, steps: int) -> None:
        self.classifier, self.recording = tapes.classifier, tapes.recording
        self.target, self.steps = target.to(self.recording.logits.device), steps

    def __iter__(self) -> Iterator[Tensor]:
        pixels = self.recording.pixels
        some = max(1, AT_ONCE // len(pixels))
        for scales in torch.split(torch.linspace(0, 1, self.steps, dtype=torch.float64), some):
            scaled = torch.cat([pixels * float(scale) for scale in scales])
            gradients = self._gradients(scaled, self.target.repeat(len(scales)))
            yield from torch.split(gradients, len(pixels))

    def _gradients(self, pixels: Tensor, target: Tensor) -> Tensor:
        last = _LastAttention(self.classifier, self.recording.layout)
        logits, same = last.run(pixels, gradients=False), len(self.recording.pixels)
        if torch.equal(pixels[-same:], self.recording.pixels):
            prove_logits(self.classifier.name, self.recording, logits[-same:])
        (found,) = gradients_of(logits, target, [last.leaf])
        return found[..., : self.recording.layout.kept, :]


class _LastAttention(Instrumented):
    """A pass with gradients from the last attention on."""

    leaf: Tensor

    def __init__(self, classifier: Classifier, layout: Layout) -> None:
        super().__init__(classifier, layout)
        self._left = sum(layout.calls)

    def attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Cut the graph at the last attention."""
        self._left -= 1
        attention = call.attention()
        if self._left == 0:
            torch.set_grad_enabled(True)  # from here on; the pass's context ends it
            self.leaf = attention.requires_grad_()
        return attend(attention, call.value)
