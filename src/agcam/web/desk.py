"""One picture on the desk: recorded once, asked about any class as often as somebody likes.

No page, no protocol: bytes and names in, Explanations out. The page and its downloads use it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..binding import bind
from ..errors import PictureError, TargetError, UnknownNameError
from ..explainer import explain_in_slices, explain_recording
from ..explanation import Explanation
from ..images import Prepared, open_picture, prepare_picture
from ..methods.agcam import contributions
from ..methods.costs import cost_of
from ..registry import did_you_mean
from ..tracing import Session, evaluation_mode
from ..values import Classifier, Method, ReadTrace, preparation_notes
from .gate import Slices, nothing
from .limits import Limits
from .offered import OFFERED
from .reading import Question, Reading, read
from .store import Key, Store

SHOWN_SIDE: Final = 800  # pixels of the longer side on the page
SLICE: Final = 8.0  # forward passes after which others get their turn
PROMPT: Final = 0.25  # forward passes that reading one description takes, about
SHARE: Final = 4  # no reading takes more than this part of the memory


@dataclass(frozen=True)
class Sitting:
    """A picture as it came (`data`), as it is shown, and its last reading."""

    data: bytes
    name: str
    size: tuple[int, int]
    shown: Image.Image
    reading: Reading | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held for this picture."""
        width, height = self.shown.size
        read = 0 if self.reading is None else self.reading.nbytes
        return len(self.data) + 3 * width * height + read


