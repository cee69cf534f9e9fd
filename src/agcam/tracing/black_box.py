"""The model as a function: pixels in, the target's logit or probability out, a few at a time.

Pixels are (batch, channel, *sides) for whatever a model takes: of a clip the first side is time, of
a sound rows are frequencies. They are brought into the model's own axes before each pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from ..errors import ModelError, TargetError
from ..values import Classifier, Grid, Medium, Query, Recording, kind_of, precise, weights_of
from .prove import prove
from .record import logits_of
from .structure import has_quantised_layers
from .untraceable import QUANTISED

CELL: Final = 16  # pixels of a patch, where the model has no grid of its own
TUBELET: Final = 2  # frames of it
Report = Callable[[int], None]
"""Called after each pass with its number of pictures."""


class BlackBox:
    """The model as it is, proved to give the recorded logits a second time."""

    name: Final = "black box"

    def __init__(
        self, classifier: Classifier, recording: Recording, chunk: int, report: Report | None
    ) -> None:
        self.recording, self.chunk = recording, chunk
        self.grid = grid_of(recording, classifier.medium)
        self._classifier, self._report = classifier, report
        parts = [logits_of(classifier, part) for part in torch.split(recording.pixels, chunk)]
        prove(classifier.name, recording.logits, torch.cat(parts), recording.pixels.dtype)

    def trace(self, target: Tensor) -> Query:
        """Trace one target class per picture: `target` (batch,)."""
        recording = self.recording
        target = target.to(recording.pixels.device)
        pixels = self._classifier.medium.as_drawn(recording.pixels)
        return Query(pixels, target, self.grid, self.chunk, self._logit, self._probability)

    def _logit(self, pixels: Tensor, target: Tensor) -> Tensor:
        return self._logits(pixels).gather(1, target[:, None])[:, 0]

    def _probability(self, pixels: Tensor, target: Tensor) -> Tensor:
        columns = self._logits(pixels)
        name, classes = self._classifier.name, columns.shape[1] - len(self._classifier.scalars)
        if kind_of(self._classifier, classes) == "none" and bool((target < classes).any()):
            prompts = self._classifier.with_prompts is not None
            fix = "name another prompt beside it" if prompts else 'scores="sigmoid" says they are'
            raise TargetError(
                f"{name}: this method reads the probability of the class, and the model's output "
                f"is not one; choose another method, such as occlusion, or {fix}."
            )
        return weights_of(self._classifier, columns).gather(1, target[:, None])[:, 0]

    def _logits(self, pixels: Tensor) -> Tensor:
        """Logits, at least float32, of pictures given to the model a chunk at a time."""
        parts = []
        if pixels.requires_grad and has_quantised_layers(self._classifier.module):
            raise ModelError(QUANTISED.format(name=self._classifier.name))
        for part in torch.split(pixels, self.chunk):
            logits = self._run(part)
            parts.append(precise(logits))
            if self._report is not None:
                self._report(len(part))
        return torch.cat(parts)

    def _run(self, part: Tensor) -> Tensor:
        try:
            return logits_of(self._classifier, self._classifier.medium.as_given(part))
        except (AssertionError, RuntimeError, ValueError) as error:
            if len(part) == 1 or isinstance(error, torch.cuda.OutOfMemoryError):
                raise
            raise ModelError(
                f"{self._classifier.name} does not run on {len(part)} pictures at once "
                f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}); "
                "batch_size=1 gives it one at a time."
            ) from error


def grid_of(recording: Recording, medium: Medium) -> Grid:
    """The patches that black-box methods change: the finest of several grids has too many."""
    several = recording.layout.places
    return coarse_grid(recording.pixels, medium) if several else recording.grid


def on_grid(relevance: Tensor, coarse: Grid, grid: Grid) -> Tensor:
    """Relevance of coarse patches (batch target patch) on a finer grid: that of the nearest."""
    maps = relevance.reshape(*relevance.shape[:2], *coarse.shape)
    for axis, (few, many) in enumerate(zip(coarse.shape, grid.shape, strict=True), 2):
        nearest = (2 * torch.arange(many) + 1) * few // (2 * many)
        maps = maps.index_select(axis, nearest.to(maps.device))
    return maps.flatten(2)


def coarse_grid(pixels: Tensor, medium: Medium) -> Grid:
    """A grid for models that have none: cells of about 16 x 16 pixels and 2 frames."""
    lengths = [pixels.shape[axis] for axis in medium.sides]
    rows, columns = (max(1, round(length / CELL)) for length in lengths[-2:])
    frames = max(1, round(lengths[0] / TUBELET)) if len(lengths) > 2 else 0
    return Grid(rows, columns, prefix=0, frames=frames)
