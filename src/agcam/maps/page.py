"""One HTML page that holds everything: pictures, overlays, what was said, what failed."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from PIL import Image, features

from .render import colour_table

_TALLEST = 480  # CSS pixels on the page
_LONGEST = 900  # pixels of an embedded picture's longer side: sharp on a phone, small in the file


class MapView(NamedTuple):
    """One target's overlay, and the lowest and highest raw relevance that its colours stand for."""

    target: str
    overlay: Image.Image
    low: float
    high: float


@dataclass(frozen=True)
class Card:
    """One picture on the page: what the model said, and where each answer came from.

    `said` are (class name, probability in [0, 1]), best first. A picture that could not be
    explained has `error`, one sentence, and may lack all the rest but its `title` (a file name).
    """

    title: str
    picture: Image.Image | None = None
    said: tuple[tuple[str, float], ...] = ()
    maps: tuple[MapView, ...] = ()
    error: str | None = None


def render_page(title: str, cards: Sequence[Card], footer: str, colormap: str = "turbo") -> str:
    """One self-contained HTML page of all cards, in the order given.

    Pictures are embedded (at most 900 pixels on the longer side); nothing is loaded from elsewhere
    and no script runs. All texts are escaped. `colormap` is that of the overlays, for the legend.
    Raises UnknownNameError for an unknown colormap.
    """
    return template("page.html.j2").render(
        title=title,
        cards=[_for_template(card) for card in cards],
        explained=sum(card.error is None for card in cards),
        failed=sum(card.error is not None for card in cards),
        footer=footer,
        gradient=gradient(colormap),
    )


def _for_template(card: Card) -> dict[str, object]:
    pictures = [card.picture] if card.picture else [view.overlay for view in card.maps]
    return {
        "title": card.title,
        "picture": None if card.picture is None else data_uri(card.picture),
        "size": None if card.picture is None else card.picture.size,
        "broad": None if card.picture is None else _broad(card.picture),
        "tall": any(picture.width < picture.height * 0.8 for picture in pictures),
        "said": [(name, _percent(part), _width(part)) for name, part in card.said],
        "best": card.said[0][0] if card.said else "",
        "maps": [
            {
                "target": view.target,
                "overlay": data_uri(view.overlay),
                "size": view.overlay.size,
                "broad": _broad(view.overlay),
                "low": f"{view.low:.3g}",
                "high": f"{view.high:.3g}",
            }
            for view in card.maps
        ],
        "error": card.error,
    }


def _broad(picture: Image.Image) -> int:
    """How broad the picture may be shown, so that it fits a screen's height."""
    return max(60, round(_TALLEST * picture.width / picture.height))


def _percent(part: float) -> str:
    percent = 100 * part
    return "< 0.1 %" if 0 < percent < 0.1 else f"{percent:.1f} %"


def _width(part: float) -> str:
    return f"{100 * min(max(part, 0.0), 1.0):.2f}"


def data_uri(picture: Image.Image) -> str:
    """Encode the picture, made smaller if need be, as a data: address."""
    small = picture.convert("RGB")
    small.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    form = "WEBP" if features.check("webp") else "JPEG"
    buffer = io.BytesIO()
    small.save(buffer, format=form, quality=86)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{form.lower()};base64,{text}"


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
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)
