"""A summary as tables of text: methods down, metrics across, the best marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from .results import OURS, Results
from .summary import Column, Estimate

BROAD: Final = 5  # columns of one table


class TextTable(NamedTuple):
    """A title, a header, and a row of texts a method."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def text_tables(columns: Sequence[Column], results: Results) -> list[TextTable]:
    """The means of a run; `*` marks the best mean of a column."""
    return [
        TextTable(title, ("method", *map(head, some)), tuple(_rows(results.methods, some)))
        for title, some in grouped(columns)
    ]


def grouped(columns: Sequence[Column]) -> list[tuple[str, list[Column]]]:
    """The columns in tables that fit a page, metrics with one heading together."""
    found: dict[str, list[Column]] = {}
    for column in columns:
        found.setdefault(column.heading, []).append(column)
    return [
        (heading, some[start : start + BROAD])
        for heading, some in found.items()
        for start in range(0, len(some), BROAD)
    ]


def head(column: Column) -> str:
    """A metric's name, and which way is better."""
    return f"{column.metric} {'↑' if column.better == 'higher' else '↓'}"


def figure(found: Estimate | None) -> str:
    """A mean with its interval, as every table writes it."""
    if found is None:
        return "-"
    return f"{found.mean:.4f} [{found.low:.4f}, {found.high:.4f}]"


def short_figure(found: Estimate | None) -> str:
    """The same in fewer letters, for a terminal."""
    if found is None:
        return "-"
    return f"{found.mean:.3f} [{found.low:.3f} {found.high:.3f}]".replace("0.", ".")


def _rows(methods: Sequence[str], columns: Sequence[Column]) -> list[tuple[str, ...]]:
    ours = [name for name in methods if name == OURS]
    return [
        (name, *(_marked(column, name) for column in columns))
        for name in [*ours, *(name for name in methods if name != OURS)]
    ]


def _marked(column: Column, method: str) -> str:
    return short_figure(column.means.get(method)) + ("*" if method in column.best else "")
