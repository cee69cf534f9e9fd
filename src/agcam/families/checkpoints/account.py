"""In one line: what was taken of a file of weights, what was left, what was read from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from .choose import Chosen
from .shapes import Form

SHOWN: Final = 4


def account(chosen: Chosen, form: Form) -> tuple[str, ...]:
    """A note where the file was not simply the architecture's state_dict."""
    parts = list(_parts(chosen, form))
    return (f"weights: {'; '.join(parts)}",) if parts else ()


def _parts(chosen: Chosen, form: Form) -> Iterator[str]:
    if chosen.where:
        others = f", not {', '.join(chosen.passed_over)}" if chosen.passed_over else ""
        yield f"taken from {chosen.where}{others}"
    elif chosen.passed_over:
        yield f"{chosen.prefix.rstrip('.')} taken, not {', '.join(chosen.passed_over)}"
    if chosen.prefix:
        yield f"prefix {chosen.prefix} stripped"
    if chosen.lacking:
        yield f"prefix {chosen.lacking} added"
    if chosen.beside:
        yield f"{', '.join(chosen.beside)} taken from beside it, as reading its output"
    if chosen.foreign:
        yield f"{len(chosen.foreign)} ignored ({few(chosen.foreign)})"
    if form.said:
        yield f"built for {', '.join(form.said)}, as the file is"
    if form.classes == 0:
        yield "no classifier in the file"


def few(names: Iterable[str]) -> str:
    """The first names, and dots for the rest."""
    names = list(names)
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
