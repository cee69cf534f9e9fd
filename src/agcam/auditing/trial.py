"""Pictures changed by one reason, and what the model gives for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..binding import to_model
from ..errors import ModelError
from ..evaluation.probing import Prober
from ..values import predicted, probabilities_of
from .casts import Cast
from .editing import elsewhere, erased, pasted
from .findings import Findings
from .mark import Mark, erased_rows
from .values import CAST, TOGETHER, Intervention, Outcome, Reason, mean_of

SOURCES: Final = 8  # pictures that a reason is pasted from, in turn

Change = Callable[[Tensor, int], Tensor]
"""What becomes of the n-th picture's pixels."""
Given = tuple[NDArray[np.int64], NDArray[np.float64]]
"""What the model gives for some pictures: classes, and probabilities of the reason's class."""


class Trial:
    """Changes pictures, and runs the model on them."""

    def __init__(self, found: Findings, reason: Reason) -> None:
        self.found, self.reason = found, reason
        self.classifier = found.setup.classifier
        self.prober = Prober(self.classifier, found.setup.configuration.batch_size)
        self.random = np.random.default_rng(0)
        self.mark = Mark(found, reason)

    def erase(self, together: bool = False) -> Intervention | None:
        """From pictures of the class that have the reason; None if there are none.

        `together`: with all that the class's other suspicious reasons show in these pictures.
        """
        pictures, target = self.found.pictures, self.reason.target
        rows = erased_rows(self.found, self.reason)
        sets = [self.mark.patches(row, together) for row in rows]
        variants = self._casts(invert=True) or (
            lambda pixels, n: erased(pixels, sets[n], self.mark.lacking(rows[n])),
            lambda pixels, n: erased(
                pixels, elsewhere(sets[n], self.random), self.mark.lacking(rows[n])
            ),
        )
        after, random = self._given(rows, variants)
        known = pictures.predicted[rows] == target
        probability = np.where(known, pictures.probability[rows, 0], pictures.probability[rows, 1])
        before = pictures.predicted[rows].astype(np.int64), probability.astype(np.float64)
        kind = TOGETHER if together else "erase"
        return self._intervention(kind, self._fill("surroundings"), sets, before, after, random)

    def paste(self) -> Intervention | None:
        """Into pictures of other classes that lack the reason; None if there are none."""
        examples, rows = self.found.rows_of(self.reason), self.mark.others()
        sources = [int(row) for row in examples[:SOURCES]]
        opened = [self.mark.open(row) for row in sources]
        there = [
            (one, self.mark.patches(row))
            for one, row in zip(opened, sources, strict=True)
            if one is not None
        ]
        if not there or not len(rows):
            return None
        places = [there[n % len(there)] for n in range(len(rows))]
        changes = self._casts() or (
            lambda pixels, n: pasted(pixels, *places[n]),
            lambda pixels, n: pasted(pixels, places[n][0], elsewhere(places[n][1], self.random)),
        )
        variants = (lambda pixels, n: pixels, *changes)
        before, after, random = self._given(rows, variants)
        sets = [patches for _, patches in places]
        return self._intervention("paste", self._fill(""), sets, before, after, random)

    def _fill(self, patches: str) -> str:
        return patches if self._cast is None else CAST

    def _casts(self, invert: bool = False) -> tuple[Change, ...]:
        """Where the reason is a colour cast: it, or what takes it off; and one of other colours."""
        cast = self._cast
        if cast is None:
            return ()
        if invert:
            return (lambda pixels, n: cast.off(pixels), lambda pixels, n: cast.other_off(pixels))
        return (lambda pixels, n: cast.on(pixels), lambda pixels, n: cast.on(pixels, 1))

    @cached_property
    def _cast(self) -> Cast | None:
        """The reason's cast, as pictures with and without it show it; None: a reason of patches."""
        gains, preparation = self.reason.gains, self.classifier.preparation
        if gains is None or preparation is None:
            return None
        own = self.mark.opened(erased_rows(self.found, self.reason))
        others = self.mark.opened(self.mark.others())
        if not own or not others:
            return None
        return Cast(own, others, gains, preparation.mean, preparation.std)

    def _given(self, rows: NDArray[np.intp], variants: Sequence[Change]) -> list[Given]:
        """For each variant, what the model gives for the changed pictures."""
        classes: list[list[int]] = [[] for _ in variants]
        probabilities: list[list[float]] = [[] for _ in variants]
        for changed in self._changed(rows, variants):
            for place, logits in enumerate(self._logits(changed)):
                classes[place] += predicted(self.classifier, logits).tolist()
                found = probabilities_of(self.classifier, logits)
                column = (
                    torch.full((len(logits),), torch.nan)
                    if found is None
                    else (found[:, self.reason.target])
                )
                probabilities[place] += column.tolist()
        return [
            (np.array(some, np.int64), np.array(probability, np.float64))
            for some, probability in zip(classes, probabilities, strict=True)
        ]

    def _logits(self, changed: list[Tensor]) -> list[Tensor]:
        """Of each variant; without pictures of which the model gives no numbers in one of them."""
        try:
            return [self.prober.forward(to_model(self.classifier, one)) for one in changed]
        except ModelError:
            if len(changed[0]) == 1:
                return []
        each = [self._logits([one[n : n + 1] for one in changed]) for n in range(len(changed[0]))]
        return [torch.cat(some) for some in zip(*filter(None, each), strict=True)]

    def _changed(
        self, rows: NDArray[np.intp], variants: Sequence[Change]
    ) -> Iterator[list[Tensor]]:
        """Batches of changed pictures, one for each variant."""
        size = self.prober.batch_size
        for start in range(0, len(rows), size):
            opened = [
                (n, self.mark.open(int(rows[n])))
                for n in range(start, min(start + size, len(rows)))
            ]
            there = [(n, pixels) for n, pixels in opened if pixels is not None]
            if there:
                yield [
                    torch.stack([change(pixels, n) for n, pixels in there]) for change in variants
                ]

    def _intervention(
        self,
        kind: str,
        fill: str,
        sets: Sequence[NDArray[np.bool_]],
        before: Given,
        after: Given,
        random: Given,
    ) -> Intervention | None:
        if not len(after[0]):
            return None
        outcomes = (self._outcome(given) for given in (before, after, random))
        return Intervention(kind, fill, float(np.mean([one.sum() for one in sets])), *outcomes)

    def _outcome(self, given: Given) -> Outcome:
        classes, probabilities = given
        counts = Counter(classes.tolist())
        return Outcome(
            mean_of(classes == self.reason.target),
            mean_of(probabilities),
            dict(counts.most_common()),
        )
