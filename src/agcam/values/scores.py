"""From what a model gives to what is said of it: probabilities where it has any, else numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Int
from torch import Tensor

from ..errors import ModelError
from .model import Classifier, Scores

ROUNDING: Final = 1e-3  # of probabilities in half precision
MEANING: Final[dict[Scores, str]] = {
    "softmax": "",
    "sigmoid": "each class has a probability of its own; they need not add up to 100 %",
    "none": "this model gives numbers, not probabilities",
    "probability": "this model gives probabilities itself",
}
"""What a reader must know of the numbers beside class names."""


@dataclass(frozen=True)
class Answer:
    """What a model gives for one target of one picture.

    `index` is the class's number, None where the target is no class; `value` is what its map
    explains (the logit, or the function's value). `probability` is None where there is none;
    `baseline` is what a random guess among classes that compete would give.
    """

    name: str
    index: int | None
    value: float
    probability: float | None = None
    baseline: float | None = None

    @property
    def score(self) -> str:
        """As text: 97.0 %, or logit 0.8 where there is no probability, or value 0.3."""
        if self.probability is not None:
            return percent(self.probability)
        return f"{'value' if self.index is None else 'logit'} {self.value:.4g}"

    @property
    def judged(self) -> str:
        """The score, and whether a random guess would give more."""
        probability, baseline = self.probability, self.baseline
        low = probability is not None and baseline is not None and probability < baseline
        return f"{self.score}, less than a random guess" if low else self.score

    @property
    def caption(self) -> str:
        """What a map of it shows, and how much the model believes it."""
        return f"what speaks for {self.name} ({self.judged})"


def percent(part: float) -> str:
    """A probability as text, never a zero that is none."""
    return "< 0.1 %" if 0 < part < 0.0005 else f"{100 * part:.1f} %"


def kind_of(classifier: Classifier, classes: int) -> Scores:
    """How the logits of so many classes become probabilities.

    One logit alone has no softmax: it is a sigmoid's, or, of one text prompt, a mere similarity.
    """
    if classifier.scores == "softmax" and classes == 1:
        return "sigmoid" if classifier.with_prompts is None else "none"
    return classifier.scores


def probabilities_of(classifier: Classifier, logits: Tensor) -> Tensor | None:
    """Probabilities (batch, class), at least float32, or None where there are none.

    Raises ModelError where the outputs are taken for probabilities, and cannot be.
    """
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
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
            f"{classifier.name}: outputs from {low:.3g} to {high:.3g} are no probabilities; say "
            'scores="softmax", "sigmoid" or "none" (--scores).'
        )
    return exact


def predicted(classifier: Classifier, logits: Tensor) -> Int[Tensor, " batch"]:
    """The best class of each row; -1 where a class that stands alone is not the answer."""
    best = logits.argmax(-1)
    probabilities = probabilities_of(classifier, logits)
    if probabilities is None or logits.shape[-1] > 1:
        return best
    return best.masked_fill(probabilities[..., 0] <= 0.5, -1)


def split(classifier: Classifier, columns: Tensor) -> tuple[Tensor, Tensor]:
    """What a classifier gives, as logits (batch, class) and scalars (batch, scalar)."""
    classes = columns.shape[-1] - len(classifier.scalars)
    return columns[..., :classes], columns[..., classes:]


def weights_of(classifier: Classifier, columns: Tensor) -> Tensor:
    """For each column how strongly the model holds it: its probability, else the value itself."""
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


def answers_of(classifier: Classifier, columns: Tensor, asked: Sequence[int]) -> tuple[Answer, ...]:
    """What the model gives for some columns (class, then scalar) of one picture's row."""
    classes = len(columns) - len(classifier.scalars)
    known = probabilities_of(classifier, columns[None, :classes]) is not None
    weights, baseline = weights_of(classifier, columns), None
    if known and kind_of(classifier, classes) == "softmax":
        baseline = 1 / classes
    found = []
    for column in asked:
        value, weight = float(columns[column]), float(weights[column])
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
    """A class in words: its first name, or its number."""
    return names[index].split(",")[0] if names else f"class {index}"
