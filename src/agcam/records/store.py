"""One SQLite file of runs and their rows: append shard by shard, go on where a run stopped.

The file is in WAL mode, each shard is one transaction, and the driver of a run is the only one that
writes for it. A process killed at any moment loses the shard it was at, and nothing else.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from ..errors import DamageError, RunError
from .damage import FAULTS, Damage, Row, readable_rows
from .opening import open_to_read, open_to_write, transaction
from .rows import Failure, Record, Run, SampleRow, ShardRows, read_configuration
from .stored_text import from_stored, to_stored

MOST_SAMPLES: Final = 100_000  # looked for where the run's description is damaged
_TABLES: Final[Mapping[type, str]] = {SampleRow: "samples", Record: "records", Failure: "failures"}


class Store:
    """A store, which is a context manager; `damage` counts what could not be read of it.

    Args:
        path: The file.
        create: Make the store where there is none, and write to it; else it is only read.

    Raises:
        RunError: The file is not a store, or one of a newer version, or the disk is full.
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self.path = Path(path)
        self.damage = Damage()
        with ExitStack() as stack:
            if create:
                self._connection = open_to_write(self.path)
                stack.callback(self._connection.close)
            else:
                self._connection = open_to_read(self.path, stack)
            self._open = stack.pop_all()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; rows that were appended stay."""
        self._open.close()

    # Writing

    def begin(self, key: str, configuration: Mapping[str, Any], shards: int) -> set[int]:
        """Enter a run, unless it is there already, and return the shards of it that are done."""
        values = key, json.dumps(configuration), shards, _now()
        with self._writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO runs (key, configuration, shards, started) "
                "VALUES (?, ?, ?, ?)",
                values,
            )
        done = self._fetch("SELECT shard FROM shards WHERE run = ?", self._number(key))
        return {shard for (shard,) in done}

    def append(self, key: str, shard: int, rows: ShardRows) -> None:
        """Write all rows of a shard, or nothing; a shard that is there already is left as it is."""
        run = self._number(key)
        with self._writing() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO shards VALUES (?, ?, ?, ?)",
                (run, shard, rows.forwards, rows.seconds),
            )
            if done.rowcount == 0:
                return
            connection.executemany(
                "INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?)",
                ((run, row.sample, to_stored(row.name), *row[2:]) for row in rows.samples),
            )
            connection.executemany(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)",
                ((run, *row[:4], _json(row.curve)) for row in rows.records),
            )
            connection.executemany(
                "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                ((run, row.sample, *map(to_stored, row[1:])) for row in rows.failures),
            )

    def finish(self, key: str) -> None:
        """Note that every shard of the run is done."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE runs SET finished = ? WHERE key = ? AND finished = ''", (_now(), key)
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        try:
            with transaction(self._connection):
                yield self._connection
        except sqlite3.IntegrityError as error:
            message = f"{self.path}: a row was refused ({error}); nothing of its shard is stored"
            raise RunError(message) from error
        except sqlite3.OperationalError as error:
            raise RunError(
                f"{self.path} could not be written: {error}. What was stored before is kept: make "
                "room and run the same command to continue"
            ) from error
        except FAULTS as error:
            raise self._unreadable(error) from error

    # Reading

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
        query = f"SELECT {', '.join(kind._fields)} FROM {_TABLES[kind]} WHERE run = ?"
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


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _json(curve: tuple[float, ...] | None) -> str | None:
    return None if curve is None else json.dumps([float(f"{value:.7g}") for value in curve])
