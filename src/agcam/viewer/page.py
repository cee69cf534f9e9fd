"""A viewer with its data as one HTML file, and as a frame within a notebook."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from ..wording import printable
from .bundle import script, style
from .data import Card, Document, card_json, document_json

_HEAD: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<script type="module">{script}</script>
</head>
<body>
<main data-agcam-viewer></main>
<noscript>This page is drawn by a script of its own: open it in a browser that runs scripts.\
</noscript>
"""


def page(document: Document, cards: Iterable[Card]) -> str:
    """One HTML file that holds everything and loads nothing."""
    return "".join(page_pieces(document, map(card_json, cards)))


def page_pieces(
    document: Document,
    cards: Iterable[Mapping[str, Any]],
    summary: Callable[[], str] | None = None,
) -> Iterator[str]:
    """The same page piece by piece; each card (JSON) is taken when the one before was given out.

    What there is so far is a page already. `summary` gives the first line of the footer when all
    cards are there. Raises UnknownNameError for an unknown colour map.
    """
    first = document_json(document)
    styled, program = style(document.layout), script(document.layout)
    yield _HEAD.format(
        policy="default-src 'none'; img-src data: blob: 'self' file:; "
        f"style-src {_hash(styled)}; script-src {_hash(program)}",
        title=html.escape(printable(document.title)),
        style=styled,
        script=program,
    )
    yield _data("document", first)
    for card in cards:
        yield _data("card", card)
    if summary is not None:
        yield _data("end", {"footer": printable(f"{summary()} {document.footer}".strip())})
    yield "</body>\n</html>\n"


def policy() -> str:
    """Of a server's Content-Security-Policy: its own files, and a page's script and style."""
    return f"script-src 'self' {_hash(script())}; style-src 'self' {_hash(style())}"


def framed(document: Document, cards: Iterable[Card], height: int = 640) -> str:
    """The page as a frame of a notebook's cell: it runs apart, and reaches no network."""
    text = html.escape(page(document, cards))
    title = html.escape(printable(document.title or "Heat maps"))
    return (
        f'<iframe title="{title}" sandbox="allow-scripts allow-downloads" srcdoc="{text}" '
        f'width="100%" height="{height}" style="border:0"></iframe>'
    )


def _data(kind: str, value: Mapping[str, Any]) -> str:
    """Data for the script; no text in it can end its element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return f'<script type="application/json" data-agcam="{kind}">{text}</script>\n'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
