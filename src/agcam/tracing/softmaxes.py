"""A softmax of a pass, what became of it, and why that cannot be followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

# each completes a sentence about the model
DETACHED: Final = "detaches its attention on its way to the values"
OVERWRITTEN: Final = "overwrites its attention, or its scores, on their way to the values"
OTHER_AXIS: Final = (
    "multiplies values with its attention over another axis than its softmax is over (or with some "
    "elements twice)"
)
IN_PART: Final = "multiplies values with a part of its attention alone"
TWICE: Final = "multiplies values with its attention more than once"
CHANGED_BY: Final = "changes its attention on its way to the values (by {functions})"
NO_PRODUCT: Final = (
    "uses its attention otherwise than in a product with values by @, matmul, bmm, baddbmm, "
    "tensordot or einsum ({functions})"
)
FUNCTIONS: Final = 2  # that are named


@dataclass(eq=False)
class Softmax:
    """One softmax of a pass: what entered it, and what became of it.

    `used` marks the elements that have met values (None: none has, True: all have). `wrong` states
    how it met them in a way that is not followed. `node` is its place in autograd's graph.
    `changed_by` names the functions that made other numbers of it.
    """

    scores: Tensor
    axis: int
    version: int
    dtype: torch.dtype
    node: Any = None
    used: Tensor | bool | None = None
    wrong: str = ""
    square: bool = False
    changed_by: list[str] = field(default_factory=list)
    sources: tuple[Softmax, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.sources = (self,)
        self.square = self.keys > 1 and list(self.scores.shape).count(self.keys) > 1

    @property
    def keys(self) -> int:
        """How many keys it is over."""
        return self.scores.shape[self.axis]

    def softmax(self) -> Tensor:
        """The softmax itself, computed again."""
        return self.scores.softmax(self.axis, dtype=self.dtype)

    @property
    def misuse(self) -> str:
        """How it met values in part, twice, or not followed; over a square: not at all."""
        complete = self.used is True or (isinstance(self.used, Tensor) and bool(self.used.all()))
        if self.wrong or complete:
            return self.wrong
        if self.used is not None:
            return IN_PART
        functions = ", ".join(dict.fromkeys(self.changed_by[:FUNCTIONS])) or "views alone"
        return NO_PRODUCT.format(functions=functions) if self.square else ""

    def use(self, elements: Tensor | None) -> None:
        """Note that some elements, or all (None), have met values."""
        if elements is None:
            self.wrong = self.wrong or (TWICE if self.used is not None else "")
            self.used = True
            return
        if self.used is None:
            self.used = torch.zeros(self.scores.numel(), dtype=torch.bool)
        if self.used is True or bool(self.used[elements].any()):  # type: ignore[index]
            self.wrong = self.wrong or TWICE
        if isinstance(self.used, Tensor):
            self.used[elements] = True


def name_of(function: Any) -> str:
    """What a function of torch is called."""
    return str(getattr(function, "__name__", function)).strip("_")
