"""Each patch alone, with the prefix tokens, through the last block and the classifier."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..undo import hook, undoing
from ..values import Classifier, Recording, SinglePatchTrace
from .hooks import LayoutMismatchError, first_tensor, map_tensors
from .prove import prove_logits
from .record import blocks_of

AT_ONCE: Final = 64  # sequences in the last block at a time: bounds memory, whatever the grid


class SinglePatches:
    """Logits of every class for each patch alone; they serve any target.

    One picture at a time, so that whatever else its last block is given fits any number of
    sequences. The whole picture goes first, unmasked: its logits prove the way.
    """

    name: Final = "single patches"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.recording, self.layout = recording, recording.layout
        masks = _masks(recording)
        found = [
            torch.cat(
                [self._ask(classifier, picture[None], some) for some in torch.split(masks, AT_ONCE)]
            )
            for picture in recording.pixels
        ]
        logits = torch.stack(found)
        prove_logits(classifier.name, recording, logits[:, 0])
        self.logits = logits[:, 1:]

    def ask(self, target: Tensor) -> SinglePatchTrace:
        """Trace one target class a picture: `target` (batch,)."""
        index = target.to(self.logits.device)[:, None, None].expand(*self.logits.shape[:2], 1)
        return SinglePatchTrace(self.logits.gather(2, index)[..., 0], self.recording.grid)

    def _ask(self, classifier: Classifier, picture: Tensor, masks: Tensor) -> Tensor:
        last = blocks_of(classifier, self.layout)[-1]
        masking = _Masking(masks, self.layout.token_dim)
        with torch.no_grad(), undoing() as undo:
            hook(undo, last, masking.enter)
            for part in last.modules():
                if not list(part.children()) and "norm" in type(part).__name__.lower():
                    hook(undo, part, masking.unmask, masking.mask)
            try:
                return classifier.predict(picture)
            except (RuntimeError, IndexError, ValueError, TypeError) as error:
                if masking.masked is None or isinstance(error, torch.cuda.OutOfMemoryError):
                    raise
                raise ModelError(
                    f"{classifier.name}: its last block cannot be run on several sequences of "
                    f"one picture ({type(error).__name__}), which this method needs; choose "
                    "another method."
                ) from error


def _masks(recording: Recording) -> Tensor:
    """All tokens; then the prefix and one patch: (1 + patch, token)."""
    grid, pixels = recording.grid, recording.pixels
    masks = pixels.new_ones(grid.patches, grid.tokens)
    masks[:, grid.places] = torch.eye(grid.patches, dtype=pixels.dtype, device=pixels.device)
    return torch.cat([masks.new_ones(1, grid.tokens), masks])


class _Masking:
    """Zeroes tokens where they enter the block, and what its first norm makes of zero."""

    def __init__(self, masks: Tensor, token_dim: int) -> None:
        kept = masks if token_dim == 1 else masks.T
        self.kept, self.batch_dim = kept[..., None], 1 - token_dim
        self.masked: Tensor | None = None
        self._whole: Tensor | None = None

    def enter(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        stream = first_tensor(args, kwargs)
        if stream is None:
            raise LayoutMismatchError
        shape = list(stream.shape)
        shape[self.batch_dim] = self.kept.shape[self.batch_dim]
        self._whole = stream.expand(shape)
        self.masked = self._whole * self.kept.to(stream.dtype)
        return self._swap(args, kwargs, stream, self.masked)

    def unmask(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.masked is None or not any(value is self.masked for value in args):
            return None
        return self._swap(args, kwargs, self.masked, self._whole)

    def mask(self, _: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if isinstance(output, Tensor) and any(value is self._whole for value in args):
            return output * self.kept.to(output.dtype)
        return None

    @staticmethod
    def _swap(args: Any, kwargs: Any, old: Tensor, new: Tensor | None) -> Any:
        def swap(tensor: Tensor) -> Any:
            return new if tensor is old else tensor

        return map_tensors(args, swap), map_tensors(kwargs, swap)