class Desk:
    """Models that are loaded, and the pictures that visitors have laid before them."""

    def __init__(self, models: Mapping[str, Classifier], limits: Limits | None = None) -> None:
        self.models = dict(models)
        self.limits = limits or Limits()
        self.store: Store[Sitting] = Store(self.limits)

    def open(self, data: bytes) -> Image.Image:
        """A picture within the limits, upright, RGB; raises PictureError."""
        return open_picture(self._limited(data), max_pixels=self.limits.pixels)

    def _limited(self, data: bytes) -> bytes:
        if len(data) > self.limits.upload_bytes:
            raise PictureError(
                f"the picture has {len(data) / 1e6:.0f} MB, more than "
                f"{self.limits.upload_bytes / 1e6:.0f} MB; make it smaller first"
            )
        return data

    def lay(self, visitor: str, data: bytes, name: str) -> str:
        """Open a picture and keep it for this visitor; returns the name it is asked for by."""
        picture = self.open(data)
        key = secrets.token_urlsafe(16)
        self.store.put((visitor, key), Sitting(data, name, picture.size, _small(picture)))
        return key

    def sitting(self, key: Key) -> Sitting:
        """The picture of one visitor; raises PictureError where it is not (or no longer) there."""
        found = self.store.get(key)
        if found is None:
            minutes = self.limits.kept_seconds / 60
            raise PictureError(
                f"this picture is no longer in memory: pictures are kept for {minutes:.0f} minutes "
                "and then forgotten. Give it again."
            )
        return found

    def classifier(self, model: str, prompts: Sequence[str] = ()) -> Classifier:
        """One of the models that this server was started with; raises UnknownNameError."""
        if model not in self.models:
            hint = did_you_mean(model, self.models, ", ".join(self.models))
            raise UnknownNameError(f"this server has no model {model!r}; {hint}")
        classifier = self.models[model]
        if classifier.with_prompts is None or (classifier.class_names and not prompts):
            return classifier
        return classifier.with_prompts(self._prompts(prompts))

    def explain(self, key: Key, question: Question) -> Explanation:
        """Answer from the recording, on the picture in the size in which the page shows it."""
        sitting = self.sitting(key)
        full = self._answer(key, sitting, question)
        return replace(full, pictures=(sitting.shown,)).shrunk(SHOWN_SIDE)

    def explain_whole(self, key: Key, question: Question) -> Explanation:
        """The same on the original picture's own pixels, for downloads."""
        sitting = self.sitting(key)
        full = self._answer(key, sitting, question)
        return replace(full, pictures=(self.open(sitting.data),))

    def explain_once(
        self, data: bytes, classifier: Classifier, target: Any, method: Method
    ) -> Slices[Explanation]:
        """Explain a picture that is not kept, slice by slice, drawn in the page's size."""
        prepared = self._prepared(data, "picture-1", classifier)
        yield nothing
        at_once = max(1, int(SLICE // max(cost_of(method).target, 1.0)))
        with evaluation_mode(
            classifier.module
        ):  # taken once: whoever takes it twice may wait twice
            bound = bind(classifier, prepared.pixels, target)
            slices = explain_in_slices(bound, prepared, method, at_once)
            let_go = next(slices)
        yield let_go
        return (yield from slices)

    def cost(self, question: Question, classes: int = 1) -> float:
        """Forward passes that a question may take; raises UnknownNameError for its method."""
        cost = cost_of(OFFERED[question.method])
        words = len(question.prompts) * PROMPT
        return cost.picture + classes * cost.target + words

    def heads(
        self, key: Key, question: Question
    ) -> tuple[Float[Tensor, "block head rows columns"], str]:
        """What each block and head added to AGCAM's map of the question's class, and its name."""
        sitting = self.sitting(key)
        agcam = OFFERED["agcam"]
        reading, session = self._read(key, sitting, question, agcam)
        with evaluation_mode(reading.classifier.module):
            logits = reading.recording.logits
            target = logits.argmax(-1)
            if question.target is not None:
                target = torch.full_like(target, question.target)
            asked = cast(ReadTrace, session.trace(agcam, target))
            blocks = list(contributions(asked))
        grid = reading.recording.grid
        maps = torch.stack(blocks, 1)[0].float().reshape(len(blocks), -1, grid.rows, grid.columns)
        names, index = reading.classifier.class_names, int(target[0])
        return maps.cpu(), names[index].split(",")[0] if names else f"class {index}"

    def _answer(self, key: Key, sitting: Sitting, question: Question) -> Explanation:
        method = OFFERED[question.method]
        reading, session = self._read(key, sitting, question, method)
        with evaluation_mode(reading.classifier.module):
            return explain_recording(
                reading.classifier, session, reading.prepared, question.target, method
            )

    def _read(
        self, key: Key, sitting: Sitting, question: Question, method: Method
    ) -> tuple[Reading, Session]:
        """The recording made before if it serves, else a new one, which is kept in its place."""
        if sitting.reading is not None and sitting.reading.answers(question, method):
            return sitting.reading, sitting.reading.session(method)
        classifier = self.classifier(question.model, question.prompts)
        prepared = self._prepared(sitting.data, sitting.name, classifier)
        room = self.limits.kept_bytes // SHARE
        reading, session = read(classifier, prepared, question, method, room)
        self.store.replace(key, replace(sitting, reading=reading))
        return reading, session

    def _prepared(self, data: bytes, name: str, classifier: Classifier) -> Prepared:
        """What the model is given, beside a small picture; the large one is let go."""
        if classifier.preparation is None:
            raise PictureError(f"{classifier.name} does not say how it wants its pictures")
        ready = prepare_picture(
            self._limited(data), classifier.preparation, max_pixels=self.limits.pixels
        )
        return Prepared(
            ready.pixels[None],
            (ready.frame,),
            (_small(ready.picture),),
            (name,),
            preparation=classifier.preparation,
            notes=(*preparation_notes(classifier.preparation), *ready.notes),
        )

    def _prompts(self, prompts: Sequence[str]) -> list[str]:
        given = list(dict.fromkeys(text.strip() for text in prompts if text.strip()))
        if not given:
            raise TargetError("this model compares pictures with words: describe what to look for.")
        if len(given) > self.limits.prompts:
            raise TargetError(f"at most {self.limits.prompts} descriptions at once, please.")
        if max(map(len, given)) > self.limits.prompt_letters:
            raise TargetError(f"a description has at most {self.limits.prompt_letters} letters.")
        return given


def _small(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS)
    return small
