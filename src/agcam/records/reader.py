"""What a store holds, read row by row; what cannot be read is counted, and the rest is given."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ..errors import DamageError, RunError
from .damage import FAULTS, Damage, Row, readable_rows
from .rows import Failure, Record, Run, SampleRow, read_configuration
from .stored_text import from_stored

MOST_SAMPLES: Final = 100_000  # looked for where the run's description is damaged
TABLES: Final = {SampleRow: "samples", Record: "records", Failure: "failures"}


class StoreReader:
    """The runs of a store and their rows; `damage` counts what could not be read.

    Args:
        path: The file.
        connection: To it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection
        self.damage = Damage()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read in this block is of one moment, whoever writes meanwhile."""
        if self._connection.in_transaction:
            yield
            return
        self._fetch("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):  # nothing was written; a damaged page ends it by itself
                self._connection.execute("ROLLBACK")

    def runs(self) -> list[Run]:
        """Every run, the oldest first; one whose description is damaged has none (`{}`)."""
        with self.snapshot():
            found = [self._run(*row) for row in self._fetch("SELECT * FROM runs ORDER BY run")]
        return [run for run in found if run is not None]

    def run(self, key: str = "") -> Run:
        """The run whose key begins with `key`; the last one if it is empty. Raises RunError."""
        known = self.runs()
        found = [run for run in known if run.key.startswith(key)] if key else known[-1:]
        if len(found) == 1:
            return found[0]
        if not found and self.damage.number:
            raise DamageError(f"{self.path} is damaged: {self.damage.reason}")
        if not known:
            raise RunError(f"{self.path} holds no run yet")
        keys = ", ".join(run.key[:12] for run in found or known)
        number = f"the beginning of {len(found)} runs" if found else "not the beginning of any run"
        raise RunError(f"{self.path}: {key!r} is {number}; its runs: {keys}")

    def stamps(self, key: str) -> dict[int, str | None]:
        """The stamp of each shard that is done, None in a store of an earlier version."""
        rows = self._fetch("SELECT * FROM shards WHERE run = ?", self._number(key))
        return {row[1]: row[4] if len(row) > 4 else None for row in rows if isinstance(row[1], int)}

    def samples(self, run: str | int) -> list[SampleRow]:
        """The samples of a run, by its key or number, in the data set's order."""
        return list(self._read(SampleRow, run))

    def records(self, run: str | int) -> Iterator[Record]:
        """The numbers of a run, in the order sample, method, metric."""
        return self._read(Record, run)

    def failures(self, run: str | int) -> list[Failure]:
        """What could not be judged, in the data set's order."""
        return list(self._read(Failure, run))

    def run_numbers(self) -> list[int]:
        """The numbers of the runs in every table, whether or not their own table can be read."""
        found = set()
        for table in ("runs", "samples", "failures"):
            with suppress(RunError):
                found |= {row[0] for row in self._fetch(f"SELECT DISTINCT run FROM {table}")}
        return sorted(number for number in found if isinstance(number, int))

    def _read(self, kind: type[Row], run: str | int) -> Iterator[Row]:
        number = self._number(run) if isinstance(run, str) else run
        query = f"SELECT {', '.join(kind._fields)} FROM {TABLES[kind]} WHERE run = ?"
        return readable_rows(
            self._connection, self.damage, query, number, kind.read, lambda: self._samples(number)
        )

    def _samples(self, run: int) -> int:
        """How many samples a run has, or could have."""
        try:
            text = self._fetch("SELECT configuration FROM runs WHERE run = ?", run)[0][0]
            return int(read_configuration(text)["dataset"]["samples"])
        except (RunError, ValueError, IndexError):
            return MOST_SAMPLES

    def _number(self, key: str) -> int:
        found = self._fetch("SELECT run FROM runs WHERE key = ?", key)
        if not found:
            raise RunError(f"{self.path} has no run {key}")
        return int(found[0][0])

    def _run(self, number: int, *values: Any) -> Run | None:
        """A run, {} for a description that is damaged; None where even its name is."""
        key, configuration, shards, started, finished = values
        texts = (key, started, finished)
        names = self.damage.parse(lambda row: tuple(map(from_stored, row)), texts)
        if names is None or not isinstance(shards, int):
            return None
        key, started, finished = names
        return Run(
            key,
            self.damage.parse(read_configuration, configuration) or {},
            shards,
            started,
            finished,
            done=int(self._total("count(*)", "shards", number)),
            samples=int(self._total("count(*)", "samples", number)),
            failures=int(self._total("count(*)", "failures", number)),
            cost={
                name: self._total(f"total({name})", "shards", number)
                for name in ("forwards", "seconds")
            },
        )

    def _total(self, what: str, table: str, run: int) -> float:
        query = f"SELECT {what} FROM {table} WHERE run = ?"
        try:
            return float(self._connection.execute(query, (run,)).fetchone()[0])
        except FAULTS as error:
            self.damage.note(error)
            return 0.0

    def _fetch(self, query: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except FAULTS as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> RunError:
        if isinstance(error, sqlite3.OperationalError):
            return RunError(f"{self.path} could not be read: {error}")
        return DamageError(f"{self.path} is damaged: {error}; start over with another --store")
