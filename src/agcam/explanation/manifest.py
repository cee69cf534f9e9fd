"""An explanation without its pixels: the manifest of a picture, and a summary in a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from ..maps import REFINEMENT
from ..values import Answer, preparation_manifest

if TYPE_CHECKING:
    from . import Explanation

SCHEMA_VERSION: Final = 2


def describe(explanation: Explanation, picture: int) -> dict[str, Any]:
    """Everything but the pixels of one picture, ready for JSON."""
    frame, prediction = explanation.frames[picture], int(explanation.prediction[picture])
    predicted = None if prediction < 0 else _entry(explanation.answer(picture, prediction))
    return {
        "schema_version": SCHEMA_VERSION,
        "source": explanation.sources[picture],
        "size": [frame.width, frame.height],
        "window": list(frame.window),
        "preparation": preparation_manifest(explanation.preparation),
        "model": explanation.model,
        "family": explanation.family,
        "weights_sha256": explanation.weights_hash,
        "scores": explanation.scores,
        "method": explanation.method,
        "options": dict(explanation.options),
        "beside": [one.method for one in explanation.beside],
        "refused": dict(explanation.refused),
        "views": {
            "count": len(explanation.windows),
            "windows": [list(one) for one in explanation.windows],
        },
        "refine": dict(REFINEMENT) if explanation.refine else None,
        "class_specific": explanation.class_specific,
        "tracer": explanation.tracer,
        "grid": list(explanation.grid.shape),
        **_clip(explanation, picture),
        "versions": dict(explanation.versions),
        "notes": list(explanation.notes_of(picture)),
        "prediction": predicted,
        "top": [_entry(answer) for answer in explanation.top(picture)],
        "targets": [
            _target(explanation, picture, target) for target in range(explanation.target.shape[1])
        ],
    }


def summary(explanation: Explanation) -> str:
    """An explanation in a line or two, for its `repr`."""
    pictures = f"{len(explanation)} picture{'s' if len(explanation) != 1 else ''}"
    methods = " and ".join(one.method for one in (explanation, *explanation.beside))
    names = [explanation.name_of(int(index)) for index in explanation.prediction if index >= 0]
    predicted = f"predicted: {_some(names)}; " if names else ""
    explained = list(dict.fromkeys(one.name for row in explanation.answers for one in row))
    return (
        f"Explanation({pictures} by {methods} of {explanation.model}; "
        f"{predicted}explained: {_some(explained)})"
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _clip(explanation: Explanation, picture: int) -> dict[str, Any]:
    """Which frames of a clip the model saw; nothing of a still picture."""
    if explanation.sounds:
        sound = explanation.sounds[picture]
        return {"sound": {"seconds": sound.length, "step": sound.step}}
    if not explanation.clips:
        return {}
    clip = explanation.clips[picture]
    frames = {"frames": list(clip.numbers), "rate": clip.rate, "total": clip.total}
    times = {"times": list(clip.times)} if clip.times else {}
    return {"clip": {**frames, **times}}


def _target(explanation: Explanation, picture: int, target: int) -> dict[str, Any]:
    grid_map = explanation.grid_map[picture, target]
    return {
        **_entry(explanation.answers[picture][target]),
        "caption": explanation.caption(picture, target),
        "relevance": {"lowest": float(grid_map.min()), "highest": float(grid_map.max())},
        **_moments(explanation, picture, target),
    }


def _moments(explanation: Explanation, picture: int, target: int) -> dict[str, Any]:
    """The most relevant moments of a clip; nothing of a still picture."""
    moving = explanation.clips or explanation.sounds
    found = explanation.moments(picture, target) if moving else ()
    return {"moments": [asdict(moment) for moment in found]} if found else {}


def _entry(answer: Answer) -> dict[str, Any]:
    """An answer as the manifest has it."""
    return {
        "class": answer.index,
        "name": answer.name,
        "logit": None if answer.index is None else answer.value,
        "value": answer.value,
        "probability": answer.probability,
    }
