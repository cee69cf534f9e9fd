"""What the model predicted of each picture, and the caption of each map."""

from __future__ import annotations

from torch import Tensor

from ..values import Answer, name_of
from .renamed import renamed


class Predictions:
    """The classes that the model gives its pictures."""

    logits: Tensor
    probabilities: Tensor | None
    class_names: tuple[str, ...]
    answers: tuple[tuple[Answer, ...], ...]
    method: str
    class_specific: bool

    def name_of(self, index: int) -> str:
        """The first name of a class, or its number if it has none."""
        return name_of(self.class_names, index)

    def top(self, picture: int = 0, count: int = 5) -> tuple[Answer, ...]:
        """The most probable classes of a picture, best first."""
        best = self.logits[picture].topk(min(count, self.logits.shape[1])).indices.tolist()
        return tuple(self.answer(picture, index) for index in best)

    def predictions(self, picture: int = 0, count: int = 5) -> tuple[tuple[str, float], ...]:
        """The most probable classes as pairs (name, probability), or logit if there are none."""
        return tuple(
            (one.name, one.value if one.probability is None else one.probability)
            for one in self.top(picture, count)
        )

    def said(self, picture: int = 0, count: int = 5) -> tuple[tuple[str, float], ...]:
        """An alias of `predictions`, for programs written before it had this name."""
        return self.predictions(picture, count)

    def answer(self, picture: int, index: int) -> Answer:
        """What the model gives for any class of one picture."""
        logit, known = float(self.logits[picture, index]), self.probabilities
        probability = None if known is None else float(known[picture, index])
        return Answer(self.name_of(index), index, logit, probability)

    @renamed(asked="target")
    def caption(self, picture: int = 0, target: int = 0) -> str:
        """What a map shows, with the probability of its class."""
        if not self.class_specific:
            return f"{self.method} does not know classes: one map for all of them"
        return self.answers[picture][target].caption
