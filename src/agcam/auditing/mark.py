"""Where a reason lies in a picture: all of the mark that it is a part of, and nothing beside it."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import AgcamError
from .editing import Other, patch_set, same_everywhere, touching, widened
from .findings import Findings
from .reasons import LEAST
from .seen import Rows
from .values import Reason

MOST: Final = 32  # pictures that are changed in a test
EXAMPLES: Final = 16  # pictures with the reason and without that are compared pixel by pixel
USUAL: Final = 0.5  # of the pictures with a mark: what is of it in so many is in all of them


class Mark:
    """A reason as it lies in pictures, with the class's other suspicious reasons."""

    def __init__(self, found: Findings, reason: Reason) -> None:
        self.found, self.reason = found, reason
        self.same = with_suspicious(found, reason)

    def patches(self, row: int, together: bool = False) -> NDArray[np.bool_]:
        """Where the reason lies in a picture, with all of the mark that it is a part of.

        A mark can be several reasons, and reach beyond the patches that were kept.
        """
        own, every = self._parts(row)
        every |= self._fixed
        return every if together else own | touching(every, own)

    def _parts(self, row: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Where the reason lies in a picture, and where it or another suspicious one does."""
        own = self._places(self.reason, row)
        others = [self._places(one, row) for one in self.same if one is not self.reason]
        return own, np.logical_or.reduce([own, *others])

    def lacking(self, row: int) -> list[Other]:
        """The other pictures of the class, each with the patches where it has the reason.

        What was below a mark is most like what the class has there without it.
        """
        return [other for number, other in self._compared.items() if number != row]

    def others(self) -> NDArray[np.intp]:
        """Pictures of other classes without the reason."""
        pictures, target = self.found.pictures, self.reason.target
        free = (pictures.label != target) & (pictures.predicted != target)
        free[self.found.rows_of(self.reason)] = False
        return spread(np.flatnonzero(free))

    def open(self, row: int) -> Tensor | None:
        """A picture prepared for the model; None where it can no longer be read."""
        try:
            return self.found.setup.open(self.found.sample(row))[0]
        except AgcamError:
            return None

    def opened(self, rows: NDArray[np.intp]) -> list[Tensor]:
        """Those of some pictures that can be read."""
        return [pixels for row in rows if (pixels := self.open(int(row))) is not None]

    def _places(self, reason: Reason, row: int) -> NDArray[np.bool_]:
        """A reason's patches in a picture, and those around them that are the edge of its mark.

        Where all patches of the picture were compared, the edge is what the class alone shows,
        however little; else all that touch: with the mark goes a part of the object.
        """
        own = self._set(reason.patches, row)
        exclusive = self.found.exclusive.get(self.reason.target)
        if exclusive is None or row not in exclusive.pictures:
            return widened(own)
        return own | (widened(own) & self._set(exclusive.edges, row))

    def _set(self, patches: Rows, row: int) -> NDArray[np.bool_]:
        """Those of some patches that are of one picture."""
        every = self.found.patches
        return patch_set(every.place[patches[every.picture[patches] == row]], self.found.grid)

    @cached_property
    def _fixed(self) -> NDArray[np.bool_]:
        """Patches that belong to a mark at one place, in every picture where it touches them.

        Of what a class alone shows, those that are of it in half of the pictures: of a band from
        edge to edge each picture leaves out others. Else, those that look the same in all pictures
        with the reason and differ in others; for the first, all patches were compared, and an even
        background is the same in all pictures, as are strokes of digits.
        """
        grid = self.found.grid
        nowhere = np.zeros((grid.rows, grid.columns), dtype=np.bool_)
        if self.reason.exclusive:
            compared = self.found.exclusive[self.reason.target].pictures
            rows = np.intersect1d(self.found.rows_of(self.reason), compared)
            there = [own | touching(every, own) for own, every in map(self._parts, rows.tolist())]
            return np.asarray(np.mean(there, axis=0) >= USUAL) if there else nowhere
        own = self.opened(self.found.rows_of(self.reason)[:EXAMPLES])
        others = self.opened(spread(self.others(), EXAMPLES))
        if min(len(own), len(others)) < LEAST or self.reason.gains is not None:
            return nowhere
        fixed = same_everywhere(torch.stack(own), torch.stack(others), grid)
        return fixed if fixed.mean() <= 0.5 else nowhere  # pictures that are alike as a whole

    @cached_property
    def _compared(self) -> dict[int, Other]:
        """Of the class's pictures those of which all patches were compared: no mark is missed."""
        compared = self.found.exclusive.get(self.reason.target)
        if compared is None or not self.reason.exclusive:
            return {}
        opened = {row: self.open(row) for row in compared.pictures.tolist()}
        return {
            row: (pixels, self.patches(row)) for row, pixels in opened.items() if pixels is not None
        }


def with_suspicious(found: Findings, reason: Reason) -> list[Reason]:
    """A reason, and what else is suspicious of its class: they may be parts of one mark."""
    return [
        one
        for one in found.reasons[reason.target]
        if one is reason or (found.is_suspicious(one) and one.gains is None)
    ]


def erased_rows(found: Findings, reason: Reason) -> NDArray[np.intp]:
    """The pictures that a reason is erased from: by label, wrong ones too; else by prediction."""
    rows = found.rows_of(reason)
    of_class = rows[found.pictures.label[rows] == reason.target]
    return spread(of_class if len(of_class) else rows)


def spread(rows: NDArray[np.intp], most: int = MOST) -> NDArray[np.intp]:
    """At most so many of them, evenly spread: of all classes where they come class by class."""
    if len(rows) <= most:
        return rows
    return rows[np.arange(most) * len(rows) // most]
