"""Relevance that rules carry back along a tape, from the target logit to every attention."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..values import AttentionCall, Classifier, LrpBlock, LrpTrace, Recording
from .attention import listening
from .full import Turn, attend
from .hooks import first_tensor, hooked, map_tensors
from .record import LayoutMismatchError
from .replay import prove
from .rules import GRADIENT, LRP
from .tape import Rules, Tape, precise


class Tapes:
    """What the model computes from the tokens on, written down for each picture alone.

    Rules take totals over a picture, and no layout of a batch is known inside a model: so each
    picture has a tape of its own. Memory grows with tokens squared.
    """

    name: Final = "tape"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.recording, self.layout = recording, recording.layout
        pictures = [one[None] for one in recording.pixels]
        self.tapes = [_Written(classifier, recording, picture) for picture in pictures]
        prove(classifier.name, recording, torch.cat([one.logits for one in self.tapes]))


class _Written:
    """One picture's tape, and where on it the logits, the tokens and the attentions stand."""

    def __init__(self, classifier: Classifier, recording: Recording, pixels: Tensor) -> None:
        self.layout = recording.layout
        self.tape = Tape()
        self.tokens: list[int] = []  # entering each block
        self.attention: list[int] = []
        self.inside: list[int] = []  # for each attention, the block (its entry) that holds it
        turn = Turn(self.layout, self._attend, self._other)
        with ExitStack() as open_:
            for path in self.layout.blocks:
                block = classifier.vision.get_submodule(path)
                open_.enter_context(hooked(block, before=self._enter))
            open_.enter_context(listening(turn.answer))
            open_.enter_context(self.tape)
            self.logits = classifier.predict(pixels)
        turn.finish()

    def walk(self, rules: Rules, target: Tensor | int, wanted: list[int]) -> list[Tensor]:
        """Carry 1 back from the target's logit: what arrives at the `wanted` places."""
        start = torch.zeros_like(precise(self.logits))
        start[0, target] = 1
        return self.tape.walk(rules, self.logits, start, wanted)

    def _attend(self, call: AttentionCall) -> Tensor:
        attention = call.scores().softmax(-1)
        self.attention.append(self._place(attention))
        self.inside.append(len(self.tokens) - 1)
        return attend(attention, call.value)

    def _other(self, call: AttentionCall) -> Tensor:
        return attend(call.scores().softmax(-1), call.value)

    def _enter(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        stream = first_tensor(args, kwargs)
        if stream is None:
            raise LayoutMismatchError
        if self.tokens:
            self.tokens.append(self._place(stream))
            return None
        leaf = stream.detach()
        self.tape.enter(leaf)
        self.tokens.append(self._place(leaf))

        def swap(tensor: Tensor) -> Tensor:
            return leaf if tensor is stream else tensor

        return map_tensors(args, swap), map_tensors(kwargs, swap)

    def _place(self, tensor: Tensor) -> int:
        number = self.tape.number(tensor)
        if number is None:
            raise LayoutMismatchError
        return number


class Lrp:
    """Relevance by the rules of Transformer Attribution, and gradients, at every attention."""

    name: Final = "tape"

    def __init__(self, tapes: Tapes) -> None:
        self.tapes = tapes

    def ask(self, target: Tensor) -> LrpTrace:
        """Trace one target class a picture: `target` (batch,)."""
        written = self.tapes.tapes
        found = [
            [one.walk(rules, chosen, one.attention) for rules in (LRP, GRADIENT)]
            for one, chosen in zip(written, target, strict=True)
        ]
        relevance, gradients = (
            [torch.cat(parts) for parts in zip(*side, strict=True)]
            for side in zip(*found, strict=True)
        )
        blocks = tuple(LrpBlock(*pair) for pair in zip(relevance, gradients, strict=True))
        return LrpTrace(blocks, self.tapes.layout.reads, self.tapes.recording.grid)
