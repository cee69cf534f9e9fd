"""What makes an audit say less than it seems to: a model that knows little, few pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from .reasons import LEAST

if TYPE_CHECKING:
    from .findings import Findings

FAILED: Final = 0.1  # of the pictures, from which their share is a doubt
NAMED: Final = 3  # classes that are named
SCARCE: Final = 10  # pictures of a class: of fewer some marks are not found
FOUND: Final = "of marks planted in half to all of five pictures, about three in four were found"


def doubts(found: Findings) -> tuple[str, ...]:
    """One sentence for each reason not to trust the numbers, the gravest first."""
    return (*_of_predictions(found), *_of_pictures(found))


def _of_predictions(found: Findings) -> Iterator[str]:
    pictures, labels = found.pictures, _labels(found)
    if not labels:
        yield (
            "The pictures have no labels: classes are those that the model predicts, and whether "
            "it is right is not known."
        )
    elif len(labels) == 1:
        yield (
            f"All pictures are of one class, {found.name(next(iter(labels)))}: there is nothing to "
            "compare its reasons with."
        )
    else:
        yield from _beside_the_usual(found, labels)
    classes = np.unique(pictures.predicted)
    if len(classes) == 1 and len(pictures) > 1:
        yield (
            f"Every picture is predicted as {found.name(int(classes[0]))}: nothing sets its "
            "reasons apart from those of other classes."
        )


def _labels(found: Findings) -> Counter[int]:
    """How many pictures have each class; a picture may have several."""
    classes = Counter[int]()
    for row in np.flatnonzero(found.pictures.labelled).tolist():
        each = found.sample(row).each
        several = {found.setup.class_of(one) for one in each} or {int(found.pictures.label[row])}
        classes.update(one for one in several if one is not None)
    return classes


def _beside_the_usual(found: Findings, labels: Counter[int]) -> Iterator[str]:
    """Whether the model does better than one that always predicts the most frequent class."""
    (usual, count), accuracy = labels.most_common(1)[0], found.accuracy()
    most = count / accuracy.number
    if accuracy.low <= most:
        yield (
            f"The model is right in {_percent(accuracy.mean)} of the pictures "
            f"({_percent(accuracy.low)} to {_percent(accuracy.high)}): no better, as far as these "
            f"pictures show, than to predict {found.name(usual)} always "
            f"({_percent(most)}). What speaks for its classes says little."
        )


def _of_pictures(found: Findings) -> Iterator[str]:
    targets, counts = np.unique(found.pictures.predicted, return_counts=True)
    few = [found.name(int(one)) for one in targets[counts < LEAST] if one >= 0]
    if few:
        yield (
            f"{_are(few)} predicted in fewer than {LEAST} pictures ({_names(few)}): too few to see "
            f"what speaks for {'them' if len(few) > 1 else 'it'}."
        )
    scarce = targets[(counts >= LEAST) & (counts < SCARCE)]
    some = [found.name(int(one)) for one in scarce if one >= 0]
    if some:
        yield (
            f"{_are(some)} predicted in fewer than {SCARCE} pictures ({_names(some)}): a mark on a "
            f"few of them may not be found ({FOUND})."
        )
    absent = _absent(found)
    if absent and found.pictures.labelled.any():
        count = len(found.setup.classifier.class_names)
        have = "have" if len(absent) > 1 else "has"
        names = _names(absent)
        yield f"{len(absent)} of the model's {count} classes {have} no pictures here ({names})."
    missing = {failure.sample for failure in found.failures} - set(found.pictures.number.tolist())
    share = len(missing) / (len(missing) + len(found.pictures))
    if share >= FAILED:
        yield f"{_percent(share)} of the pictures could not be audited; failures.csv has why."


def _absent(found: Findings) -> list[str]:
    """The model's classes that no picture has."""
    labels = _labels(found)
    names = range(len(found.setup.classifier.class_names))
    return [found.name(number) for number in names if number not in labels]


def _are(classes: list[str]) -> str:
    return f"{len(classes)} class{'es are' if len(classes) > 1 else ' is'}"


def _names(classes: list[str]) -> str:
    """The first few, as they stand in brackets."""
    return ", ".join(classes[:NAMED]) + (", ..." if len(classes) > NAMED else "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
