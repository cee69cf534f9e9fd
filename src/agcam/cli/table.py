"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..wording import printable


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str | Sequence[str]]],
    *,
    numbers: bool = False,
) -> None:
    """Print rows under headers, as wide as the terminal; plain text if it is not a terminal.

    A cell is a text, or several, each on a line of its own if they do not fit beside each other.
    With `numbers` all columns but the first are aligned to the right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, header in enumerate(headers):
        table.add_column(
            header,
            overflow="fold",
            justify="right" if numbers and place else "left",
        )
    console = Console(markup=False, highlight=False)
    for row in _in_lines(rows, console.width):
        table.add_row(*row)
    console.print(table)


def _in_lines(rows: Iterable[Sequence[str | Sequence[str]]], width: int) -> list[list[str]]:
    """Cells as text; their parts beside each other if the terminal is wide enough."""
    parts = [
        [[printable(one)] if isinstance(one, str) else list(map(printable, one)) for one in row]
        for row in rows
    ]
    beside = [[", ".join(cell) for cell in row] for row in parts]
    widest = sum(max(map(len, column)) + 3 for column in zip(*beside, strict=True))
    return beside if widest <= width else [["\n".join(cell) for cell in row] for row in parts]


def print_entries(entries: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
    """Print entries too long for a table: a heading in columns, indented lines below it."""
    from rich.console import Console
    from rich.padding import Padding

    listed = list(entries)
    widths = [max(map(len, column)) for column in zip(*(head for head, _ in listed), strict=True)]
    console = Console(markup=False, highlight=False)
    for head, lines in listed:
        padded = (word.ljust(width) for word, width in zip(head, widths, strict=True))
        console.print("  ".join(padded).rstrip(), style="bold")
        for line in lines:
            console.print(Padding(line, (0, 0, 0, 4), expand=False))
