"""From a data set's classes to the model's: by synset or name, or one to one by number."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import Final

from torch import nn

from ..datasets import describe_match, match_classes
from ..errors import RunError
from ..values import Classifier, DataSet

WIDTH: Final = 400  # characters of one line of the report


def match(classes: Sequence[Sequence[str]], classifier: Classifier) -> tuple[int | None, ...]:
    """For each class of the data set the model's class, None where it has none of that name.

    A model without class names is matched by number if it has as many classes. A data set without
    classes has none to match.

    Raises:
        RunError: If nothing matches.
    """
    if not classes:
        return ()
    if not classifier.class_names:
        outputs = _outputs(classifier.module)
        if outputs == 1:
            theirs = ", ".join(names[-1] for names in classes[:3])
            raise RunError(
                f"{classifier.name} has one logit, and of which of the data set's classes "
                f"({theirs}) is not known; name that class: --classes FILE."
            )
        if outputs != len(classes):
            raise RunError(
                f"{classifier.name}: its class names are not known, and it does not have as "
                f"many classes as the data set ({len(classes)}); name them: --classes FILE."
            )
        return tuple(range(len(classes)))
    found = match_classes(classes, classifier.class_names)
    if all(index is None for index in found):
        theirs = ", ".join(names[-1] for names in classes[:3])
        ours = ", ".join(classifier.class_names[:3])
        raise RunError(
            f"none of the data set's {len(classes)} classes ({theirs}, ...) is one of "
            f"{classifier.name}'s ({ours}, ...); name the model's classes: --classes FILE."
        )
    return found


def match_report(dataset: DataSet, classifier: Classifier) -> str:
    """How the classes that have samples were matched, as text."""
    if not dataset.classes:
        return "the pictures have no classes: only what is predicted is audited"
    known = (one for one in dataset.samples if not one.problem)
    used = sorted({each.label for one in known for each in one.each or (one,)})
    if classifier.class_names:
        text = describe_match([dataset.classes[label] for label in used], classifier.class_names)
        return "\n".join(shorten(line, WIDTH, placeholder=" ...") for line in text.splitlines())
    return "the model's class names are not known: classes are matched by their numbers"


def _outputs(module: nn.Module) -> int | None:
    """How many classes the last matrix of a module gives."""
    last = [part for part in module.modules() if isinstance(part, nn.Linear)][-1:]
    return last[0].out_features if last else None
