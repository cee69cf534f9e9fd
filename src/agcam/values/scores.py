"""From what a model gives to answers: probabilities if it has any, else the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import ModelError
from .model import Classifier, Scores
from .precision import precise

ROUNDING: Final = 1e-3  # of probabilities in half precision
MEANING: Final[dict[Scores, str]] = {
    "softmax": "",
    "sigmoid": "each class has a probability of its own; they need not add up to 100 %",
    "none": "this model gives numbers, not probabilities",
    "probability": "this model gives probabilities itself",
}
"""What a reader must know about the numbers beside class names."""


@dataclass(frozen=True)
class Answer:
    """What a model gives for one target of one picture.

    Attributes:
        name: Of the class or function.
        index: The number of the class, None if the target is not a class.
        value: What the map explains: the logit, or the value of the function.
        probability: None if the model has none.
        baseline: What a random guess gives among classes that compete.
    """

    name: str
    index: int | None
    value: float
    probability: float | None = None
    baseline: float | None = None

    @property
    def score(self) -> str:
        """The probability as text ("97.0 %"), else "logit 0.8", or "value 0.3" of a function."""
        if self.probability is not None:
            return percent(self.probability)
        return f"{'value' if self.index is None else 'logit'} {self.value:.4g}"

    @property
    def judged(self) -> str:
        """The score, with a remark if a random guess gives more."""
        probability, baseline = self.probability, self.baseline
        low = probability is not None and baseline is not None and probability < baseline
        return f"{self.score}, less than a random guess" if low else self.score

    @property
    def caption(self) -> str:
        """What its map shows, and its score."""
        return f"what speaks for {self.name} ({self.judged})"


def percent(part: float) -> str:
    """A probability as text; one above zero is never shown as 0.0 %."""
    return "< 0.1 %" if 0 < part < 0.0005 else f"{100 * part:.1f} %"


def kind_of(classifier: Classifier, classes: int) -> Scores:
    """How the logits of so many classes become probabilities.

    A single logit has no softmax: it is a sigmoid's, or the similarity to one text prompt.
    """
    if classifier.scores == "softmax" and classes == 1:
        return "sigmoid" if classifier.with_prompts is None else "none"
    return classifier.scores


def probabilities_of(classifier: Classifier, logits: Tensor) -> Tensor | None:
    """Probabilities (batch, class), at least float32, or None if there are none.

    Raises:
        ModelError: The outputs are taken for probabilities, and are out of their range.
    """
    exact = precise(logits)
    kind = kind_of(classifier, logits.shape[-1])
    if not logits.shape[-1] or kind == "none":
        return None
    if kind == "sigmoid":
        return exact.sigmoid()
    if kind == "softmax":
        return exact.softmax(-1)
    low, high = float(exact.min()), float(exact.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise ModelError(
            f"{classifier.name}: outputs from {low:.3g} to {high:.3g} are not probabilities; give "
            'scores="softmax", "sigmoid" or "none" (--scores).'
        )
    return exact


def predicted(classifier: Classifier, logits: Tensor) -> Int[Tensor, " batch"]:
    """The best class of each row; -1 if the only class has a probability of at most 0.5."""
    best = logits.argmax(-1)
    probabilities = probabilities_of(classifier, logits)
    if probabilities is None or logits.shape[-1] > 1:
        return best
    return best.masked_fill(probabilities[..., 0] <= 0.5, -1)


def split(classifier: Classifier, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The columns that a classifier gives, as logits (batch, class) and scalars (batch, scalar)."""
    classes = columns.shape[-1] - len(classifier.scalars)
    return columns[..., :classes], columns[..., classes:]


def weights_of(classifier: Classifier, columns: Tensor) -> Tensor:
    """The weight of each column, by which black-box methods judge: probability, else value."""
    logits, scalars = split(classifier, columns)
    probabilities = probabilities_of(classifier, logits)
    sides = [
        scalars[..., place]
        if probabilities is None or scalar.other_side is None
        else 1 - probabilities[..., scalar.other_side]
        for place, scalar in enumerate(classifier.scalars)
    ]
    held = logits if probabilities is None else probabilities
    return torch.cat([held, *(side.to(held.dtype)[..., None] for side in sides)], dim=-1)


def answers_of(classifier: Classifier, row: Tensor, target: Sequence[int]) -> tuple[Answer, ...]:
    """The answers for some columns of one picture's row (classes, then scalars)."""
    classes = len(row) - len(classifier.scalars)
    known = probabilities_of(classifier, row[None, :classes]) is not None
    weights, baseline = weights_of(classifier, row), None
    if known and kind_of(classifier, classes) == "softmax":
        baseline = 1 / classes
    found = []
    for column in target:
        value, weight = float(row[column]), float(weights[column])
        if column < classes:
            name = name_of(classifier.class_names, column)
            probability = weight if known else None
            found.append(Answer(name, column, value, probability, baseline))
        else:
            scalar = classifier.scalars[column - classes]
            side = known and scalar.other_side is not None
            found.append(Answer(scalar.name, None, value, weight if side else None))
    return tuple(found)


def name_of(names: Sequence[str], index: int) -> str:
    """The first name of a class, all of them if another begins alike; its number if it has none."""
    if not names:
        return f"class {index}"
    first, comma, _ = names[index].partition(",")
    return names[index] if comma and first in _shared(tuple(names)) else first


@lru_cache(maxsize=8)
def _shared(names: tuple[str, ...]) -> frozenset[str]:
    """First names that several classes have."""
    counts = Counter(name.partition(",")[0] for name in names)
    return frozenset(name for name, count in counts.items() if count > 1)
