"""The model as a function, which black-box methods run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .picture import Grid


@dataclass(frozen=True)
class Query:
    """The model as a function of pixels, of one target per picture; nothing inside it is traced.

    Pixels are (batch, channel, *sides): height and width, of a clip time before them, of a sound
    frequency and time; as they are drawn, whatever the model's own axes are. `logit` and
    `probability` take such pixels and a class for each (n,), and return a number for each (n,), for
    any n; the model never sees more than `chunk` pictures at once. Where gradients
    are on, the result can be differentiated; then at most `chunk` pictures should be given at once,
    because the graph of all of them is kept. The `probability` of a target that is not a class is
    its value. Relevance is wanted on `grid`, which covers the picture; 0 is
    the colour of a normalized picture that shows nothing.
    """

    pixels: Float[Tensor, "batch channel *sides"]
    target: Int[Tensor, " batch"]
    grid: Grid
    chunk: int
    logit: Callable[[Tensor, Tensor], Tensor]
    probability: Callable[[Tensor, Tensor], Tensor]

    def parts(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pixels and targets, `size` pictures at a time."""
        return zip(torch.split(self.pixels, size), torch.split(self.target, size), strict=True)
