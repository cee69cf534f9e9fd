"""What the page shows right now, and the link that says it again elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode

from ..values import Classifier
from .offered import OFFERED
from .panels import Look
from .reading import Question

PROMPTS = ("a photo of a person", "a photo of an animal", "a photo of food", "a photo of a place")


@dataclass(frozen=True)
class State:
    """Everything a link holds: never the picture, only the name of an example."""

    model: str
    method: str = "agcam"
    target: int | None = None
    threshold: float = 0.5
    opacity: float = 0.5
    boxes: bool = False
    heads: bool = False
    prompts: tuple[str, ...] = PROMPTS
    example: str = ""

    @classmethod
    def of(
        cls,
        example: str,
        model: str,
        method: str,
        chosen: Any,
        prompts: str,
        threshold: float,
        opacity: float,
        boxes: bool,
        heads: bool,
    ) -> State:
        """From the values of the page's components, in the order of `Parts.asked`."""
        return cls(
            model=model,
            method=OFFERED[method].name,
            target=chosen if isinstance(chosen, int) else None,
            threshold=float(threshold),
            opacity=float(opacity),
            boxes=bool(boxes),
            heads=bool(heads),
            prompts=tuple(str(prompts or "").splitlines()),
            example=example,
        )

    @property
    def look(self) -> Look:
        """How the map is shown."""
        return Look(self.threshold, self.opacity, self.boxes)

    def question(self, classifier: Classifier) -> Question:
        """What is asked of the desk."""
        return Question(self.model, self.method, self.target, self.asked(classifier))

    def asked(self, classifier: Classifier) -> tuple[str, ...]:
        """The descriptions, where the model compares pictures with words."""
        return self.prompts if needs_words(classifier) else ()

    def link(self, classifier: Classifier) -> str:
        """The query string that brings this state back."""
        pairs: list[tuple[str, Any]] = [("model", self.model), ("method", self.method)]
        if self.target is not None:
            pairs.append(("class", self.target))
        pairs += [("threshold", f"{self.threshold:g}"), ("opacity", f"{self.opacity:g}")]
        if self.boxes:
            pairs.append(("boxes", 1))
        if self.heads:
            pairs.append(("heads", 1))
        pairs += [("prompt", text) for text in self.asked(classifier)]
        if self.example:
            pairs.append(("example", self.example))
        return "?" + urlencode(pairs)


def needs_words(classifier: Classifier) -> bool:
    """Whether a model has no classes of its own, only descriptions that somebody gives."""
    return classifier.with_prompts is not None and not classifier.class_names


def restored(query: str, start: State, models: dict[str, Classifier], known: Any) -> State:
    """The state that a link holds; what does not fit this server is left as it starts."""
    fields = parse_qs(query.lstrip("?")[:8000], max_num_fields=200)
    first = {name: values[0] for name, values in fields.items()}
    state = start
    if first.get("model") in models:
        state = replace(state, model=first["model"])
    if first.get("method") in OFFERED:
        state = replace(state, method=first["method"])
    number = first.get("class", "")
    if number.isdecimal() and int(number[:9]) < len(models[state.model].class_names):
        state = replace(state, target=int(number[:9]))
    if first.get("example") in known:
        state = replace(state, example=first["example"])
    if "prompt" in fields:
        state = replace(state, prompts=tuple(fields["prompt"]))
    return replace(
        state,
        threshold=_share(first.get("threshold"), start.threshold),
        opacity=_share(first.get("opacity"), start.opacity),
        boxes=first.get("boxes") == "1",
        heads=first.get("heads") == "1",
    )


def _share(text: str | None, otherwise: float) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return otherwise
    return value if 0 <= value <= 1 else otherwise
