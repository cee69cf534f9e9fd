"""The tape of one picture: what a model computes from the tokens of its first block on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import ModelError
from ..undo import Undo
from ..values import AttentionCall, Classifier, Layout, precise
from .hooks import LayoutMismatchError
from .instrumented import Instrumented, attend
from .patches import open_mode
from .residual import residual_sums
from .tape import Tape
from .walk import Rules, Walk, walk


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
        self.attention.append(self._attention_place(attention))
        self.inside.append(self.block)
        output = attend(attention, call.value)
        self.values.append(call.value)
        self.outputs.append(self._place(output))
        return output

    def as_tokens(self, tensor: Tensor) -> Float[Tensor, "1 token dim"]:
        """The tokens of a place, in our axes."""
        return tensor.movedim(self.layout.token_dim, 1)

    def other(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Compute a pool's attention by operations of the tape."""
        return attend(call.attention(), call.value)

    def _attention_place(self, attention: Tensor) -> int:
        return self._place(attention)

    def _place(self, tensor: Tensor) -> int:
        number = self.tape.number(tensor)
        if number is None:
            raise LayoutMismatchError
        return number
