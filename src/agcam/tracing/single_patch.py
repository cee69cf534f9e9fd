"""Each patch by itself, with the prefix tokens, through the last block and the classifier."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn

from ..undo import Undo, hook
from ..values import Classifier, Layout, Recording, SinglePatchTrace
from .instrumented import Instrumented, exchange
from .prove import prove_logits

AT_ONCE: Final = 64  # sequences in the last block at a time: bounds memory, whatever the grid


class SinglePatches:
    """Logits of every class for each single patch; they serve any target.

    One picture at a time, so that whatever else its last block is given fits any number of
    sequences. The unmasked picture goes first: its logits prove the way.
    """

    name: Final = "single patches"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.recording = recording
        masks = torch.split(_masks(recording), AT_ONCE)
        found = [
            torch.cat(
                [_Masked(classifier, recording.layout, some).run(one[None]) for some in masks]
            )
            for one in recording.pixels
        ]
        logits = torch.stack(found)
        prove_logits(classifier.name, recording, logits[:, 0])
        self.logits = logits[:, 1:]

    def trace(self, target: Tensor) -> SinglePatchTrace:
        """Trace one target class per picture: `target` (batch,)."""
        index = target.to(self.logits.device)[:, None, None].expand(*self.logits.shape[:2], 1)
        return SinglePatchTrace(self.logits.gather(2, index)[..., 0], self.recording.grid)


def _masks(recording: Recording) -> Tensor:
    """All tokens; then the prefix and one patch: (1 + patch, token)."""
    grid, pixels = recording.grid, recording.pixels
    masks = pixels.new_ones(grid.patches, grid.tokens)
    masks[:, grid.places] = torch.eye(grid.patches, dtype=pixels.dtype, device=pixels.device)
    return torch.cat([masks.new_ones(1, grid.tokens), masks])


class _Masked(Instrumented):
    """Zeroes tokens where they enter the last block, and what its first norm makes of zero."""

    captures: ClassVar = False
    refusal: ClassVar = "its last block cannot be run on several sequences of one picture"

    def __init__(self, classifier: Classifier, layout: Layout, masks: Tensor) -> None:
        super().__init__(classifier, layout)
        kept = masks if self.layout.token_dim == 1 else masks.T
        self._kept, self._batch_dim = kept[..., None], 1 - self.layout.token_dim
        self._masked: Tensor | None = None
        self._unmasked: Tensor | None = None

    def run(self, pixels: Tensor, *, gradients: bool = False) -> Tensor:
        """The logits of each masked sequence."""
        return super().run(pixels, gradients=gradients)

    def changed(self) -> bool:
        """Whether the last block has been given the masked sequences."""
        return self._masked is not None

    def enter(self, stream: Tensor) -> Tensor | None:
        """Give the last block the masked sequences."""
        if self.block < len(self.layout.blocks) - 1:
            return None
        shape = list(stream.shape)
        shape[self._batch_dim] = self._kept.shape[self._batch_dim]
        self._unmasked = stream.expand(shape)
        self._masked = self._unmasked * self._kept.to(stream.dtype)
        return self._masked

    def open(self, undo: Undo, blocks: list[nn.Module]) -> None:
        """Norm the unmasked tokens, and mask what the norm gives."""
        for part in blocks[-1].modules():
            if not list(part.children()) and "norm" in type(part).__name__.lower():
                hook(undo, part, self._unmask, self._mask)

    def _unmask(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._masked is None or not any(value is self._masked for value in args):
            return None
        assert self._unmasked is not None, "what is masked was unmasked"
        return exchange(args, kwargs, self._masked, self._unmasked)

    def _mask(self, _: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if isinstance(output, Tensor) and any(value is self._unmasked for value in args):
            return output * self._kept.to(output.dtype)
        return None
