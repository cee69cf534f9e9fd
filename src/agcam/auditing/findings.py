"""What a scan shows of a model on a data set: each class's reasons, and how suspicious they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..errors import RunError
from ..evaluation import Setup
from ..records import Estimate, Failure
from ..values import Frame, Grid, Sample, name_of
from .doubts import doubts
from .exclusive import Exclusive, exclusives
from .mistakes import Pair, Suspect, label_suspects, outliers, pairs
from .reasons import reasons_of
from .seen import Seen
from .suspicion import suspicions, tested
from .truth import Groups, groups
from .values import Intervention, Patches, Pictures, Reason, Suspicion, mean_of
from .verdicts import Verdict, matched

NO_CLASS: Final = "none of the classes"
SUSPICIOUS: Final = 0.5  # a score from which a reason is tested, and shown first


@dataclass(frozen=True, eq=False)
class Findings:
    """One model on one data set.

    Attributes:
        reasons: By class, the largest share first.
        suspicion: By class and number of the reason.
        failures: What could not be scanned, and why.
        verdicts: By class and number, what a reader made of reasons.
        interventions: By class and number, of the most suspicious reasons.
        exclusive: By class, what it alone shows.
    """

    setup: Setup
    pictures: Pictures
    patches: Patches
    reasons: Mapping[int, tuple[Reason, ...]]
    suspicion: Mapping[tuple[int, int], Suspicion]
    failures: tuple[Failure, ...]
    verdicts: Mapping[tuple[int, int], Verdict] = field(default_factory=dict)
    interventions: Mapping[tuple[int, int], tuple[Intervention, ...]] = field(default_factory=dict)
    exclusive: Mapping[int, Exclusive] = field(default_factory=dict)

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
        return name_of(names, target) if target >= 0 else NO_CLASS

    def sample(self, row: int) -> Sample:
        """The sample of a row of `pictures`."""
        return self.setup.dataset.samples[int(self.pictures.number[row])]

    def labelled_sample(self, row: int) -> Sample:
        """The sample of a picture and its label, by which its annotation is known."""
        return self.setup.sample_of(self.sample(row), int(self.pictures.label[row]))

    def frame(self, row: int) -> Frame:
        """What the model saw of a picture."""
        width, height, left, top, right, bottom = self.pictures.frame[row].tolist()
        return Frame(round(width), round(height), (left, top, right, bottom))

    def labelled(self, target: int) -> NDArray[np.intp]:
        """Rows of the pictures of a class."""
        return np.flatnonzero(self.pictures.label == target)

    def called(self, target: int) -> NDArray[np.intp]:
        """Rows of the pictures that are predicted as a class."""
        return np.flatnonzero(self.pictures.predicted == target)

    def accuracy(self, target: int | None = None) -> Estimate:
        """Of a class's pictures, or of all that have a label, with a bootstrap interval."""
        right, labelled = self.pictures.right, self.pictures.labelled
        return mean_of(right[labelled if target is None else self.labelled(target)])

    @cached_property
    def ranked(self) -> tuple[Reason, ...]:
        """All reasons, the most suspicious first."""
        return tuple(sorted(self._all(), key=lambda one: -self.score(one)))

    def score(self, reason: Reason) -> float:
        """How suspicious a reason is."""
        return self.suspicion[reason.target, reason.number].score

    def is_suspicious(self, reason: Reason) -> bool:
        """Whether a reason is to be tested, and shown first."""
        return self.score(reason) >= SUSPICIOUS and not self.is_fine(reason)

    def is_fine(self, reason: Reason) -> bool:
        """Whether a reader found that it is the object."""
        verdict = self.verdicts.get((reason.target, reason.number))
        return verdict is not None and verdict.verdict == "fine"

    def with_verdicts(self, verdicts: tuple[Verdict, ...]) -> Findings:
        """The same, with what a reader made of the reasons."""
        examples = {
            one: tuple(self.sample(row).name for row in self.rows_of(one)) for one in self.ranked
        }
        names = {one.target: self.name(one.target) for one in self.ranked}
        return replace(self, verdicts=matched(verdicts, examples, names))

    def with_tests(self, tests: Mapping[tuple[int, int], tuple[Intervention, ...]]) -> Findings:
        """The same, after interventions: a reason that changes nothing is no longer suspicious."""
        weighed = {key: tested(one, tests.get(key, ())) for key, one in self.suspicion.items()}
        return replace(self, interventions=tests, suspicion=weighed)

    def attention(self, target: int) -> float:
        """How suspicious a class is: its most suspicious reason that nobody found fine."""
        reasons = self.reasons.get(target, ())
        return max((self.score(one) for one in reasons if not self.is_fine(one)), default=0.0)

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Why the numbers say less than they seem to, if they do."""
        return doubts(self)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of classes that are confused most often."""
        return pairs(self.pictures)

    @cached_property
    def label_suspects(self) -> tuple[Suspect, ...]:
        """Labels that may be wrong."""
        return label_suspects(self.pictures)

    @cached_property
    def outliers(self) -> tuple[Suspect, ...]:
        """Pictures most unlike their class."""
        return outliers(self.pictures, self.patches)

    def groups(self, target: int | None = None) -> Groups | None:
        """Right and wrong, inside and outside the annotated object, of a class or of all."""
        every = np.arange(len(self.pictures))
        return groups(self.pictures, every if target is None else self.labelled(target))

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
    seen = Seen(pictures, patches)
    predicted = [number for number in np.unique(pictures.predicted).tolist() if number >= 0]
    try:
        exclusive = exclusives(seen)
        reasons = {one: reasons_of(one, seen, grid, exclusive.get(one)) for one in predicted}
    except ImportError as error:
        raise RunError(f'an audit needs {error.name}: pip install "agcam[audit]"') from error
    weighed = suspicions(reasons, seen, exclusive)
    return Findings(setup, pictures, patches, reasons, weighed, failures, exclusive=exclusive)
