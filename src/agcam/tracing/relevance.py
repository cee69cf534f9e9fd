"""What rules carry back along a tape, from the target logit to every attention and token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..undo import Undo
from ..values import (
    Account,
    AttentionCall,
    Classifier,
    GraphBlock,
    GraphTrace,
    Layout,
    Recording,
    precise,
)
from ..values.needs import RELEVANCE
from ..values.needs import Tape as TapeNeeds
from .hooks import LayoutMismatchError
from .instrumented import Instrumented, attend
from .patches import open_mode
from .prove import prove_logits
from .residual import residual_sums, rules_of
from .rules import GRADIENT
from .tape import Tape
from .walk import Rules, Walk, walk


class Tapes:
    """What the model computes from the tokens on, on a tape for each picture.

    Rules take totals over a picture, and no layout of a batch is known inside a model: so each
    picture has a tape of its own. Memory grows with tokens squared.
    """

    name: Final = "tape"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.classifier, self.recording = classifier, recording
        self.tapes = [
            PictureTape(classifier, recording.layout, one[None]) for one in recording.pixels
        ]
        prove_logits(classifier.name, recording, torch.cat([one.logits for one in self.tapes]))

    def by_rules(self, needs: TapeNeeds, target: Tensor) -> GraphTrace:
        """Trace one target class a picture, `target` (batch,), by the rules that are needed."""
        rules = rules_of(needs)
        if rules.residual:
            for one in self.tapes:
                one.find_residual_sums()
        if needs.rules in RELEVANCE:
            walks = self._walks(rules, target, lambda one: one.attention)
            relevance = _side_by_side([each.signals for each in walks])
            return self._trace(GRADIENT, target, tuple(relevance), accounted=False)
        return self._trace(rules, target, (), accounted=True)

    def _trace(
        self, rules: Rules, target: Tensor, relevance: tuple[Tensor, ...], *, accounted: bool
    ) -> GraphTrace:
        first, recording = self.tapes[0], self.recording
        walks = self._walks(rules, target, lambda one: [*one.attention, *one.tokens])
        values = _side_by_side(
            [[one.tape.values[n] for n in (*one.attention, *one.tokens)] for one in self.tapes]
        )
        signals = _side_by_side([each.signals for each in walks])
        places, dim = len(first.attention), recording.layout.token_dim
        blocks = tuple(
            GraphBlock(
                values[index],
                signals[index],
                *(side[places + inside].movedim(dim, 1) for side in (values, signals)),
            )
            for index, inside in enumerate(first.inside)
        )
        account = self._account(walks, target) if accounted else None
        return GraphTrace(blocks, recording.reads(), recording.grid, relevance, account)

    def _walks(
        self, rules: Rules, target: Tensor, wanted: Callable[[PictureTape], list[int]]
    ) -> list[Walk]:
        pairs = zip(self.tapes, target, strict=True)
        return [one.walk(rules, chosen, wanted(one)) for one, chosen in pairs]

    def _account(self, walks: Sequence[Walk], target: Tensor) -> Account:
        logits = self.recording.logits
        chosen = precise(logits.gather(1, target.to(logits.device)[:, None])[:, 0])
        return Account(
            chosen,
            chosen.new_tensor([each.biases for each in walks]),
            chosen.new_tensor([each.error for each in walks]),
        )


class PictureTape(Instrumented):
    """One picture's tape, and where on it the logits, the tokens and the attentions stand."""

    def __init__(self, classifier: Classifier, layout: Layout, pixels: Tensor) -> None:
        super().__init__(classifier, layout)
        self.tape = Tape()
        self.tokens: list[int] = []  # entering each block
        self.leaving: list[int] = []  # the same blocks
        self.attention: list[int] = []
        self.values: list[Tensor] = []  # of each attention
        self.outputs: list[int] = []  # what each attention made of them
        self.inside: list[int] = []  # for each attention, the block that holds it
        self.logits = self.run(pixels, gradients=False)

    def walk(self, rules: Rules, target: Tensor | int, wanted: list[int]) -> Walk:
        """Carry 1 back from the target's logit: what arrives at the `wanted` places."""
        start = torch.zeros_like(precise(self.logits))
        start[0, target] = 1
        return walk(self.tape, rules, self._place(self.logits), start, wanted)

    def find_residual_sums(self) -> None:
        """Let the tape know the sums in which blocks add to their tokens."""
        self.tape.residual = residual_sums(self.tape.steps, [*self.tokens, *self.leaving])
        for first, last in zip(self.tokens, self.leaving, strict=True):
            if not any(first < place <= last for place in self.tape.residual):
                raise ModelError(
                    "a block adds nothing to the tokens that entered it, or not by a sum of "
                    "torch, which this method needs; choose another method (attn_lrp)."
                )

    def open(self, undo: Undo, blocks: list[nn.Module]) -> None:
        """Open the tape."""
        open_mode(undo, self.tape)

    def enter(self, stream: Tensor) -> Tensor | None:
        """Let the tape begin where the first block begins."""
        leaf = None if self.tokens else stream.detach()
        if leaf is not None:
            self.tape.enter(leaf)
        self.tokens.append(self._place(stream if leaf is None else leaf))
        return leaf

    def leave(self, stream: Tensor) -> None:
        """Note what leaves a block."""
        self.leaving.append(self._place(stream))

    def attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Compute the attention by operations of the tape."""
        attention = call.attention()
        self.attention.append(self._place(attention))
        self.inside.append(self.block)
        output = attend(attention, call.value)
        self.values.append(call.value)
        self.outputs.append(self._place(output))
        return output

    def other(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Compute a pool's attention by operations of the tape."""
        return attend(call.attention(), call.value)

    def _place(self, tensor: Tensor) -> int:
        number = self.tape.number(tensor)
        if number is None:
            raise LayoutMismatchError
        return number


def _side_by_side(pictures: Sequence[Sequence[Tensor]]) -> list[Any]:
    """Tensors of each picture as batches: the first ones together, and so on."""
    return [torch.cat(parts) for parts in zip(*pictures, strict=True)]
