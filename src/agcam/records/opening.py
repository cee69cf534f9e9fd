"""Opening a store's file: to write to it, or to read it and leave it as it is."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from ..errors import RunError
from .damage import FAULTS
from .schema import APPLICATION, TABLES, UPGRADES, VERSION
from .stored_text import decoded

WAIT: Final = 60.0  # seconds for another run's transaction to end
RETRY: Final = 0.01  # seconds
LOG: Final = "-wal"
Result = TypeVar("Result")


def open_to_write(path: Path) -> sqlite3.Connection:
    """The store at a path, made where there is none. Raises RunError."""
    try:
        if path.exists() and not path.is_file():
            raise RunError(f"{path} is not a file, so it cannot be a store")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()  # it states why it cannot, as SQLite does not
        connection = _connect(str(path), uri=False)
    except (OSError, sqlite3.Error) as error:
        cause = getattr(error, "strerror", None) or error  # without the path, which is named
        raise RunError(f"{path} cannot be opened as a store: {cause}") from error
    try:
        _until_unlocked(path, lambda: _prepare(path, connection))
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise RunError(f"{path} could not be opened: {error}") from error
        raise
    return connection


def open_to_read(path: Path, stack: ExitStack) -> sqlite3.Connection:
    """The store at a path; `stack` closes it. Raises RunError.

    No mode of the file is changed. Where SQLite can make no files beside it (a read-only folder, a
    full disk), a store whose log is empty is read as it stands, and one with a log from a copy.
    """
    try:
        exists, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be opened as a store: {error}") from error
    if is_folder:
        raise RunError(f"{path} is a folder; name the store in it, the file of --store")
    if not exists:
        raise RunError(f"{path} does not exist; `agcam evaluate --store FILE` makes a store")
    reasons: list[Exception] = []
    for attempt in (_in_place, _as_it_stands, _from_a_copy):
        try:
            return attempt(path, stack)
        except (OSError, sqlite3.OperationalError) as error:
            reasons.append(error)
    raise RunError(f"{path} could not be opened: {reasons[0]}") from reasons[0]


def _in_place(path: Path, stack: ExitStack) -> sqlite3.Connection:
    return _reader(path, path, "mode=rw", stack)


def _as_it_stands(path: Path, stack: ExitStack) -> sqlite3.Connection:
    """Without locks and log, which is right where the log is empty and nobody can write."""
    log = Path(f"{path}{LOG}")
    if log.exists() and log.stat().st_size:
        raise OSError("its log is not empty")
    return _reader(path, path, "mode=ro&immutable=1", stack)


def _from_a_copy(path: Path, stack: ExitStack) -> sqlite3.Connection:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agcam-")))
    files = [Path(f"{path}{end}") for end in ("", LOG)]
    before = [file.stat().st_mtime_ns for file in files]
    for file in files:
        shutil.copyfile(file, folder / file.name)
    if before != [file.stat().st_mtime_ns for file in files]:
        raise OSError("it was written to while it was copied; retry")
    return _reader(path, folder / path.name, "mode=rw", stack)


def _reader(path: Path, file: Path, mode: str, stack: ExitStack) -> sqlite3.Connection:
    connection = _connect(f"{file.absolute().as_uri()}?{mode}", uri=True)
    stack.callback(connection.close)
    connection.execute("PRAGMA trusted_schema = OFF")  # the file may be anybody's
    connection.execute("PRAGMA cell_size_check = ON")
    if not _until_unlocked(path, lambda: is_store(path, connection)):
        raise RunError(f"{path} holds no run yet")
    return connection


def _connect(name: str, uri: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(name, uri=uri, timeout=WAIT, isolation_level=None)
    connection.text_factory = decoded
    return connection


def is_store(path: Path, connection: sqlite3.Connection) -> bool:
    """Whether a file has its tables already; an empty file has none.

    Raises RunError for another program's file, and for a store that this version does not read.
    """
    connection.execute("BEGIN")  # one state of it, also while another process makes the tables
    try:
        version = _pragma(connection, "user_version")
        empty = version == 0 and not _pragma(connection, "schema_version")
        if not empty and _pragma(connection, "application_id") != APPLICATION:
            raise RunError(f"{path} is a database of another program, not a store")
        if connection.execute(
            "SELECT 1 FROM sqlite_master WHERE type IN ('view', 'trigger')"
        ).fetchone():  # a view may be endless, and a trigger can do anything
            raise RunError(
                f"{path} has views or triggers, which no store of agcam has; it is not read"
            )
    finally:
        connection.execute("ROLLBACK")
    if version < 1 and not empty:
        raise RunError(f"{path} is damaged: it states the store version {version}")
    if version > VERSION:
        raise RunError(
            f"{path} was written by a newer agcam (store version {version}, this one "
            f"knows {VERSION}); install that version, or name another file"
        )
    return not empty


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    """Make the tables, or bring them up to date. Several processes may do so at once."""
    is_store(path, connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if _pragma(connection, "user_version") == VERSION:
        return
    with transaction(connection):  # which waits for another process, and sees what that one did
        version = _pragma(connection, "user_version")
        steps = [UPGRADES[old] for old in range(version, VERSION)] if version else [TABLES]
        for statement in ";\n".join(steps).split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written, or nothing. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with suppress(sqlite3.Error):  # the first error is the one that matters
                connection.execute("ROLLBACK")
        raise


def _until_unlocked(path: Path, act: Callable[[], Result]) -> Result:
    """Retry: SQLite does not wait for a lock while it recovers a log or changes the mode."""
    end = time.monotonic() + WAIT
    while True:
        try:
            return act()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):  # the error's code came with Python 3.11
                raise
            if time.monotonic() > end:
                raise RunError(f"{path} is in use by another program: {error}") from error
            time.sleep(RETRY)
        except FAULTS as error:
            raise RunError(f"{path} is not a store: {error}") from error


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
