"""One forward pass of a model whose layout is known, open at its blocks and its attention.

A tracer subclasses `Instrumented`, overrides the seams that it needs, and runs it. The harness
finds the blocks, captures attention in the layout's order, refuses a pass that does not follow the
layout, and leaves the model as it was found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..undo import Undo, hook, undoing
from ..values import AttentionCall, Classifier, Layout
from .hooks import LayoutMismatchError, first_tensor, map_tensors, replace_stream, stream_of
from .record import blocks_of, capture


class Instrumented:
    """A pass with four seams, each of which may put other tensors in place of the model's.

    enter: the tokens that enter a block.
    leave: the tokens that leave it.
    attend: what a block's own attention gives.
    other: what any other attention (a pooling head) gives.

    `block` is the number of the block that was entered last, -1 before the first. `refusal` is the
    sentence for a model that does not run with what the seams put in (see `changed`).
    """

    captures: ClassVar[bool] = True
    refusal: ClassVar[str] = ""

    def __init__(self, classifier: Classifier, layout: Layout) -> None:
        self.classifier, self.layout = classifier, layout
        self.block = -1
        self._calls = 0

    def enter(self, stream: Tensor) -> Tensor | None:
        """Called with the tokens that enter a block; returns others, or None to keep them."""

    def leave(self, stream: Tensor) -> Tensor | None:
        """Called with the tokens that leave a block; returns others, or None to keep them."""

    def attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Return what a block's own attention gives; `as_torch` computes it as torch would."""
        return as_torch()

    def other(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Return what an attention outside the blocks gives."""
        return as_torch()

    def open(self, undo: Undo, blocks: list[nn.Module]) -> None:
        """Open further seams, until `undo` is closed."""

    def changed(self) -> bool:
        """Whether the seams have put in what the model itself would not have computed."""
        return False

    def run(self, pixels: Tensor, *, gradients: bool) -> Tensor:
        """The logits; LayoutMismatchError where the pass does not follow the layout."""
        blocks = blocks_of(self.classifier, self.layout)
        self._gradients = gradients
        with torch.set_grad_enabled(gradients), undoing() as undo:
            for block in blocks:
                hook(undo, block, self.before_block, self.after_block)
            if self.captures:
                capture(undo, self.layout, pixels, self._answer)
            self.open(undo, blocks)
            logits = self._predict(pixels)
        if self.captures and self._calls != len(self.layout.calls):
            raise LayoutMismatchError
        return logits

    def before_block(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The seam `enter`, among all that a block is given."""
        stream = first_tensor(args, kwargs)
        if stream is None:
            raise LayoutMismatchError
        if self._gradients:  # also in a tower that runs without them, because nobody trains it
            torch.set_grad_enabled(True)
        self.block += 1
        new = self.enter(stream)
        return None if new is None else exchange(args, kwargs, stream, new)

    def after_block(self, module: nn.Module, args: object, output: Any) -> Any:
        """The seam `leave`, among all that a block gives."""
        new = self.leave(stream_of(output))
        return None if new is None else replace_stream(output, new)

    def _answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if self._calls >= len(self.layout.calls):
            raise LayoutMismatchError
        own = self.layout.calls[self._calls]
        self._calls += 1
        return (self.attend if own else self.other)(call, as_torch)

    def _predict(self, pixels: Tensor) -> Tensor:
        try:
            return self.classifier.predict(pixels)
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            if not self.changed() or isinstance(error, torch.cuda.OutOfMemoryError):
                raise
            raise ModelError(
                f"{self.classifier.name}: {self.refusal} ({type(error).__name__}), which this "
                "method needs; choose another method."
            ) from error


def exchange(args: Any, kwargs: Any, old: Tensor, new: Tensor) -> tuple[Any, Any]:
    """The arguments of a module with one tensor in place of another."""

    def put(tensor: Tensor) -> Tensor:
        return new if tensor is old else tensor

    return map_tensors(args, put), map_tensors(kwargs, put)


def attend(attention: Tensor, value: Tensor) -> Tensor:
    """What an attention matrix makes of the values, in the precision of the values."""
    return (attention @ value.to(attention.dtype)).to(value.dtype)


def gradients_of(logits: Tensor, target: Tensor, of: list[Tensor]) -> tuple[Tensor, ...]:
    """Gradients of the target logits (one class per picture) with respect to the tensors `of`."""
    with torch.enable_grad():
        chosen = logits.gather(1, target.to(logits.device)[:, None]).sum()
    return torch.autograd.grad(chosen, of, retain_graph=True)
