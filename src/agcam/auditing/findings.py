"""What a scan shows of a model on a data set: each class's reasons, and how suspicious they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import RunError
from ..evaluation import Setup
from ..records import Estimate, Failure
from ..records.summary import estimates
from ..values import Grid, Sample, name_of
from .reasons import reasons_of
from .suspicion import suspicions
from .values import Patches, Pictures, Reason, Suspicion


@dataclass(frozen=True, eq=False)
class Findings:
    """One model on one data set.

    Attributes:
        reasons: By class, the largest share first.
        suspicion: By class and number of the reason.
        failures: What could not be scanned, and why.
    """

    setup: Setup
    pictures: Pictures
    patches: Patches
    reasons: Mapping[int, tuple[Reason, ...]]
    suspicion: Mapping[tuple[int, int], Suspicion]
    failures: tuple[Failure, ...]

    @cached_property
    def grid(self) -> Grid:
        """The patches of the maps."""
        rows, columns = self.pictures.predicted_map.shape[1:]
        return Grid(rows, columns, 0)

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """The model's classes that have pictures, by label or prediction."""
        both = np.concatenate([self.pictures.label, self.pictures.predicted])
        return tuple(number for number in np.unique(both).tolist() if number >= 0)

    @cached_property
    def without_pictures(self) -> tuple[str, ...]:
        """Classes of the data set that the model knows and that no scanned picture has."""
        known = {number for number in self.setup.classes if number is not None}
        return tuple(self.name(n) for n in sorted(known - set(self.pictures.label.tolist())))

    def name(self, target: int) -> str:
        """What a class is called."""
        names = self.setup.classifier.class_names
        return name_of(names, target) if target >= 0 else "none of the classes"

    def sample(self, row: int) -> Sample:
        """The sample of a row of `pictures`."""
        return self.setup.dataset.samples[int(self.pictures.number[row])]

    def labelled(self, target: int) -> NDArray[np.intp]:
        """Rows of the pictures of a class."""
        return np.flatnonzero(self.pictures.label == target)

    def called(self, target: int) -> NDArray[np.intp]:
        """Rows of the pictures that are predicted as a class."""
        return np.flatnonzero(self.pictures.predicted == target)

    def accuracy(self, target: int | None = None) -> Estimate:
        """Of a class's pictures, or of all, with a bootstrap interval."""
        right = self.pictures.right
        return mean_of(right if target is None else right[self.labelled(target)])

    @cached_property
    def ranked(self) -> tuple[Reason, ...]:
        """All reasons, the most suspicious first."""
        return tuple(sorted(self._all(), key=lambda one: -self.score(one)))

    def score(self, reason: Reason) -> float:
        """How suspicious a reason is."""
        return self.suspicion[reason.target, reason.number].score

    def attention(self, target: int) -> float:
        """How suspicious a class is: its most suspicious reason."""
        return max((self.score(one) for one in self.reasons.get(target, ())), default=0.0)

    def rows_of(self, reason: Reason) -> NDArray[np.intp]:
        """Rows of the pictures in which a reason occurs, best example first."""
        rows = self.patches.picture[reason.patches]
        return np.array(list(dict.fromkeys(rows.tolist())), dtype=np.intp)

    def _all(self) -> Iterator[Reason]:
        for some in self.reasons.values():
            yield from some


def find(
    setup: Setup, pictures: Pictures, patches: Patches, failures: tuple[Failure, ...]
) -> Findings:
    """Cluster each class's patches and weigh what is found.

    Raises:
        RunError: scikit-learn is not installed.
    """
    rows, columns = pictures.predicted_map.shape[1:]
    grid = Grid(rows, columns, 0)
    predicted = [number for number in np.unique(pictures.predicted).tolist() if number >= 0]
    try:
        reasons = {one: reasons_of(one, pictures, patches, grid) for one in predicted}
    except ImportError as error:
        raise RunError(f'an audit needs {error.name}: pip install "agcam[audit]"') from error
    weighed = suspicions(reasons, pictures, patches)
    return Findings(setup, pictures, patches, reasons, weighed, failures)


def mean_of(values: NDArray[np.generic]) -> Estimate:
    """The mean of some pictures' numbers, NaN left aside, with a 95 % bootstrap interval."""
    return estimates(np.asarray(values, dtype=np.float64)[:, None])[0]
