"""A model of one logit as a classifier of two classes: its own, and whatever is not of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ..datasets import match_classes
from ..errors import RunError
from ..values import Classifier
from .match import match


class _Predict(Protocol):
    def __call__(self, pixels: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class TwoSides:
    """Half the logit for its class, minus that for the other: their softmax is the sigmoid."""

    predict: _Predict

    def __call__(self, pixels: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        logit = self.predict(pixels) / 2
        return torch.cat([logit, -logit], dim=-1)


def match_sides(
    classes: Sequence[Sequence[str]], classifier: Classifier
) -> tuple[Classifier, tuple[int | None, ...]]:
    """For each class of a data set the model's; a model of one named class becomes one of two.

    The other side is named after the data set's other class where there is one only. Any class
    that is not the model's own is the other side.

    Raises:
        RunError: None of the data set's classes is the model's.
    """
    if len(classifier.class_names) != 1 or classifier.scores != "sigmoid":
        return classifier, match(classes, classifier)
    own = classifier.class_names[0]
    found = match_classes(classes, classifier.class_names)
    if classes and all(one is None for one in found):
        theirs = ", ".join(names[-1] for names in classes[:3])
        raise RunError(
            f"{classifier.name} has one logit, of {own}, which is none of the data set's classes "
            f"({theirs}); name it after one of them: --classes FILE."
        )
    others = [names[-1] for names, one in zip(classes, found, strict=True) if one is None]
    other = others[0] if len(others) == 1 else f"not {own}"
    made = replace(
        classifier,
        predict=TwoSides(classifier.predict),
        class_names=(own, other),
        scores="softmax",
        variant=("two sides", classifier.variant),
    )
    return made, tuple(1 if one is None else one for one in found)
