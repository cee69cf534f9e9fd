"""Two models on the same pictures: what changed, class by class, and whose maps moved most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import RunError
from ..maps import resize_map
from ..records import Estimate
from .columns import shares
from .findings import Findings
from .truth import on_object
from .values import Reason, mean_of

MOVED: Final = 24  # pictures
SAME: Final = 0.2  # of the places of two reasons, which both have if they are one
GRID: Final = 16  # cells a side on which places of models with other patches are compared
NEAR: Final = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, eq=False)
class Change:
    """What changed for one class, from the audited model to the other.

    Attributes:
        name: Of the class.
        targets: Its number in each of the models.
        accuracy: Of each model, and the difference on the same pictures.
        inside: Share of relevance on the annotated object, of each, and the difference on the same
            pictures; None where nothing is annotated.
        suspicious: Of each.
        lost: Reasons of the audited model that the other lacks.
        gained: Reasons of the other.
    """

    name: str
    targets: tuple[int, int]
    accuracy: tuple[Estimate, Estimate, Estimate]
    inside: tuple[Estimate, Estimate, Estimate] | None
    suspicious: tuple[float, float]
    lost: tuple[Reason, ...]
    gained: tuple[Reason, ...]


@dataclass(frozen=True)
class Moved:
    """One picture: its rows in both, and how far the label's map moved (0: not, 1: wholly)."""

    rows: tuple[int, int]
    distance: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """The audited model, the other one, and what is different.

    `skipped` are the data set's classes that one of them does not know.
    """

    other: Findings
    changes: tuple[Change, ...]
    moved: tuple[Moved, ...]
    skipped: tuple[str, ...] = ()


def compare(found: Findings, other: Findings) -> Comparison:
    """Compare two models on the pictures that both were scanned on.

    Raises:
        RunError: No class is known to both, or no picture was scanned with both.
    """
    every = zip(found.setup.dataset.classes, found.setup.classes, other.setup.classes, strict=True)
    classes, skipped = list[tuple[int, int]](), list[str]()
    for names, a, b in every:
        if a is None or b is None:
            skipped.append(names[-1])
        else:
            classes.append((a, b))
    numbers, first, second = np.intersect1d(
        found.pictures.number, other.pictures.number, return_indices=True
    )
    if not classes or not len(numbers):
        raise RunError(
            f"{found.setup.classifier.name} and {other.setup.classifier.name} share no picture "
            "whose class both know"
        )
    changes = [_change(found, other, a, b, first, second) for a, b in classes]
    known = [one for one in changes if one is not None]
    order = sorted(known, key=lambda one: -abs(one.accuracy[2].mean))
    return Comparison(other, tuple(order), _moved(found, other, first, second), tuple(skipped))


def _change(
    found: Findings,
    other: Findings,
    a: int,
    b: int,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
) -> Change | None:
    mine = found.pictures.label[first] == a
    if not mine.any():
        return None
    right = found.pictures.right[first[mine]].astype(float)
    right_of_other = other.pictures.right[second[mine]].astype(float)
    inside, inside_of_other = (
        on_object(one.pictures, rows[mine])[0] for one, rows in ((found, first), (other, second))
    )
    annotated = not np.isnan(inside).all()
    lost, gained = _unmatched(found, other, found.reasons.get(a, ()), other.reasons.get(b, ()))
    return Change(
        found.name(a),
        (a, b),
        _difference(right, right_of_other),
        _difference(inside, inside_of_other) if annotated else None,
        (found.attention(a), other.attention(b)),
        lost,
        gained,
    )


def _difference(
    before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[Estimate, Estimate, Estimate]:
    """The mean of each, and of their difference on the same pictures."""
    return mean_of(before), mean_of(after), mean_of(after - before)


def _unmatched(
    found: Findings, other: Findings, before: Sequence[Reason], after: Sequence[Reason]
) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """Reasons of each that lie where none of the other's does."""
    sets = [_places(found, one) for one in before], [_places(other, one) for one in after]
    alike = [[_shared(a, b) >= SAME for b in sets[1]] for a in sets[0]]
    lost = tuple(one for one, row in zip(before, alike, strict=True) if not any(row))
    gained = tuple(one for n, one in enumerate(after) if not any(row[n] for row in alike))
    return lost, gained


def _places(found: Findings, reason: Reason) -> frozenset[tuple[int, int]]:
    """Where a reason lies, and around it: (number of the picture, cell)."""
    patches, grid = found.patches, found.grid
    picture = patches.picture[reason.patches]
    y, x = np.divmod(np.asarray(patches.place[reason.patches]), grid.columns)
    rows = ((y + 0.5) * GRID / grid.rows).astype(int)
    columns = ((x + 0.5) * GRID / grid.columns).astype(int)
    cells: set[tuple[int, int]] = set()
    for row in np.unique(picture):
        there = np.zeros((GRID, GRID), dtype=bool)
        there[rows[picture == row], columns[picture == row]] = True
        number = int(found.pictures.number[row])
        near = np.flatnonzero(ndimage.binary_dilation(there, NEAR))
        cells.update((number, int(cell)) for cell in near)
    return frozenset(cells)


def _shared(a: frozenset[tuple[int, int]], b: frozenset[tuple[int, int]]) -> float:
    return len(a & b) / max(len(a | b), 1)


def _moved(
    found: Findings, other: Findings, first: NDArray[np.intp], second: NDArray[np.intp]
) -> tuple[Moved, ...]:
    """The pictures whose maps of the label have least in common, a part of them at a time."""
    size = found.grid.rows, found.grid.columns
    best: list[Moved] = []
    for start in range(0, len(first), 4096):
        rows = first[start : start + 4096], second[start : start + 4096]
        a, b = found.pictures.label_map[rows[0]], other.pictures.label_map[rows[1]]
        if b.shape[1:] != size:
            b = shares(resize_map(np.asarray(b), size))
        distance = 1 - np.minimum(a, b).sum(axis=(1, 2))
        best += [Moved((int(x), int(y)), float(d)) for x, y, d in zip(*rows, distance, strict=True)]
        best = sorted(best, key=lambda one: -one.distance)[:MOVED]
    return tuple(best)
