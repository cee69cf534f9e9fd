"""Models that are not one grid of tokens: full autograd, every attention's output a leaf.

One pass serves as recording and as graph. Gradients travel through skip connections, MLPs,
convolutions, merges and the classifier; `alpha = d y / d A = < d y / d (A v), v >`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..undo import Undo, undoing
from ..values import AttentionCall, BlockRecord, Classifier, Layout, Places, Recording
from .hooks import LayoutMismatchError
from .record import capture, logits_of, no_reads
from .replay import Leaves


class Hierarchy(Leaves):
    """The pass, and the gradients of any target at every attention."""

    name: Final = "full"

    def __init__(
        self, classifier: Classifier, pixels: Tensor, layout: Layout, keep_calls: bool
    ) -> None:
        self.outputs: list[Tensor] = []
        self.softmaxes = set[Any]()  # their nodes in autograd's graph
        self._records: list[BlockRecord] = []
        self._kept: list[AttentionCall] = []
        self._layout, self._batch = layout, len(pixels)
        own = iter(layout.calls)

        def answer(call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
            counts = next(own, None)
            if counts is None:
                raise LayoutMismatchError
            return self._keep(call, as_torch) if counts else as_torch()

        with torch.enable_grad(), undoing() as undo:
            frozen(undo, classifier.module)
            self._explicit = capture(undo, layout, pixels, answer)
            logits = logits_of(classifier, pixels)
        if next(own, None) is not None:
            raise LayoutMismatchError
        blocks, calls = tuple(self._records), tuple(self._kept) if keep_calls else ()
        recording = Recording(pixels, logits.detach(), blocks, calls, layout, no_reads)
        super().__init__(logits, self.outputs, recording, self.outputs[-1])

    def _keep(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        surveyed = self._layout.places  # none yet in a survey
        places = surveyed[len(self.outputs)] if surveyed else None
        if places is not None and not _fits(call, places, self._batch):
            raise LayoutMismatchError
        torch.set_grad_enabled(True)  # also in a part that runs without gradients
        with torch.no_grad():
            output = as_torch()
        if self._explicit is not None and call.key is None:
            self.softmaxes.update(one.node for one in self._explicit.answering)
        self._kept.append(call.detach())
        self._records.append(BlockRecord(call.value.detach(), self._kept[-1], places))
        self.outputs.append(output.requires_grad_())
        return self.outputs[-1]

    def _columns(self, batch: int) -> int:
        """One target at a time: not every operation of such models goes side by side."""
        return 1


def frozen(undo: Undo, module: nn.Module) -> None:
    """Weights take no gradient: a graph of leaves need not keep what theirs would take."""
    for weight in module.parameters():
        if weight.requires_grad:
            undo.add(partial(weight.requires_grad_, True))
            weight.requires_grad_(False)


def _fits(call: AttentionCall, places: Places, batch: int) -> bool:
    """Whether an attention has as many windows and keys for each picture as in the survey."""
    items, keys = len(call.value), call.value.shape[-2]
    return items == places.items * batch and places.items * keys == len(places.weights[0])
