"""Evidence that asks the model again: other pictures of a path, tokens alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from .by_rules import StreamTrace
from .picture import Grid


@dataclass(frozen=True)
class PathTrace:
    """A picture's token stream, and gradients along the way to it from zero.

    `path` gives d y_target / d A of the last attention at the read rows, for the picture times
    0 ... 1 in equal steps; made a few at a time, when asked, and not kept.
    """

    stream: StreamTrace
    path: Iterable[Float[Tensor, "batch head read token"]]


@dataclass(frozen=True)
class SinglePatchTrace:
    """The target logit when each patch alone goes through the last block, with the prefix."""

    logits: Float[Tensor, "batch patch"]
    grid: Grid
