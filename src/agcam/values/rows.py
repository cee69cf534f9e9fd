"""The row of the table of methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from .picture import Grid
from .trace import Trace


@dataclass(frozen=True)
class Method:
    """A method: a pure function from the evidence it needs to relevance per patch.

    `passes` says in words what it costs beside a plain forward pass. `pictures_per_target` is, for
    black-box methods, the number of pictures that they give the model for one target of one
    picture. `checked` says what numbers it was compared with, beside its slow twin in the tests.
    `from_last_block` is true where the formula starts at the rows of the last block that the
    classifier reads, so that it says nothing of a classifier that reads other blocks too.
    """

    name: str
    function: Callable[[Any], Float[Tensor, "batch patch"]]
    needs: type[Trace]
    class_specific: bool
    passes: str
    cite: str
    pictures_per_target: Callable[[Grid], int] | None = None
    checked: str = ""
    from_last_block: bool = False

    def pictures(self, grid: Grid) -> int:
        """Pictures given to the model for one target of one picture; 0 unless black-box."""
        return 0 if self.pictures_per_target is None else self.pictures_per_target(grid)
