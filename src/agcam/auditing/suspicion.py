"""How suspicious a reason is, from 0 to 1, and why, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .reasons import LEAST, Features, directions
from .tone import SLIGHT
from .values import Patches, Pictures, Reason, Suspicion

# Logistic, by the tuning seeds of benchmarks/audit.py: (middle, width).
ALIKE: Final = (0.45, 0.04)  # of `strength`
TONE: Final = (0.38, 0.05)  # of how many more pictures have the tone than of other classes

EXAMPLES: Final = 64  # pictures of a reason that are compared
OTHERS: Final = 32  # pictures of each other class
CLASSES: Final = 30  # other classes


def suspicions(
    reasons: Mapping[int, Sequence[Reason]], pictures: Pictures, patches: Patches
) -> dict[tuple[int, int], Suspicion]:
    """For each reason, by its class and number, how suspicious it is.

    Parts of a planted mark look the same whatever else is in the picture; parts of objects differ.
    `alike` is the mean, over the pictures of a reason, of the greatest cosine between its best
    patch and those of another picture of the class; `elsewhere` the same with pictures of other
    classes (median class). `strength = (alike - elsewhere) * sqrt(share)`. A tone is as suspicious
    as it is commoner than in other classes.
    """
    features = directions(patches, np.arange(len(patches)))
    seen = _Seen(features, patches.picture, _by_class(pictures))
    return {
        (target, reason.number): (
            _weighed(reason, seen) if reason.gains is None else _of_tone(reason, reason.gains)
        )
        for target, some in reasons.items()
        for reason in some
    }


@dataclass(frozen=True)
class _Seen:
    """All patches: directions, the picture of each, and the pictures predicted as each class."""

    features: Features
    picture: NDArray[np.int32]
    classes: Mapping[int, NDArray[np.intp]]

    def best(self, rows: NDArray[np.intp], pictures: NDArray[np.intp]) -> NDArray[np.float32]:
        """(row, picture): the greatest cosine between a patch and those of a picture."""
        order = np.argsort(self.picture, kind="stable")
        first = np.searchsorted(self.picture[order], pictures)
        end = np.searchsorted(self.picture[order], pictures, side="right")
        return np.stack(
            [
                (self.features[rows] @ self.features[order[a:b]].T).max(1)
                for a, b in zip(first, end, strict=True)
            ],
            axis=1,
        )


def _by_class(pictures: Pictures) -> dict[int, NDArray[np.intp]]:
    return {
        number: np.flatnonzero(pictures.predicted == number)
        for number in np.unique(pictures.predicted).tolist()
        if number >= 0
    }


def _weighed(reason: Reason, seen: _Seen) -> Suspicion:
    picture = seen.picture[reason.patches]
    first = np.sort(np.unique(picture, return_index=True)[1])[:EXAMPLES]
    rows = reason.patches[first]
    alike = _alike(rows, seen)
    others = [number for number in seen.classes if number != reason.target]
    elsewhere = [
        float(seen.best(rows, _some(seen.classes[number], OTHERS)).mean())
        for number in _some(np.array(others, dtype=np.intp), CLASSES).tolist()
    ]
    usual = float(np.median(elsewhere)) if elsewhere else 0.0
    strength = (alike - usual) * math.sqrt(reason.share)
    parts = {
        "alike": alike,
        "elsewhere": usual,
        "share": reason.share,
        "occurrence": reason.occurrence,
        "one place": _one_place(reason, len(rows)),
        "strength": strength,
    }
    return Suspicion(_logistic(strength, *ALIKE), _sentence(parts), parts)


def _of_tone(reason: Reason, gains: tuple[float, float, float]) -> Suspicion:
    """How suspicious a tone is."""
    usual = float(np.mean(list(reason.elsewhere.values())))
    changed = [
        f"{colour} is {_share(abs(gain - 1))} {'stronger' if gain > 1 else 'weaker'}"
        for colour, gain in zip(("red", "green", "blue"), gains, strict=True)
        if abs(gain - 1) >= SLIGHT
    ]
    sentence = (
        f"In {_share(reason.occurrence)} of its pictures {' and '.join(changed)} than in other "
        f"classes, relative to green and in bright and dark parts alike; {_share(usual)} of the "
        "pictures of other classes are like that."
    )
    more = reason.occurrence - usual
    parts = {"occurrence": reason.occurrence, "elsewhere": usual, "strength": more}
    return Suspicion(_logistic(more, *TONE), sentence, parts)


def _logistic(value: float, middle: float, width: float) -> float:
    return 1 / (1 + math.exp(min((middle - value) / width, 700)))


def _alike(rows: NDArray[np.intp], seen: _Seen) -> float:
    """Mean greatest cosine with another picture of the reason; 0 where two look alike by chance."""
    if len(rows) < LEAST:
        return 0.0
    best = seen.best(rows, seen.picture[rows].astype(np.intp))
    return float(best[~np.eye(len(rows), dtype=np.bool_)].mean())


def _one_place(reason: Reason, count: int) -> float:
    """1 where all relevance is at one place, 0 where it is spread as widely as it could be."""
    places = reason.places[reason.places > 0].astype(np.float64)
    most = math.log(max(2, min(reason.places.size, len(reason.patches), max(count, 2))))
    return float(max(0.0, 1 + (places * np.log(places)).sum() / most))


def _some(numbers: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many, evenly spaced."""
    return numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), most)).astype(np.intp)]


def _sentence(parts: Mapping[str, float]) -> str:
    where = ", nearly always at the same place" if parts["one place"] > 0.5 else ""
    return (
        f"{_share(parts['share'])} of the class's relevance, in {_share(parts['occurrence'])} of "
        f"its pictures{where}, is on patches that are {_share(parts['alike'])} alike; the most "
        f"similar patches of other classes are {_share(max(parts['elsewhere'], 0))} alike."
    )


def _share(part: float) -> str:
    return f"{100 * part:.0f} %"
