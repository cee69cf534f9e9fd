"""One HTML page of pictures, overlays, predictions, what failed; made a card at a time."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from PIL import Image, features

from ..values import Answer
from ..wording import shown_on_pages
from .render import colour_table

SMALL: Final = "webp" if features.check("webp") else "jpeg"
_TALLEST = 480  # CSS pixels on the page
_LONGEST = 900  # pixels of an embedded picture's longer side: sharp on a phone, small in the file


class Thumbnail(NamedTuple):
    """A small picture that is encoded already: its address for the page, and its size in pixels."""

    address: str
    width: int
    height: int


class MapView(NamedTuple):
    """One map's overlay, what it shows, and the lowest and highest raw relevance of its colours."""

    caption: str
    overlay: Image.Image | Thumbnail
    low: float
    high: float


@dataclass(frozen=True)
class Card:
    """One picture on the page: the model's best classes, and what speaks for the targets.

    `top` are its best classes, best first; `note` says how to read their numbers. A picture that
    could not be explained has `error`, one sentence, and may lack all the rest but its `title` (a
    file name).
    """

    title: str
    picture: Image.Image | Thumbnail | None = None
    top: tuple[Answer, ...] = ()
    maps: tuple[MapView, ...] = ()
    error: str | None = None
    note: str = ""


def render_page(title: str, cards: Iterable[Card], footer: str, colormap: str = "turbo") -> str:
    """One HTML page of all cards, in the order given.

    Pictures are embedded (at most 900 pixels on the longer side), thumbnails stay where they are;
    nothing is loaded from elsewhere and no script runs. All texts are escaped. `colormap` is that
    of the overlays, for the legend. Raises UnknownNameError for an unknown colormap.
    """
    return "".join(page_pieces(title, cards, footer, colormap))


def page_pieces(
    title: str, cards: Iterable[Card], footer: str, colormap: str = "turbo"
) -> Iterator[str]:
    """The same page piece by piece; each card is taken when the one before it was given out."""
    count = {"explained": 0, "failed": 0}

    def counted() -> Iterator[dict[str, object]]:
        for card in cards:
            count["explained" if card.error is None else "failed"] += 1
            yield _for_template(card)

    return template("page.html.j2").generate(
        title=title, cards=counted(), count=count, footer=footer, gradient=gradient(colormap)
    )


def _for_template(card: Card) -> dict[str, object]:
    picture = None if card.picture is None else _shown(card.picture)
    overlays = [_shown(view.overlay) for view in card.maps]
    views = overlays if picture is None else [picture]
    return {
        "title": card.title,
        "picture": picture,
        "tall": any(view.width < view.height * 0.8 for view in views),
        "top": [(one.name, one.score, _width(one.probability)) for one in card.top],
        "best": card.top[0].name if card.top else "",
        "note": card.note,
        "maps": [
            {
                "caption": view.caption,
                "overlay": overlay,
                "low": f"{view.low:.3g}",
                "high": f"{view.high:.3g}",
            }
            for view, overlay in zip(card.maps, overlays, strict=True)
        ],
        "error": card.error,
    }


def _shown(picture: Image.Image | Thumbnail) -> Thumbnail:
    """Where the page finds the picture: embedded, unless it lies somewhere already."""
    if isinstance(picture, Thumbnail):
        return picture
    return Thumbnail(data_uri(picture), *picture.size)


def broad(picture: Thumbnail) -> int:
    """How broad the picture may be shown, so that it fits a screen's height."""
    return max(60, round(_TALLEST * picture.width / picture.height))


def _width(probability: float | None) -> str | None:
    return None if probability is None else f"{100 * min(max(probability, 0.0), 1.0):.2f}"


def data_uri(picture: Image.Image) -> str:
    """Encode the picture, made smaller if need be, as a data: address."""
    small = picture.convert("RGB")
    small.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    return data_address(small_file(small))


def small_file(picture: Image.Image) -> bytes:
    """Encode the picture as a small file, WebP where this machine can, else JPEG."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, format=SMALL.upper(), quality=86)
    return buffer.getvalue()


def data_address(file: bytes) -> str:
    """What `small_file` gave, as a data: address."""
    return f"data:image/{SMALL};base64,{base64.b64encode(file).decode('ascii')}"


def gradient(colormap: str) -> str:
    """The colormap as a gradient of CSS, from left to right."""
    table = colour_table(colormap)
    stops = ("#{:02x}{:02x}{:02x}".format(*table[level]) for level in range(0, 256, 15))
    return f"linear-gradient(90deg, {', '.join(stops)})"


@lru_cache(maxsize=2)
def template(name: str) -> Template:
    """A template of this room, compiled once."""
    source = files(__package__).joinpath(name).read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown_on_pages,
    )
    environment.globals["broad"] = broad
    return environment.from_string(source)
