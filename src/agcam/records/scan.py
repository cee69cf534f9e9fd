"""Reading a table of a run though some of it is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from .damage import FAULTS, Damage
from .rows import Failure, Record, SampleRow

Row = TypeVar("Row", SampleRow, Record, Failure)


def scan(
    connection: sqlite3.Connection,
    damage: Damage,
    query: str,
    run: int,
    make: Callable[[Sequence[Any]], Row],
    most: Callable[[int], int],
) -> Iterator[Row]:
    """Every row that can be read, in the order of the samples; the others are counted.

    Behind a damaged page the rows are asked for sample by sample, below `most(run)`.
    """
    at = 0  # the last sample that was given
    given: set[Any] = set()  # its rows
    try:
        for values in connection.execute(query, (run,)):
            row = damage.sound(make, values)
            if row is not None:
                if row.sample != at:
                    at, given = row.sample, set()
                given.add(values)
                yield row
    except FAULTS as error:
        damage.note(error)
    else:
        return
    for sample in range(at, most(run)):
        try:
            rows = connection.execute(f"{query} AND sample = ?", (run, sample)).fetchall()
        except FAULTS as error:
            damage.note(error)
            continue
        for values in rows:
            row = None if values in given else damage.sound(make, values)
            if row is not None:
                yield row
