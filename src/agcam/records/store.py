"""One SQLite file of runs and their rows: append shard by shard, go on where a run stopped.

The file is in WAL mode, each shard is one transaction, and the driver of a run is the only one that
writes for it. A process killed at any moment loses the shard it was at, and nothing else.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import RunError
from .damage import FAULTS
from .opening import open_to_read, open_to_write, transaction
from .reader import TABLES, StoreReader
from .rows import ShardRows
from .stored_text import to_stored


class Store(StoreReader):
    """A store, which is a context manager; `damage` counts what could not be read of it.

    Args:
        path: The file.
        create: Make the store where there is none, and write to it; else it is only read.

    Raises:
        RunError: The file is not a store, or one of a newer version, or the disk is full.
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        with ExitStack() as stack:
            if create:
                connection = open_to_write(Path(path))
                stack.callback(connection.close)
            else:
                connection = open_to_read(Path(path), stack)
            self._open = stack.pop_all()
        super().__init__(Path(path), connection)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; rows that were appended stay."""
        self._open.close()

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
                "INSERT OR IGNORE INTO shards VALUES (?, ?, ?, ?, ?)",
                (run, shard, rows.forwards, rows.seconds, rows.stamp),
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

    def remove(self, key: str, shards: Sequence[int], size: int) -> None:
        """Remove all rows of shards of `size` samples: the run is no longer finished."""
        run = self._number(key)
        with self._writing() as connection:
            for shard in shards:
                connection.execute("DELETE FROM shards WHERE run = ? AND shard = ?", (run, shard))
                for table in TABLES.values():
                    connection.execute(
                        f"DELETE FROM {table} WHERE run = ? AND sample >= ? AND sample < ?",
                        (run, shard * size, (shard + 1) * size),
                    )
            connection.execute("UPDATE runs SET finished = '' WHERE key = ?", (key,))

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


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _json(curve: tuple[float, ...] | None) -> str | None:
    return None if curve is None else json.dumps([float(f"{value:.7g}") for value in curve])
