"""Uploaded pictures: recorded once, explained for any class as often as a visitor likes.

No page and no protocol: bytes and names in, Explanations out.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from PIL import Image

from ..binding import bind
from ..errors import PictureError, TargetError, UnknownNameError
from ..explainer import block_maps_of, checked_switches, explain_in_slices, explain_recording
from ..explanation import Explanation
from ..images import Prepared, open_picture, prepare_picture
from ..methods import USUAL
from ..registry import did_you_mean
from ..tracing import Session, evaluation_mode
from ..values import Classifier, Method
from ..viewer import reduced
from .cache import Key, Upload, UploadCache
from .limits import Limits
from .offered import OFFERED
from .recording import CachedRecording, record, return_freed_memory
from .schemas import ExplainRequest, Selection, Wanted
from .work_queue import Steps, nothing_to_free

SHOWN_SIDE: Final = 800  # pixels of the longer side of what is shown
STEP: Final = 10.0  # forward passes after which others may go first
FIRST: Final = 5  # classes whose maps come with the first answer, where they fit into one step
PROMPT: Final = 0.25  # forward passes that reading one description takes, about
SHARE: Final = 4  # no recording takes more than this part of the memory


class Uploads:
    """The server's models, and the pictures that visitors have uploaded."""

    def __init__(self, models: Mapping[str, Classifier], limits: Limits | None = None) -> None:
        self.models = dict(models)
        self.limits = limits or Limits()
        self.cache = UploadCache(self.limits)

    def add(self, visitor: str, data: bytes, name: str) -> str:
        """Open a picture and keep it for this visitor; returns the upload's key."""
        shown = reduced(self._open(data), SHOWN_SIDE)
        key = secrets.token_urlsafe(16)
        self.cache.put((visitor, key), Upload(data, name, shown))
        return key

    def get(self, key: Key) -> Upload:
        """One visitor's upload; raises PictureError where it is not (or no longer) there."""
        found = self.cache.get(key)
        if found is None:
            minutes = self.limits.kept_seconds / 60
            raise PictureError(
                f"this picture is no longer in memory: pictures are kept for {minutes:.0f} minutes "
                "and then forgotten. Give it again."
            )
        return found

    def model(self, name: str) -> Classifier:
        """One of the models that this server was started with; raises UnknownNameError."""
        if name not in self.models:
            hint = did_you_mean(name, self.models, ", ".join(self.models))
            raise UnknownNameError(f"this server has no model {name!r}; {hint}")
        return self.models[name]

    def classifier(self, name: str, prompts: Sequence[str] = ()) -> Classifier:
        """The same with the prompts as its classes, where it takes them or needs them."""
        model = self.model(name)
        if model.with_prompts is None or (model.class_names and not prompts):
            return model
        if not prompts:
            raise TargetError("this model compares pictures with words: describe what to look for.")
        return model.with_prompts(list(dict.fromkeys(prompts)))

    def explain(
        self, key: Key, selection: Selection, count: int = 1, methods: tuple[Method, ...] = ()
    ) -> Explanation:
        """One class, or the `count` most probable ones, on the picture as it is shown.

        `methods` are shown together, by default the selection's alone; after several the recording
        keeps no whole attentions, most of its memory: few visitors read them for one more class.
        """
        upload = self.get(key)
        explanation = self._explain(key, upload, selection, count, methods)
        if methods:
            return_freed_memory()
        return replace(explanation, pictures=(upload.shown,)).shrunk(SHOWN_SIDE)

    def explain_original(self, key: Key, selection: Selection) -> Explanation:
        """One class on the uploaded picture's own pixels, for downloads."""
        upload = self.get(key)
        explanation = self._explain(key, upload, selection, 1, ())
        return replace(explanation, pictures=(self._open(upload.data),))

    def explain_once(
        self, data: bytes, classifier: Classifier, target: Any, wanted: ExplainRequest
    ) -> Steps[Explanation]:
        """Explain a picture that is not kept, in steps."""
        method, refine, views = OFFERED[wanted.method], wanted.refine, wanted.views
        prepared = self._prepare(data, "picture-1", classifier)
        yield nothing_to_free
        at_once = self._classes_a_step(wanted)
        with evaluation_mode(classifier.module):
            # entered once for both: whoever enters it twice may wait twice
            bound = bind(classifier, prepared.pixels, target)
            steps = explain_in_slices(bound, prepared, method, at_once, refine=refine, views=views)
            free_memory = next(steps)
        yield free_memory
        return (yield from steps)

    def cost(self, wanted: Wanted, classes: int = 1) -> float:
        """Forward passes that maps may take.

        Raises UnknownNameError for their method, PictureError for their views.
        """
        checked_switches(wanted.refine, wanted.views)
        cost = OFFERED[wanted.method].needs.cost()
        each = cost.picture + classes * cost.target + (wanted.views > 1)
        return each * wanted.views + len(wanted.prompts) * PROMPT

    def shown_first(self, method: str) -> tuple[Method, ...]:
        """The methods whose maps the first answer holds: those that are shown unless others are."""
        usual = [row.name for row in USUAL]
        further = [row for row in USUAL if row.name != method] if method in usual else []
        return (OFFERED[method], *further)

    def first_classes(self, selection: Selection) -> int:
        """How many maps the first answer to a selection holds."""
        specific = OFFERED[selection.method].class_specific
        return min(FIRST, self._classes_a_step(selection)) if specific else 1

    def heads(
        self, key: Key, selection: Selection
    ) -> tuple[int, Float32[NDArray[Any], "block head rows columns"]]:
        """The class, and what each block and head added to its AGCAM map."""
        agcam = OFFERED["agcam"]
        recorded, session = self._recorded(key, self.get(key), selection, agcam)
        logits, views = recorded.recording.logits, len(recorded.views)
        index = int(logits[0].argmax()) if selection.target is None else selection.target
        if index >= logits.shape[1]:
            raise TargetError(f"class {index} is out of range: there are {logits.shape[1]}.")
        with evaluation_mode(recorded.classifier.module):
            target = torch.full((views, 1), index, device=logits.device)
            maps = block_maps_of(session, agcam, target)
        assert maps is not None, "they are agcam's"
        return index, maps[0, 0].numpy()  # the first view is the picture

    def _classes_a_step(self, wanted: Wanted) -> int:
        each = max(OFFERED[wanted.method].needs.cost().target, 1.0) * wanted.views
        return max(1, int(STEP // each))

    def _explain(
        self, key: Key, upload: Upload, selection: Selection, count: int, methods: Sequence[Method]
    ) -> Explanation:
        method = OFFERED[selection.method]
        recorded, session = self._recorded(key, upload, selection, method, bool(methods))
        target: Any = selection.target
        if target is None:
            logits = recorded.recording.logits
            target = [logits[0].topk(min(count, logits.shape[1])).indices.tolist()]
        with evaluation_mode(recorded.classifier.module):
            return explain_recording(
                recorded.classifier,
                session,
                recorded.prepared,
                target,
                tuple(methods) or (method,),
                refine=selection.refine,
                views=recorded.views,
            )

    def _recorded(
        self, key: Key, upload: Upload, selection: Selection, method: Method, small: bool = False
    ) -> tuple[CachedRecording, Session]:
        """The latest recording if it serves, else a new one: it is kept, whole or `small`."""
        if upload.recording is not None and upload.recording.serves(selection, method):
            return upload.recording, upload.recording.session(method)
        classifier = self.classifier(selection.model, selection.prompts)
        prepared = self._prepare(upload.data, upload.name, classifier)
        room = self.limits.kept_bytes // SHARE
        recorded, session = record(classifier, prepared, selection, method, room)
        kept = recorded.without_calls() if small else recorded
        self.cache.put(key, replace(upload, recording=kept), only_in_place=True)
        return recorded, session

    def _prepare(self, data: bytes, name: str, classifier: Classifier) -> Prepared:
        """The model's input and a small picture; the large one is freed."""
        if classifier.preparation is None:
            raise PictureError(f"{classifier.name} does not state how it prepares its pictures")
        self._check_size(data)
        prepared = prepare_picture(
            data, classifier.preparation, source=name, max_pixels=self.limits.pixels
        )
        return replace(prepared, pictures=(reduced(prepared.pictures[0], SHOWN_SIDE),))

    def _open(self, data: bytes) -> Image.Image:
        """A picture within the limits, upright, RGB; raises PictureError."""
        self._check_size(data)
        return open_picture(data, max_pixels=self.limits.pixels)

    def _check_size(self, data: bytes) -> None:
        if len(data) > self.limits.upload_bytes:
            raise PictureError(
                f"the picture has {len(data) / 1e6:.0f} MB, more than "
                f"{self.limits.upload_bytes / 1e6:.0f} MB; make it smaller first"
            )
