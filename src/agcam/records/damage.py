"""Reading a store of which some is damaged: what can be read is read, the rest is counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from .rows import Failure, Record, SampleRow

Parsed = TypeVar("Parsed")
Row = TypeVar("Row", SampleRow, Record, Failure)
FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)  # the second: an error's own text is damaged


@dataclass
class Damage:
    """How many rows or parts could not be read, and why the first could not."""

    number: int = 0
    reason: str = ""

    def sentence(self, path: Path) -> str:
        """What of a store could not be read; empty if all could."""
        if not self.number:
            return ""
        parts = "a part" if self.number == 1 else f"{self.number} parts"
        return f"{path} is damaged: {parts} of it could not be read ({self.reason}); all else was"

    def note(self, reason: object) -> None:
        """Count one more."""
        self.number += 1
        self.reason = self.reason or str(reason)

    def parse(self, read: Callable[[Any], Parsed], values: Any) -> Parsed | None:
        """What is read from stored values, or None, counted, where they are damaged."""
        try:
            return read(values)
        except (ValueError, TypeError, RecursionError) as error:
            self.note(error)
            return None


def readable_rows(
    connection: sqlite3.Connection,
    damage: Damage,
    query: str,
    run: int,
    read: Callable[[Sequence[Any]], Row],
    samples: Callable[[], int],
) -> Iterator[Row]:
    """Every row of a query that can be read, in the order of the samples; others are counted.

    A damaged page ends the query. What is behind it is looked up sample by sample, below
    `samples()`.
    """
    last: Row | None = None
    given: set[Any] = set()  # rows of the last sample
    try:
        for values in connection.execute(query, (run,)):
            row = damage.parse(read, values)
            if row is not None:
                if last is None or row.sample != last.sample:
                    given = set()
                given.add(values)
                last = row
                yield row
    except FAULTS as error:
        damage.note(error)
    else:
        return
    for sample in range(last.sample if last else 0, samples()):
        try:
            rows = connection.execute(f"{query} AND sample = ?", (run, sample)).fetchall()
        except FAULTS as error:
            damage.note(error)
            continue
        for values in rows:
            row = None if values in given else damage.parse(read, values)
            if row is not None:
                yield row
