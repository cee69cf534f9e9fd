"""An explanation without its pixels: the manifest of a picture, and a summary in a line."""

from __future__ import annotations

from collections.abc import Sequence
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
            "count": len(explanation.shifts),
            "shifts": [list(s) for s in explanation.shifts],
        },
        "refine": dict(REFINEMENT) if explanation.refine else None,
        "class_specific": explanation.class_specific,
        "tracer": explanation.tracer,
        "grid": [explanation.grid.rows, explanation.grid.columns],
        "versions": dict(explanation.versions),
        "notes": list(explanation.notes),
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


def _target(explanation: Explanation, picture: int, target: int) -> dict[str, Any]:
    grid_map = explanation.grid_map[picture, target]
    return {
        **_entry(explanation.answers[picture][target]),
        "caption": explanation.caption(picture, target),
        "relevance": {"lowest": float(grid_map.min()), "highest": float(grid_map.max())},
    }


def _entry(answer: Answer) -> dict[str, Any]:
    """An answer as the manifest has it."""
    return {
        "class": answer.index,
        "name": answer.name,
        "logit": None if answer.index is None else answer.value,
        "value": answer.value,
        "probability": answer.probability,
    }
