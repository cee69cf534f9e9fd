"""Relevance that rules carry back along a tape, from the target logit to every attention."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn

from ..undo import hook, undoing
from ..values import (
    AttentionCall,
    AttnLrpTrace,
    Classifier,
    GraphBlock,
    LibraTrace,
    LrpBlock,
    LrpTrace,
    Recording,
    RuledTrace,
)
from .full import Turn, attend
from .hooks import LayoutMismatchError, first_tensor, map_tensors, stream_of
from .patches import open_mode
from .prove import prove_logits
from .record import blocks_of, capture
from .rules import ATTN_LRP, GRADIENT, LIBRA, LRP
from .tape import Tape, precise
from .walk import Rules, Walk, walk


class Tapes:
    """What the model computes from the tokens on, written down for each picture alone.

    Rules take totals over a picture, and no layout of a batch is known inside a model: so each
    picture has a tape of its own. Memory grows with tokens squared.
    """

    name: Final = "tape"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.classifier = classifier
        self.recording, self.layout = recording, recording.layout
        pictures = [one[None] for one in recording.pixels]
        self.tapes = [Written(classifier, recording, picture) for picture in pictures]
        prove_logits(classifier.name, recording, torch.cat([one.logits for one in self.tapes]))


class Written:
    """One picture's tape, and where on it the logits, the tokens and the attentions stand."""

    def __init__(self, classifier: Classifier, recording: Recording, pixels: Tensor) -> None:
        self.layout = recording.layout
        self.tape = Tape()
        self.tokens: list[int] = []  # entering each block
        self.leaving: list[int] = []  # the same blocks
        self.attention: list[int] = []
        self.values: list[Tensor] = []  # of each attention
        self.outputs: list[int] = []  # what each attention made of them
        self.inside: list[int] = []  # for each attention, the block (its entry) that holds it
        turn = Turn(self.layout, self._attend, self._other)
        with undoing() as undo:
            for block in blocks_of(classifier, self.layout):
                hook(undo, block, self._enter, self._leave)
            capture(undo, self.layout, pixels, turn.answer)
            open_mode(undo, self.tape)
            self.logits = classifier.predict(pixels)
        turn.finish()

    def walk(self, rules: Rules, target: Tensor | int, wanted: list[int]) -> Walk:
        """Carry 1 back from the target's logit: what arrives at the `wanted` places."""
        start = torch.zeros_like(precise(self.logits))
        start[0, target] = 1
        return walk(self.tape, rules, self._place(self.logits), start, wanted)

    def _attend(self, call: AttentionCall) -> Tensor:
        attention = call.scores().softmax(-1)
        self.attention.append(self._place(attention))
        self.inside.append(len(self.tokens) - 1)
        output = attend(attention, call.value)
        self.values.append(call.value)
        self.outputs.append(self._place(output))
        return output

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

    def _leave(self, _: nn.Module, __: object, output: Any) -> None:
        self.leaving.append(self._place(stream_of(output)))

    def batch_first(self, stream: Tensor) -> Tensor:
        """A token stream as (batch, token, dim)."""
        return stream.movedim(self.layout.token_dim, 1)

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
            [one.walk(rules, chosen, one.attention).signals for rules in (LRP, GRADIENT)]
            for one, chosen in zip(written, target, strict=True)
        ]
        relevance, gradients = (
            [torch.cat(parts) for parts in zip(*side, strict=True)]
            for side in zip(*found, strict=True)
        )
        blocks = tuple(LrpBlock(*pair) for pair in zip(relevance, gradients, strict=True))
        return LrpTrace(blocks, self.tapes.recording.reads(), self.tapes.recording.grid)


class Ruled:
    """The whole graph by rules of gradients; `kind` names the rules and the evidence."""

    name: Final = "tape"
    rules: ClassVar[Rules]
    kind: ClassVar[type[RuledTrace]]

    def __init__(self, tapes: Tapes) -> None:
        self.tapes = tapes

    def ask(self, target: Tensor) -> RuledTrace:
        """Trace one target class a picture: `target` (batch,)."""
        written = self.tapes.tapes
        walks = [
            one.walk(self.rules, chosen, [*one.attention, *one.tokens])
            for one, chosen in zip(written, target, strict=True)
        ]
        first, logits = written[0], self.tapes.recording.logits
        values = [
            [one.tape.values[n] for one in written] for n in (*first.attention, *first.tokens)
        ]
        places = len(first.attention)
        attention, tokens = values[:places], values[places:]
        found = [list(parts) for parts in zip(*(walk.signals for walk in walks), strict=True)]
        gradients, of_tokens = found[:places], found[places:]
        blocks = tuple(
            GraphBlock(
                torch.cat(attention[index]),
                torch.cat(gradients[index]),
                torch.cat([first.batch_first(one) for one in tokens[inside]]),
                torch.cat([first.batch_first(one) for one in of_tokens[inside]]),
            )
            for index, inside in enumerate(first.inside)
        )
        chosen = precise(logits.gather(1, target.to(logits.device)[:, None])[:, 0])
        lost = [
            chosen.new_tensor([getattr(walk, side) for walk in walks])
            for side in ("biases", "error")
        ]
        return self.kind(
            blocks, self.tapes.recording.reads(), self.tapes.recording.grid, chosen, *lost
        )


class Libra(Ruled):
    """LibraGrad: attention, gates and what norms divide by held fixed."""

    rules, kind = LIBRA, LibraTrace


class AttnLrp(Ruled):
    """AttnLRP as gradients times inputs."""

    rules, kind = ATTN_LRP, AttnLrpTrace
