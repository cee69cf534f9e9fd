"""A comparison as a page of the viewer: a row for each target, a map for each method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..values import MEANING
from ..viewer import (
    Card,
    Document,
    MapData,
    MethodData,
    drawn,
    embedded,
    gallery_block,
    page,
    table_block,
    targets_of,
)

if TYPE_CHECKING:
    from .result import Column, Comparison

LEAD: Final = (
    "A row for each target, a map for each method; press a map to work with it. A method's colours "
    "run from its lowest relevance to its highest over all rows; what the numbers mean differs "
    "between methods."
)


def comparison_page(
    done: Comparison,
    costs: Sequence[Sequence[str]],
    footer: str = "",
    alpha: float = 0.5,
    colormap: str = "turbo",
) -> str:
    """The page as one HTML file, with a table of costs (its head first)."""
    document = Document(
        title=f"{Path(done.source).name}: methods side by side",
        lead=LEAD,
        footer=footer,
        view={"opacity": alpha, "colormap": colormap},
        blocks=[*_rows(done), table_block("What it cost", costs[0], costs[1:])],
    )
    return page(document, [_card(done)])


def _rows(done: Comparison) -> Iterator[dict[str, Any]]:
    targets, places = targets_of(done.top, done.answers)
    for place in places:
        title = f"What speaks for {targets[place].name} ({targets[place].judged})"
        yield gallery_block(title, [_item(column, place) for column in done.columns])


def _item(column: Column, place: int) -> dict[str, Any]:
    method = MethodData.of(column.method, column.refusal)
    if column.maps is None:
        return {"caption": method.name, "refusal": method.refusal or "no map"}
    kind = method.label or "" if method.class_specific else "the same map for every class"
    shown = {"caption": method.name, "lines": [kind], "scale": True}
    return {"card": 0, "method": method.name, "target": place, **shown}


def _card(done: Comparison) -> Card:
    image = embedded(done.picture)
    targets, places = targets_of(done.top, done.answers)
    sheet = done.sheet()
    made = [
        (column, column.maps, one.scale(), drawn(column.maps, done.frame, done.picture, image))
        for column, one in zip(done.columns, sheet.columns, strict=True)
        if column.maps is not None
    ]
    maps = [
        MapData(
            column.method.name,
            place if column.method.class_specific else None,
            values[number],
            range=scale,
            caption="; ".join(text for _, text in given.sharper) or None,
        )
        for column, given, scale, (_, values) in made
        for number, place in enumerate(places if column.method.class_specific else places[:1])
    ]
    return Card(
        title=done.source,
        picture=image,
        window=made[0][3][0] if made else done.frame.scaled(image.width, image.height).window,
        targets=targets,
        methods=tuple(MethodData.of(column.method, column.refusal) for column in done.columns),
        maps=tuple(maps),
        note=MEANING[done.scores],
        notes=done.notes,
    )
