"""The lines of a CSV file, each by itself: a bad one takes no other with it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .checked import shown

_LINES = 20  # of one row, whose first cell may hold line breaks as file names may


class Row(NamedTuple):
    """A row's number of line, counted from 1, its cells, and what is wrong with it."""

    line: int
    cells: Sequence[str]
    problem: str = ""


def csv_rows(lines: Sequence[str]) -> Iterator[Row]:
    """Every line that is not blank. A quote that is not closed is the problem of its own line."""
    at = 0
    while at < len(lines):
        row, taken = _row(lines, at)
        if lines[at].strip():
            yield row
        at += taken


def _row(lines: Sequence[str], at: int) -> tuple[Row, int]:
    """The row that begins at a line, and how many lines it takes."""
    quotes = 0
    for taken, line in enumerate(lines[at : at + _LINES], start=1):
        quotes += line.count('"')
        if quotes % 2:
            continue  # inside a quoted cell
        try:
            cells = next(csv.reader(["\n".join(lines[at : at + taken])], strict=True), [])
        except csv.Error as error:
            return Row(at + 1, (), f"{shown(lines[at])} is not a line of a CSV file: {error}"), 1
        if any("\n" in cell for cell in cells[1:]):
            break  # a quote that was left open, and closed by another line's
        return Row(at + 1, cells), taken
    return Row(at + 1, (), f"{shown(lines[at])}: a quote is not closed"), 1
