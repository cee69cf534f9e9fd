"""An explanation as cards of the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..values import MEANING, preparation_text
from ..viewer import Card, MapData, MethodData, Picture, embedded, targets_of
from ..viewer.data import LABELS, window_of

if TYPE_CHECKING:
    from . import Explanation

TOP: Final = 5  # classes that are listed


def card_of(
    explanation: Explanation, picture: int = 0, side: int = 900, *, shown: Picture | None = None
) -> Card:
    """One picture with its best classes and maps; no side of what is embedded is above `side`.

    `shown` is the picture where it lies somewhere already.
    """
    image = shown or embedded(explanation.pictures[picture], side)
    targets, places = targets_of(explanation.top(picture, TOP), explanation.answers[picture])
    method = explanation.method
    return Card(
        title=explanation.sources[picture],
        picture=image,
        window=window_of(explanation.frames[picture], image.width, image.height),
        targets=targets,
        methods=(MethodData(method, explanation.class_specific, LABELS.get(method)),),
        maps=tuple(
            MapData(
                method,
                places[number] if explanation.class_specific else None,
                explanation.grid_map[picture, number].numpy(),
                caption=explanation.caption(picture, number),
            )
            for number in explanation.shown
        ),
        note=MEANING[explanation.scores],
        notes=explanation.notes,
        facts=(
            ("Model", explanation.model),
            ("Method", method),
            ("Patches", f"{explanation.grid.rows} x {explanation.grid.columns}"),
            ("Preparation of the picture", preparation_text(explanation.preparation)),
            ("Weights (SHA-256)", explanation.weights_hash),
            ("Versions", ", ".join(f"{name} {v}" for name, v in explanation.versions.items())),
        ),
    )
