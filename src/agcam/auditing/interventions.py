"""Reasons proved: erased where they occur, pasted where they do not, beside random patches."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..binding import to_model
from ..errors import AgcamError
from ..evaluation.probing import Prober
from ..maps import write_atomically
from ..records import Estimate
from ..tracing import evaluation_mode
from ..values import predicted, probabilities_of
from .editing import elsewhere, erased, pasted, patch_set, recoloured
from .findings import Findings
from .values import CAST, Intervention, Outcome, Reason, mean_of

MOST: Final = 32  # pictures of a reason that are changed
SOURCES: Final = 8  # pictures that a reason is pasted from, in turn
PASSES: Final = 5 * MOST  # of a reason, at most: 2 a picture erased, 3 a picture pasted into
VERSION: Final = 2

Change = Callable[[Tensor, int], Tensor]
"""What becomes of the n-th picture's pixels."""
Given = tuple[NDArray[np.int64], NDArray[np.float64]]
"""What the model gives for some pictures: classes, and probabilities of the reason's class."""


def prove(
    found: Findings, count: int, folder: Path, progress: Callable[[int, int], None]
) -> dict[tuple[int, int], tuple[Intervention, ...]]:
    """Test the most suspicious reasons; what was tested before is read from `folder`."""
    chosen = [one for one in found.ranked if found.is_suspicious(one)][:count]
    done = {}
    for number, reason in enumerate(chosen):
        progress(number, len(chosen))
        path = folder / f"{_key(found, reason)}.json"
        done[reason.target, reason.number] = _stored(path) or _tested(found, reason, path)
    if chosen:
        progress(len(chosen), len(chosen))
    return done


class Trial:
    """Changes pictures, and runs the model on them."""

    def __init__(self, found: Findings, reason: Reason) -> None:
        self.found, self.reason = found, reason
        self.classifier = found.setup.classifier
        self.prober = Prober(self.classifier, found.setup.configuration.batch_size)
        self.random = np.random.default_rng(0)

    def erase(self) -> Intervention | None:
        """From pictures of the class that have the reason; None if there are none."""
        pictures, target = self.found.pictures, self.reason.target
        rows = erased_rows(self.found, self.reason)
        sets = [self._patches(row) for row in rows]
        variants = self._casts(invert=True) or (
            lambda pixels, n: erased(pixels, sets[n]),
            lambda pixels, n: erased(pixels, elsewhere(sets[n], self.random)),
        )
        after, random = self._given(rows, variants)
        known = pictures.predicted[rows] == target
        probability = np.where(known, pictures.probability[rows, 0], pictures.probability[rows, 1])
        before = pictures.predicted[rows].astype(np.int64), probability.astype(np.float64)
        return self._intervention("erase", self._fill("surroundings"), sets, before, after, random)

    def paste(self) -> Intervention | None:
        """Into pictures of other classes that lack the reason; None if there are none."""
        pictures, target = self.found.pictures, self.reason.target
        examples = self.found.rows_of(self.reason)
        free = (pictures.label != target) & (pictures.predicted != target)
        free[examples] = False
        rows = _spread(np.flatnonzero(free))
        sources = [int(row) for row in examples[:SOURCES]]
        opened = [self._open(row) for row in sources]
        there = [
            (one, self._patches(row))
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
        return patches if self.reason.gains is None else CAST

    def _casts(self, invert: bool = False) -> tuple[Change, ...]:
        """Where the reason is a colour cast: it, or what takes it off; and one of other colours."""
        gains, preparation = self.reason.gains, self.classifier.preparation
        if gains is None or preparation is None:
            return ()
        mean, std = preparation.mean, preparation.std
        chosen = tuple(1 / gain for gain in gains) if invert else gains
        others = (*chosen[1:], chosen[0])
        return (
            lambda pixels, n: recoloured(pixels, chosen, mean, std),
            lambda pixels, n: recoloured(pixels, others, mean, std),
        )

    def _patches(self, row: int) -> NDArray[np.bool_]:
        """Where the reason lies in a picture."""
        patches = self.found.patches
        mine = self.reason.patches[patches.picture[self.reason.patches] == row]
        return patch_set(np.unique(patches.place[mine]), self.found.grid)

    def _open(self, row: int) -> Tensor | None:
        try:
            return self.found.setup.open(self.found.sample(row))[0]
        except AgcamError:  # it was there when it was scanned
            return None

    def _given(self, rows: NDArray[np.intp], variants: Sequence[Change]) -> list[Given]:
        """For each variant, what the model gives for the changed pictures."""
        classes: list[list[int]] = [[] for _ in variants]
        probabilities: list[list[float]] = [[] for _ in variants]
        for changed in self._changed(rows, variants):
            for place, pixels in enumerate(changed):
                logits = self.prober.forward(to_model(self.classifier, pixels))
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

    def _changed(
        self, rows: NDArray[np.intp], variants: Sequence[Change]
    ) -> Iterator[list[Tensor]]:
        """Batches of changed pictures, one for each variant."""
        size = self.prober.batch_size
        for start in range(0, len(rows), size):
            opened = [
                (n, self._open(int(rows[n]))) for n in range(start, min(start + size, len(rows)))
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


def _tested(found: Findings, reason: Reason, path: Path) -> tuple[Intervention, ...]:
    with evaluation_mode(found.setup.classifier.module):
        trial = Trial(found, reason)
        made = tuple(one for one in (trial.erase(), trial.paste()) if one is not None)
    write_atomically(path, json.dumps([asdict(one) for one in made]).encode())
    return made


def erased_rows(found: Findings, reason: Reason) -> NDArray[np.intp]:
    """The pictures that a reason is erased from: by label, wrong ones too; else by prediction."""
    rows = found.rows_of(reason)
    of_class = rows[found.pictures.label[rows] == reason.target]
    return _spread(of_class if len(of_class) else rows)


def _spread(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """At most MOST of them, evenly spread."""
    if len(rows) <= MOST:
        return rows
    return rows[np.arange(MOST) * len(rows) // MOST]


def _key(found: Findings, reason: Reason) -> str:
    """What the numbers of a test depend on, beside the scan."""
    digest = hashlib.sha256(f"{VERSION} {MOST} {SOURCES} {reason.target}".encode())
    digest.update(np.ascontiguousarray(reason.patches, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(found.pictures.number).tobytes())
    return digest.hexdigest()[:16]


def _stored(path: Path) -> tuple[Intervention, ...] | None:
    """A test that was made before; None if there is none that can be read."""
    try:
        return tuple(_intervention(one) for one in json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _intervention(stored: dict[str, Any]) -> Intervention:
    outcomes = {name: _outcome(stored[name]) for name in ("before", "after", "random")}
    return Intervention(**{**stored, **outcomes})


def _outcome(stored: dict[str, Any]) -> Outcome:
    called = {int(number): count for number, count in stored["called"].items()}
    return Outcome(Estimate(*stored["share"]), Estimate(*stored["probability"]), called)
