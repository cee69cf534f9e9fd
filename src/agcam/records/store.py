"""One SQLite file of runs and their rows: append shard by shard, go on where a run was.

The file is in WAL mode, each shard is one transaction, and the driver of a run is the only one that
writes for it. A process killed at any moment loses the shard it was at, and nothing else.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from ..errors import RunError
from .rows import Failure, Record, Run, SampleRow, ShardRows
from .schema import APPLICATION, TABLES, VERSION

WAIT: Final = 60.0  # seconds for another run's transaction to end
RETRY: Final = 0.01  # seconds
SHORTEST: Final = 6  # letters of a run's key that name it


class Store:
    """A store at a path, made where there is none (`create`); use as a context manager.

    Raises RunError for a file that is not a store, one of a newer version, a full disk.
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self.path = Path(path)
        if not create and not self.path.is_file():
            raise RunError(f"{self.path} is not there; `agcam evaluate --store FILE` makes a store")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"{self.path} cannot be opened as a store: {error}") from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; rows that were appended stay."""
        self._connection.close()

    def begin(self, key: str, configuration: Mapping[str, Any], shards: int) -> set[int]:
        """Enter a run, or find it again: returns the numbers of the shards that are done."""
        text = json.dumps(configuration)
        with self._writing():
            self._connection.execute(
                "INSERT OR IGNORE INTO runs (key, configuration, shards, started) "
                "VALUES (?, ?, ?, ?)",
                (key, text, shards, _now()),
            )
        done = self._rows("SELECT shard FROM shards WHERE run = ?", self._number(key))
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
                ((run, *row) for row in rows.samples),
            )
            connection.executemany(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)",
                ((run, *row[:4], _json(row.curve)) for row in rows.records),
            )
            connection.executemany(
                "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                ((run, *row) for row in rows.failures),
            )

    def finish(self, key: str) -> None:
        """Say that every shard of the run is done."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE runs SET finished = ? WHERE key = ? AND finished = ''", (_now(), key)
            )

    def runs(self) -> list[Run]:
        """Every run, the oldest first."""
        return [self._run(*row) for row in self._rows("SELECT * FROM runs ORDER BY run")]

    def run(self, key: str = "") -> Run:
        """The run whose key begins with `key`; the last one if it is empty. Raises RunError."""
        known = self.runs()
        found = [run for run in known if run.key.startswith(key)] if key else known[-1:]
        if len(found) == 1:
            return found[0]
        if not known:
            raise RunError(f"{self.path} holds no run yet")
        keys = ", ".join(run.key[:12] for run in found or known)
        said = f"{len(found)} runs of that name" if found else "no run of that name"
        raise RunError(f"{self.path}: {key!r} is {said}; its runs: {keys}")

    def samples(self, key: str) -> list[SampleRow]:
        """The samples of a run in the data set's order."""
        query = "SELECT sample, name, label, prediction, probability FROM samples WHERE run = ?"
        return [SampleRow(*row) for row in self._rows(query, self._number(key))]

    def records(self, key: str) -> Iterator[Record]:
        """The numbers of a run, in the order sample, method, metric."""
        query = "SELECT sample, method, metric, value, curve FROM records WHERE run = ?"
        number = self._number(key)
        for sample, method, metric, value, curve in self._connection.execute(query, (number,)):
            points = None if curve is None else tuple(json.loads(curve))
            yield Record(sample, method, metric, value, points)

    def failures(self, key: str) -> list[Failure]:
        """What could not be judged, in the data set's order."""
        query = "SELECT sample, name, method, metric, message FROM failures WHERE run = ?"
        return [Failure(*row) for row in self._rows(query, self._number(key))]

    def _prepare(self) -> None:
        """Know the file, or make its tables. Two processes may do so at once.

        SQLite does not wait for a lock by itself while it recovers a log or changes the mode.
        """
        end = time.monotonic() + WAIT
        while True:
            try:
                return self._know()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):  # the error's code came with Python 3.11
                    raise RunError(f"{self.path} could not be opened: {error}") from error
                if time.monotonic() > end:
                    raise RunError(f"{self.path} is in use by another program: {error}") from error
                time.sleep(RETRY)
            except sqlite3.DatabaseError as error:
                raise RunError(f"{self.path} is not a store: {error}") from error

    def _know(self) -> None:
        version = self._pragma("user_version")
        empty = version == 0 and not self._pragma("schema_version")
        if not empty and self._pragma("application_id") != APPLICATION:
            raise RunError(f"{self.path} is a database of another program, not a store")
        if version > VERSION:
            raise RunError(
                f"{self.path} was written by a newer agcam (store version {version}, this one "
                f"knows {VERSION}); install that version, or name another file"
            )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        if empty:
            self._make()

    def _make(self) -> None:
        with self._writing() as connection:
            if self._pragma("user_version"):
                return  # another process was faster
            for statement in TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.IntegrityError as error:
            raise RunError(f"{self.path}: a row was refused ({error}); nothing of its shard") from (
                error
            )
        except sqlite3.Error as error:
            raise RunError(
                f"{self.path} could not be written: {error}. What was stored before is kept: make "
                "room and start the same command again, it goes on from there"
            ) from error

    def _rows(self, query: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise RunError(f"{self.path} could not be read: {error}") from error

    def _number(self, key: str) -> int:
        found = self._rows("SELECT run FROM runs WHERE key = ?", key)
        if not found:
            raise RunError(f"{self.path} has no run {key}")
        return int(found[0][0])

    def _run(self, number: int, key: str, text: str, shards: int, start: str, end: str) -> Run:
        count = "SELECT count(*), total(forwards), total(seconds) FROM shards WHERE run = ?"
        done, forwards, seconds = self._rows(count, number)[0]
        samples, failures = (
            self._rows(f"SELECT count(*) FROM {table} WHERE run = ?", number)[0][0]
            for table in ("samples", "failures")
        )
        cost = {"forwards": forwards, "seconds": seconds}
        return Run(key, json.loads(text), shards, start, end, done, samples, failures, cost)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _json(curve: tuple[float, ...] | None) -> str | None:
    return None if curve is None else json.dumps([float(f"{value:.7g}") for value in curve])
