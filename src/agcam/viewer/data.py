"""What the viewer takes: documents of cards, as values here and as JSON in the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..maps import colour_table
from ..values import Answer, Method
from ..wording import printable

COLORMAPS: Final = ("turbo", "viridis", "cividis", "magma", "inferno", "gray")
"""Offered in every viewer; viridis, cividis, magma and gray can be read without seeing colours."""
LABELS: Final = {
    "agcam": "evidence: what the classifier read",
    "agcam_spread": "extent: the whole object",
    "agcam_evidence": "signed evidence: what the prediction rests on",
}
"""What some methods show, in plain words."""


@dataclass(frozen=True)
class Picture:
    """A picture's address (a data: address, or one beside the page) and its size in pixels."""

    src: str
    width: int
    height: int


@dataclass(frozen=True)
class TargetData:
    """One class or other target: its name and what the model gives for it, as number and text."""

    name: str
    index: int | None
    value: float | None = None
    probability: float | None = None
    score: str = ""
    judged: str = ""

    @classmethod
    def of(cls, answer: Answer) -> TargetData:
        """The same as an answer."""
        return cls(**{field.name: getattr(answer, field.name) for field in fields(cls)})


@dataclass(frozen=True)
class MethodData:
    """A method: what it shows in plain words, and the sentence that refused it, if any did."""

    name: str
    class_specific: bool
    label: str | None = None
    refusal: str | None = None
    cite: str | None = None

    @classmethod
    def of(cls, method: Method, refusal: str | None = None) -> MethodData:
        """The same as a row of the table of methods."""
        name, specific = method.name, method.class_specific
        return cls(name, specific, LABELS.get(name), refusal, method.cite)


@dataclass(frozen=True, eq=False)
class MapData:
    """Raw relevance (row, column) of a method for a target: its place among the card's targets.

    `target` is None for a method that does not know classes. `range` is the lowest and highest
    relevance of the colours, None for those of the map itself. Of a card's `parts` the values are
    what each block and head added to a map: (block, head, row, column).
    """

    method: str
    target: int | None
    values: NDArray[Any]
    range: tuple[float, float] | None = None
    caption: str | None = None


@dataclass(frozen=True, eq=False)
class Card:
    """One picture with its predictions and maps.

    `targets` are the model's best classes, best first, then others that were explained. `window` is
    the part of `picture` that the model saw, in pixels of `picture`. `boxes` are true boxes,
    (left, top, right, bottom). `caption` stands below the small picture of an overview. `frames` is
    how many lie side by side on the contact sheet of a clip. A picture that could not be explained
    has `error`, one sentence, and may lack all the rest but its `title` (a file name).
    """

    title: str
    picture: Picture | None = None
    window: tuple[float, float, float, float] | None = None
    targets: tuple[TargetData, ...] = ()
    methods: tuple[MethodData, ...] = ()
    maps: tuple[MapData, ...] = ()
    parts: tuple[MapData, ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    note: str = ""
    notes: tuple[str, ...] = ()
    error: str | None = None
    caption: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    frames: int | None = None


@dataclass(frozen=True, eq=False)
class Document:
    """A page without its cards: how it begins, how its maps are shown at first.

    `view` is the viewer's first state (opacity, colormap, ...). `blocks` are shown before a picture
    is opened: tables, curves, texts, and galleries of small maps; without any, the first map of
    every card where there are several. Those of an audit follow a block of its classes and reasons.
    """

    title: str = ""
    lead: str = ""
    footer: str = ""
    layout: Literal["viewer", "audit"] = "viewer"
    view: Mapping[str, Any] | None = None
    blocks: Sequence[Mapping[str, Any]] = ()


def targets_of(
    top: Sequence[Answer], explained: Sequence[Answer]
) -> tuple[tuple[TargetData, ...], list[int]]:
    """A card's targets, the model's best first, and where the explained ones are among them."""
    found = {(one.index, one.name): one for one in (*top, *explained)}
    places = {name: place for place, name in enumerate(found)}
    targets = tuple(map(TargetData.of, found.values()))
    return targets, [places[one.index, one.name] for one in explained]


def table_block(
    title: str,
    head: Sequence[Any],
    rows: Sequence[Sequence[Any]],
    note: str = "",
    marks: Sequence[str] = (),
) -> dict[str, Any]:
    """A table that can be sorted.

    A cell is a text, or {text, sort, notes: [{text, kind}], best, href}; `marks` are the style
    classes of the rows.
    """
    texts = {"kind": "table", "title": title, "note": note}
    return {**texts, "head": head, "rows": rows, "marks": list(marks)}


def gallery_block(title: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Small maps that can be opened.

    An item is {card, method, target, caption, lines, scale}: the place of a card, a map of it (by
    default its first one), the texts below, and whether the map's range is one of them; or
    {caption, refusal} where there is no map.
    """
    return {"kind": "gallery", "title": title, "items": items}


def colour_tables(first: str = COLORMAPS[0]) -> dict[str, str]:
    """Colour maps for the viewer, `first` before the usual ones: base64 of 256 x (r, g, b).

    Raises UnknownNameError where matplotlib has no such colour map.
    """
    names = dict.fromkeys((first, *COLORMAPS))
    return {name: base64.b64encode(colour_table(name).tobytes()).decode() for name in names}


def document_json(document: Document) -> dict[str, Any]:
    """A document as the viewer reads it, still without cards."""
    first = (document.view or {}).get("colormap", COLORMAPS[0])
    return {**_json(document), "colormaps": colour_tables(first), "cards": []}


def card_json(card: Card | MapData | MethodData) -> dict[str, Any]:
    """A card, or a part of one, as the viewer reads it."""
    made: dict[str, Any] = _json(card)
    return made


def _json(value: Any) -> Any:
    """Values as JSON has them: texts printable, numbers of maps encoded, nothing for None."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, MapData):
        return {**_fields(value), "values": _encoded(value.values), "shape": value.values.shape}
    if isinstance(value, Mapping):
        return {str(name): _json(one) for name, one in value.items()}
    if isinstance(value, Sequence):
        return [_json(one) for one in value]
    return _fields(value) if hasattr(value, "__dataclass_fields__") else value


def _fields(value: Any) -> dict[str, Any]:
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    return {
        name: _json(one)
        for name, one in given.items()
        if one is not None and not isinstance(one, np.ndarray)
    }


def _encoded(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()
