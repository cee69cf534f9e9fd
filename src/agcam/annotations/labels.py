"""Which classes each picture has: by its folder, by prediction, or the same for all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..datasets import DATASETS, match_classes
from ..errors import TargetError
from ..explanation import distinct, file_names
from ..images import find_pictures
from ..values import Classifier, name_of
from ..wording import printable


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
        """How the names of each picture's files begin."""
        return file_names(self.names)

    @property
    def files(self) -> Mapping[Path, tuple[str, str]]:
        """Path -> the name of a picture in the folder, and how the names of its files begin."""
        return dict(zip(self.paths, zip(self.names, self.stems, strict=True), strict=True))


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
    data = DATASETS["folder"].read(str(folder))
    model_classes(classifier)  # a model without names matches no folder
    known = match_classes(data.classes, classifier.class_names)
    shown = [names[1] if len(names) > 1 else names[0] for names in data.classes]
    refused, kept = {}, []
    for sample in data.samples:
        if sample.problem:
            refused[sample.name] = sample.problem
        elif known[sample.label] is None:
            refused[sample.name] = f"the model has no class {shown[sample.label]!r}"
        else:
            kept.append(sample)
    if not kept:
        raise TargetError(
            f"{classifier.name} knows none of the {len(shown)} class folders in "
            f"{printable(folder)}: {', '.join(shown[:3])}."
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
    return tuple(distinct([printable(name) for name in names]))
