"""An explanation as cards of the viewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from ..values import MEANING, preparation_text
from ..viewer import Card, MapData, MethodData, Picture, drawn, embedded, targets_of
from ..viewer.data import LABELS

if TYPE_CHECKING:
    from . import Explanation

TOP: Final = 5  # classes that are listed
SHEET: Final = 1440  # pixels of a clip's contact sheet, whose frames are looked at one by one


def card_of(
    explanation: Explanation, picture: int = 0, side: int = 900, *, shown: Picture | None = None
) -> Card:
    """One picture with its best classes and maps.

    Args:
        explanation: Of any number of pictures.
        picture: Which of them, counted from 0.
        side: The most pixels of a longer side of the picture that is embedded; a clip's contact
            sheet has `SHEET`, if that is more.
        shown: The picture where it is served already, so that none is embedded.
    """
    side = max(side, SHEET) if explanation.clips else side
    image = shown or embedded(explanation.pictures[picture], side)
    targets, places = targets_of(explanation.top(picture, TOP), explanation.answers[picture])
    every = (explanation, *explanation.beside)
    made = [_drawn(one, picture, image) for one in every]
    return Card(
        title=explanation.sources[picture],
        picture=image,
        window=made[0][0],
        targets=targets,
        methods=tuple(_methods(explanation)),
        maps=tuple(
            one
            for each, (_, maps) in zip(every, made, strict=True)
            for one in _maps(each, picture, places, maps)
        ),
        parts=tuple(one for each in every for one in _parts(each, picture, places)),
        note=MEANING[explanation.scores],
        frames=len(explanation.clips[picture]) if explanation.clips else None,
        notes=explanation.notes_of(picture),
        facts=(
            ("Model", explanation.model),
            ("Method", ", ".join(one.method for one in every)),
            ("Patches", " x ".join(map(str, explanation.grid.shape))),
            *explanation.at_patches(picture).sharper,
            ("Preparation of the picture", preparation_text(explanation.preparation)),
            ("Weights (SHA-256)", explanation.weights_hash),
            ("Versions", ", ".join(f"{name} {v}" for name, v in explanation.versions.items())),
        ),
    )


def _methods(explanation: Explanation) -> Iterator[MethodData]:
    for one in (explanation, *explanation.beside):
        yield MethodData(one.method, one.class_specific, LABELS.get(one.method))
    for name, why in explanation.refused.items():
        yield MethodData(name, class_specific=True, label=LABELS.get(name), refusal=why)


def _maps(
    explanation: Explanation, picture: int, places: Sequence[int], maps: NDArray[Any]
) -> Iterator[MapData]:
    """The maps of one method; `places` are those of the targets in the card."""
    for number in explanation.shown:
        place = places[number] if explanation.class_specific else None
        caption = _caption(explanation, picture, number)
        yield MapData(explanation.method, place, maps[number], caption=caption)


def _parts(explanation: Explanation, picture: int, places: Sequence[int]) -> Iterator[MapData]:
    if explanation.block_maps is not None and not explanation.clips:
        for place, values in zip(places, explanation.block_maps[picture].numpy(), strict=True):
            yield MapData(explanation.method, place, values)


def _drawn(
    explanation: Explanation, picture: int, image: Picture
) -> tuple[tuple[float, float, float, float], NDArray[Any]]:
    """The part of `image` that maps cover, and their values: of patches, or finer."""
    shown = slice(len(explanation.shown))
    maps = explanation.at_patches(picture, shown)
    return drawn(maps, explanation.frames[picture], explanation.pictures[picture], image)


def _caption(explanation: Explanation, picture: int, target: int) -> str:
    how = [text for _, text in explanation.at_patches(picture).sharper]
    return "; ".join([explanation.caption(picture, target), *how])
