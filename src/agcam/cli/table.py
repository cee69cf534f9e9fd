"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..wording import printable

BETWEEN: Final = 3  # characters between two columns; at the edges there are two


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str | Sequence[str]]],
    *,
    numbers: bool = False,
) -> None:
    """Print rows under headers, as wide as the terminal; plain text if it is not a terminal.

    No word is broken: where the columns do not fit, each row is an entry of lines. A cell is a
    text, or several, each on a line of its own if they do not fit beside each other. With
    `numbers` all columns but the first are aligned to the right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    cells = _in_lines(rows, console.width)
    widths = _column_widths([headers, *cells], console.width)
    if widths is None:
        print_entries(_as_entry(headers, row) for row in cells)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, (header, width) in enumerate(zip(headers, widths, strict=True)):
        table.add_column(header, width=width, justify="right" if numbers and place else "left")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _column_widths(table: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Widths with which no word is broken, in proportion to what each column wants beyond that.

    None where there are none.
    """
    columns = list(zip(*table, strict=True))
    words = [max(len(w) for cell in column for w in _words(cell)) for column in columns]
    wanted = [max(len(n) for cell in column for n in cell.split("\n")) for column in columns]
    spare = width - sum(words) - BETWEEN * len(columns) + 1
    missing = sum(wanted) - sum(words)
    if spare < 0:
        return None
    share = min(1.0, spare / missing) if missing else 0.0
    return [word + int((want - word) * share) for word, want in zip(words, wanted, strict=True)]


def _words(cell: str) -> list[str]:
    """What must not be broken: the parts of a cell that has several, else its words."""
    return cell.split("\n") if "\n" in cell else cell.split() or [""]


def _in_lines(rows: Iterable[Sequence[str | Sequence[str]]], width: int) -> list[list[str]]:
    """Cells as text; their parts beside each other if the terminal is wide enough."""
    parts = [
        [[printable(one)] if isinstance(one, str) else list(map(printable, one)) for one in row]
        for row in rows
    ]
    beside = [[", ".join(cell) for cell in row] for row in parts]
    widest = sum(max(map(len, column)) + BETWEEN for column in zip(*beside, strict=True))
    return beside if widest <= width else [["\n".join(cell) for cell in row] for row in parts]


def _as_entry(headers: Sequence[str], row: Sequence[str]) -> tuple[list[str], list[str]]:
    """A row as an entry: its first cell, and a line for each of the others."""
    lines = [f"{header}: {cell}" for header, cell in zip(headers[1:], row[1:], strict=True)]
    return [row[0]], [line.replace("\n", ", ") for line in lines]


def print_entries(entries: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
    """Print entries too long for a table: a heading in columns, indented lines below it."""
    from rich.console import Console
    from rich.padding import Padding

    listed = list(entries)
    widths = [max(map(len, column)) for column in zip(*(head for head, _ in listed), strict=True)]
    console = Console(markup=False, highlight=False)
    for head, lines in listed:
        padded = (printable(word).ljust(size) for word, size in zip(head, widths, strict=True))
        console.print("  ".join(padded).rstrip(), style="bold")
        for line in lines:
            console.print(Padding(printable(line), (0, 0, 0, 4), expand=False))
