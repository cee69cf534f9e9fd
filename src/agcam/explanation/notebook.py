"""How a notebook shows an explanation: the viewer, in a frame of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..viewer import Document, framed
from .view import card_of

if TYPE_CHECKING:
    from . import Explanation

SIDE: Final = 640  # pixels of a picture's longer side: a notebook keeps every output
MOST: Final = 50  # pictures
ONE_HIGH, MANY_HIGH = 620, 480  # CSS pixels


def notebook_view(explanation: Explanation) -> str:
    """The viewer with the explanation's pictures, as HTML for a cell's output."""
    pictures = range(min(len(explanation), MOST))
    rest = len(explanation) - len(pictures)
    footer = (
        f"{rest} more pictures are not shown here: explanation.save(folder) has all."
        if rest
        else ""
    )
    cards = [card_of(explanation, picture, SIDE) for picture in pictures]
    height = ONE_HIGH if len(cards) == 1 else MANY_HIGH
    return framed(Document(footer=footer), cards, height)
