"""Measure which part of a picture a program shows, by what it makes of pictures with one edge.

A picture that is dark before column t and light from there on has its edge, in the program's
output, where t lies in the window that is shown. The place is the sum of the dark share of a row,
which a symmetric filter leaves where it is: exact to some hundredths of a pixel for any resizing.
Several t give a line; its ends are the window (`side`). Rows are measured the same way, with all
pictures turned. Edges that are not straight, or places that are not on a line, are a picture that
was turned or bent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import PictureError
from ..values import Frame
from .side import Array, Side

DARK, LIGHT = 64, 192  # room on both sides for filters that overshoot
REPEATS: Final = 8  # before a refusal: half of all mirrored pictures are not mirrored


@dataclass
class Ruler:
    """Measures a program once for each size of picture."""

    run: Callable[[Image.Image], Tensor]
    name: str
    known: dict[tuple[int, int], Frame] = field(default_factory=dict)

    def __call__(self, size: tuple[int, int]) -> Frame:
        """The window of a picture of `size` (width, height); PictureError where there is none."""
        if size not in self.known:
            self.known[size] = _frame(Program(self.run, self.name, *size))
        return self.known[size]


@dataclass(frozen=True)
class Program:
    """A user's program on grey pictures of one size; `turned`: columns stand for rows."""

    run: Callable[[Image.Image], Tensor]
    name: str
    width: int
    height: int
    turned: bool = False

    def flat(self, grey: int) -> Array:
        """What it shows of a picture of one grey."""
        return self._show(np.full((self.height, self.width), grey))

    def edge(self, at: int) -> Array:
        """What it shows of a picture that is dark before column `at`, and light from there on."""
        line = np.where(np.arange(self.width) < at, DARK, LIGHT)
        return self._show(np.broadcast_to(line, (self.height, self.width)))

    def _show(self, grey: NDArray[Any]) -> Array:
        """What it makes of a grey picture, as one grey picture (row, column)."""
        turned = grey.T if self.turned else grey
        picture = Image.fromarray(turned.astype(np.uint8)).convert("RGB")
        shown = self.run(picture).double().cpu().mean(0).numpy()
        return shown.T if self.turned else shown

    def refusal(self, what: str) -> PictureError:
        """The refusal for a reason; first of all, a program that gives other pixels is random."""
        shown = [self.edge(self.width // 3) for _ in range(REPEATS)]
        if all(_same(shown[0], repeated) for repeated in shown[1:]):
            advice = "prepare the pictures yourself and give the tensor (batch, channel, height, "
            return PictureError(f"the transform {self.name} {what}; {advice}width).")
        return PictureError(
            f"the transform {self.name} is random, so it is unknown what the model saw; give the "
            "one that is used for evaluation."
        )


def _frame(program: Program) -> Frame:
    dark, light = program.flat(DARK), program.flat(LIGHT)
    across = Side(program, dark, light)
    middle = program.edge(program.width // 2)
    if not np.isfinite(middle).all():
        raise program.refusal("gives NaN or infinite pixels")
    left, right = across.window()
    turned = replace(program, width=program.height, height=program.width, turned=True)
    down = Side(turned, dark.T, light.T, blends=across.blends)
    top, bottom = down.window()
    if not _same(middle, program.edge(program.width // 2)):
        raise program.refusal("gives other pixels each time")
    return Frame(program.width, program.height, (left, top, right, bottom))


def _same(one: Array, other: Array) -> bool:
    return np.array_equal(one, other, equal_nan=True)
