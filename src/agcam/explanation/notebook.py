"""How a notebook shows an explanation."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Final

from ..maps import png_bytes

if TYPE_CHECKING:
    from . import Explanation

NOTEBOOK_SIDE: Final = 320


def figure(explanation: Explanation, picture: int, target: int) -> str:
    """One overlay with what it shows, as HTML."""
    image = explanation.overlay(picture, target)
    image.thumbnail((NOTEBOOK_SIDE, NOTEBOOK_SIDE))
    data = base64.b64encode(png_bytes(image)).decode()
    by = f", by {explanation.method}" if explanation.class_specific else ""
    caption = html.escape(f"{explanation.caption(picture, target)}{by}")
    return (
        '<figure style="display:inline-block;margin:4px">'
        f'<img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
