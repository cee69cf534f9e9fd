"""From a picture to an explanation: the data's way, read aloud."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor

from .. import targets
from ..binding import bind, to_model
from ..errors import PictureError
from ..explanation import Explanation
from ..families import load
from ..images import Prepared, prepare_pictures
from ..methods import METHODS
from ..tracing import Session, Tracer, evaluation_mode, restoring, trace
from ..values import Classifier, Method, split
from .assembly import assemble, versions
from .passes import Part, PassCounter, Progress, Run, ask_for, finite, names_of

__all__ = [
    "BATCH_SIZE",
    "PassCounter",
    "Progress",
    "explain",
    "explain_in_slices",
    "explain_recording",
    "finite",
    "versions",
]

BATCH_SIZE: Final = 8


@restoring
def explain(
    model: object,
    pictures: Any,
    target: Any = None,
    method: str = "agcam",
    *,
    batch_size: int = BATCH_SIZE,
    tracer: Tracer | None = None,
    progress: Progress | None = None,
    preparation: Any = None,
    inputs: Any = None,
) -> Explanation:
    """Explain what an image classifier saw, for any class; the model is left as it was found.

    `model`: a module, a Hugging Face pipeline, a name ("timm:vit_base_patch16_224") or what
    `agcam.load` gave. `pictures`: a path, PIL image, HxWx3 array, a list of these, or a prepared
    tensor (batch, channel, height, width), used as it is. `target`: None (the prediction), a class
    number, a name, "not NAME" (a class's other side), `Top(k)`, a list (one a picture), a list of
    lists (several a picture), a text prompt for CLIP-like models; or no class: a function of the
    model's output for one picture (the logits, else all that it gives), `Target` to name it,
    `Against` (a class against another), `Similarity` (to another picture); a list of those is
    several for each picture. `batch_size` is the most pictures that the model is given at once,
    also by methods that ask it about many. `tracer` names the way to the gradients: "full" is full
    autograd instead of the replay, "replay" refuses models that need it; other methods have one way
    each, and None chooses. `preparation` says how pictures are prepared, as in `agcam.load`.
    `progress(done, total)` is called by methods that ask again, after each pass. `inputs` are what
    the model's `forward` takes beside the picture, a dict by name or a tuple by position; tensors
    with one row for each picture go with their pictures, all else is given whole.

    Raises an AgcamError that names the fix; never returns a map that was not proved.
    """
    if not isinstance(batch_size, int) or batch_size < 1:
        raise PictureError(f"batch_size is the number of pictures in one pass, not {batch_size!r}.")
    row = METHODS[method]
    loaded = load(model, preparation=preparation)
    prepared = prepare_pictures(loaded, pictures)
    bound = bind(loaded, prepared.pixels, target, inputs, batch_size)
    run = Run(prepared, row, tracer, batch_size, PassCounter(progress))
    step = batch_size if bound.inputs is None else 1
    starts = range(0, len(prepared.pixels), step)
    parts = [run.part(bound, slice(start, start + step)) for start in starts]
    return assemble(bound.described(), row, prepared, parts)


def explain_recording(
    classifier: Classifier, session: Session, prepared: Prepared, target: Any, method: Method
) -> Explanation:
    """Explain pictures from a recording made before; call inside `evaluation_mode`.

    `session` is of all of `prepared`; `target` is as in `explain`. For those who keep a recording
    because they will be asked again.
    """
    pictures = len(prepared.pixels)
    part = ask_for(classifier, session, target, method, PassCounter(None), pictures)
    return assemble(classifier, method, prepared, [part])


def explain_in_slices(
    classifier: Classifier, prepared: Prepared, target: Any, method: Method, at_once: int
) -> Generator[Callable[[], None], None, Explanation]:
    """Explain prepared pictures as `explain` does, `at_once` targets at a time, for many who wait.

    A step is a slice of the work, between which others may use the model; it gives a function that
    lets go of the session, which is then made again when it is needed. Returns the Explanation.
    """
    held: list[Session] = []
    parts: list[Part] = []
    columns: list[Tensor] | None = None
    while columns is None or len(parts) < len(columns):
        with evaluation_mode(classifier.module):
            if not held:
                ready = to_model(classifier, prepared.pixels)
                held.append(trace(classifier, ready, [method]))
            logits, _ = split(classifier, held[0].recording.logits)
            if columns is None:
                names = names_of(classifier, logits.shape[-1])
                columns = list(torch.split(targets.resolve(target, logits, names), at_once, dim=1))
            asked = _as_target(columns[len(parts)], logits.shape[-1])
            parts.append(
                ask_for(classifier, held[0], asked, method, PassCounter(None), len(prepared.pixels))
            )
        yield held.clear
    whole = replace(
        parts[0],
        target=torch.cat([part.target for part in parts], 1),
        grid_map=torch.cat([part.grid_map for part in parts], 1),
        errors=tuple(error for part in parts for error in part.errors),
    )
    return assemble(classifier, method, prepared, [whole])


def _as_target(columns: Tensor, classes: int) -> list[list[Any]]:
    """Resolved targets as they may be resolved again: those behind the classes are no classes."""
    return [
        [targets.Column(index - classes) if index >= classes else index for index in row]
        for row in columns.tolist()
    ]
