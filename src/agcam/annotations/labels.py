"""Which classes each picture has: by its folder, by prediction, or the same for all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple

from ..datasets import DATASETS, match_classes, why_unmatched
from ..datasets.checked import repeated
from ..errors import DataSetError, TargetError
from ..explanation import distinct, slug
from ..images import find_pictures
from ..values import Classifier, name_of
from ..wording import printable

SOURCES: Final = ("folders", "predicted")


class File(NamedTuple):
    """A picture's name in the folder, how its files' names begin, and its labels if known."""

    name: str
    stem: str
    labels: tuple[int, ...] | None


@dataclass(frozen=True)
class Labelled:
    """The pictures to annotate: their paths, names in the folder, and targets.

    `labels` are the numbers of each picture's classes; None if they are predicted. `refused` are
    pictures without a class, with the reason.
    """

    paths: tuple[Path, ...]
    names: tuple[str, ...]
    targets: Any
    labels: tuple[tuple[int, ...], ...] | None
    classes: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def stems(self) -> list[str]:
        """How the names of each picture's files begin: those of one name have their folder's too.

        So further pictures change few of them.
        """
        own = [slug(PurePath(name).stem, keep_case=True) for name in self.names]
        shared = repeated(stem.casefold() for stem in own)
        return distinct(
            [
                slug(
                    str(PurePath(name).with_suffix("")) if stem.casefold() in shared else stem,
                    keep_case=True,
                )
                or f"picture-{number}"
                for number, (name, stem) in enumerate(zip(self.names, own, strict=True), 1)
            ]
        )

    @property
    def files(self) -> Mapping[Path, File]:
        """What is to be known of each picture before it is annotated."""
        labels = self.labels or (None,) * len(self.paths)
        rows = zip(self.names, self.stems, labels, strict=True)
        return dict(zip(self.paths, (File(*row) for row in rows), strict=True))


def labelled(folder: Path, labels: str | Sequence[str], classifier: Classifier) -> Labelled:
    """The pictures of a folder and their classes.

    Raises:
        TargetError: the model knows none of the classes.
        DataSetError: no picture is in a folder of its class.
        PictureError: there is no picture.
    """
    if labels == "folders":
        return _by_folder(folder, classifier)
    paths = tuple(find_pictures([folder]))
    names = tuple(os.path.relpath(path, folder) for path in paths)
    if labels == "predicted":
        return Labelled(paths, names, None, None, model_classes(classifier))
    given = names_in(labels, classifier.class_names)
    if not given:
        raise TargetError("labels are folders, predicted, or names of classes.")
    every = tuple(range(len(given)))
    targets = [list(given)] * len(paths)
    return Labelled(paths, names, targets, (every,) * len(paths), _shown(given))


def names_in(labels: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The names of classes, which a text has between commas; one that is `known` may have some.

    A text is read with as few unknown names as possible, then as few names. Raises TargetError
    where two readings are left.
    """
    if not isinstance(labels, str):
        return tuple(name.strip() for name in labels if name.strip())
    parts, classes = labels.split(","), {name.strip() for name in known}
    readings = {len(parts): ((0, 0), [tuple[str, ...]()])}  # of what is behind a comma, and costs
    for start in reversed(range(len(parts))):
        found: dict[tuple[int, int], list[tuple[str, ...]]] = {}
        for end in range(start + 1, len(parts) + 1):
            name = ",".join(parts[start:end]).strip()
            if end == start + 1 or name in classes:
                (unknown, count), rest = readings[end]
                cost = (unknown + (name not in classes), count + 1)
                found.setdefault(cost, []).extend((name, *others) for others in rest)
        least = min(found)
        readings[start] = least, found[least][:2]
    first, *others = readings[0][1]
    if others:
        raise TargetError(
            f"{printable(labels)} may be {' + '.join(first)} or {' + '.join(others[0])}; in Python "
            "labels=[NAME, NAME] says which."
        )
    return tuple(name for name in first if name)


def model_classes(classifier: Classifier) -> tuple[str, ...]:
    """The first name of each class of the model; TargetError if they are not known."""
    names = classifier.class_names
    if not names:
        raise TargetError(
            f"{classifier.name}: the names of its classes are not known; give classes= (--classes "
            "FILE)."
        )
    return _shown([name_of(names, index) for index in range(len(names))])


def _by_folder(folder: Path, classifier: Classifier) -> Labelled:
    try:
        data = DATASETS["folder"].read(str(folder))
    except DataSetError as error:
        raise DataSetError(
            f"{error} Without class folders: labels=predicted, or names of classes (--labels)."
        ) from error
    model_classes(classifier)  # a model without names matches no folder
    known = match_classes(data.classes, classifier.class_names)
    shown = [names[1] if len(names) > 1 else names[0] for names in data.classes]
    why = why_unmatched(data.classes, classifier.class_names)
    refused, kept = {}, []
    for sample in data.samples:
        if sample.problem:
            refused[sample.name] = sample.problem
        elif known[sample.label] is None:
            refused[sample.name] = why[sample.label]
        else:
            kept.append(sample)
    if not kept:
        causes = list(dict.fromkeys(refused.values()))
        raise TargetError(
            f"{classifier.name} knows the class of no picture in {printable(folder)}: "
            f"{'; '.join(causes[:3])}{' ...' if len(causes) > 3 else ''}."
        )
    return Labelled(
        tuple(Path(sample.address) for sample in kept),
        tuple(sample.name for sample in kept),
        [[known[sample.label]] for sample in kept],
        tuple((sample.label,) for sample in kept),
        _shown(shown),
        refused,
    )


def _shown(names: Sequence[str]) -> tuple[str, ...]:
    """Names that every format can hold; equal ones are numbered."""
    return tuple(distinct([printable(name) for name in names], key=str))
