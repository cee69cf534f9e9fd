"""The scan on disk: one file a shard, written once; then columns that are memory-mapped."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ..errors import RunError
from ..evaluation.stamps import hash_of
from ..maps import saving, write_atomically
from ..records import Failure
from .scan import Scanned
from .values import Patches, Pictures

FOLDER: Final = 1000  # files of shards in one folder
OF_PICTURES: Final = tuple(field.name for field in fields(Pictures))
OF_PATCHES: Final = tuple(field.name for field in fields(Patches))
COMPLETE: Final = "complete.json"
"""Written last among the columns; holds what could not be scanned."""
DAMAGE: Final = (OSError, ValueError, KeyError, zipfile.BadZipFile)


class Shards:
    """The shards of one scan in a folder of its own; a killed process leaves only whole files.

    A shard's file has the stamp of its pictures in its name: what was scanned of other pictures
    under the same names is not taken for theirs.
    """

    def __init__(self, folder: Path, stamps: Sequence[str]) -> None:
        self.folder, self.stamps, self.stamp = folder, stamps, hash_of(stamps)

    @property
    def count(self) -> int:
        """How many shards there are."""
        return len(self.stamps)

    @property
    def tests(self) -> Path:
        """The folder for what is tested on these pictures."""
        return self.folder / "tests" / self.stamp

    def done(self) -> set[int]:
        """The shards that are there; whether a file can be read is seen when it is."""
        return {shard for shard in range(self.count) if self._path(shard).exists()}

    def write(self, shard: int, scanned: Scanned) -> None:
        """Keep a shard."""
        buffer = io.BytesIO()
        about = {"failures": scanned.failures, "forwards": scanned.forwards}
        columns: dict[str, Any] = {**scanned.columns, "about": _as_bytes(about)}
        np.savez(buffer, **columns)
        path = self._path(shard)
        (self.folder / "columns" / COMPLETE).unlink(missing_ok=True)
        write_atomically(path, buffer.getvalue())
        others = set(path.parent.glob(f"{shard:07}-*.npz")) - {path}
        for old in others if scanned.columns else ():  # a disk that is not mounted loses nothing
            old.unlink()

    def read(self, shard: int) -> Scanned:
        """A shard; RunError, after its file is removed, where that is damaged."""
        path = self._path(shard)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                columns = {name: file[name] for name in file.files if name != "about"}
                about = json.loads(file["about"].tobytes())
        except DAMAGE as error:
            path.unlink(missing_ok=True)
            raise RunError(
                f"{path} was damaged ({error}) and is removed; run the same command to scan its "
                "pictures again"
            ) from error
        failures = tuple(Failure(*row) for row in about["failures"])
        return Scanned(columns, failures, about["forwards"])

    def columns(self) -> tuple[Pictures, Patches, tuple[Failure, ...]]:
        """All shards one below the other, memory-mapped, and what could not be scanned.

        Raises:
            RunError: No picture was scanned.
            SaveError: There is no room for the columns.
        """
        target = self.folder / "columns"
        failures = self._failures(target)
        if failures is None:
            shutil.rmtree(target, ignore_errors=True)
            failures = self._merge(target)
        found = {
            name: np.load(target / f"{name}.npy", mmap_mode="r")
            for name in (*OF_PICTURES, *OF_PATCHES)
        }
        return (
            Pictures(**{name: found[name] for name in OF_PICTURES}),
            Patches(**{name: found[name] for name in OF_PATCHES}),
            failures,
        )

    def _merge(self, target: Path) -> tuple[Failure, ...]:
        """Write the columns, then that they are complete; two passes over the shards."""
        pictures = patches = 0
        first: Scanned | None = None
        failures: list[Failure] = []
        for scanned in self._each():
            pictures += len(scanned.columns.get("number", ()))
            patches += len(scanned.columns.get("picture", ()))
            first = scanned if first is None and scanned.columns else first
            failures += scanned.failures
        if first is None:
            why = f", for example {failures[0].name}: {failures[0].message}" if failures else ""
            raise RunError(f"no picture could be scanned{why}")
        with saving(target):
            target.mkdir(parents=True, exist_ok=True)
        made = {
            name: _room(
                target / f"{name}.npy", column, pictures if name in OF_PICTURES else patches
            )
            for name, column in first.columns.items()
        }
        row = patch = 0
        for scanned in self._each():
            count, some = (len(scanned.columns.get(name, ())) for name in ("number", "picture"))
            for name, column in scanned.columns.items():
                start, stop = (row, row + count) if name in OF_PICTURES else (patch, patch + some)
                made[name][start:stop] = column + row if name == "picture" else column
            row, patch = row + count, patch + some
        for column in made.values():
            column.flush()
        about = {"stamp": self.stamp, "failures": failures}
        write_atomically(target / COMPLETE, json.dumps(about).encode())
        return tuple(failures)

    def _failures(self, target: Path) -> tuple[Failure, ...] | None:
        """What could not be scanned; None where the columns are not complete, or of others."""
        try:
            about = json.loads((target / COMPLETE).read_bytes())
            rows = about["failures"] if about["stamp"] == self.stamp else None
            return None if rows is None else tuple(Failure(*row) for row in rows)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _each(self) -> Iterator[Scanned]:
        return (self.read(shard) for shard in sorted(self.done()))

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard // FOLDER:04}" / f"{shard:07}-{self.stamps[shard]}.npz"


def _room(path: Path, column: NDArray[Any], rows: int) -> Any:
    """A column's file, mapped. SaveError where the disk has no room for all of it.

    A file of holes has none yet: writing to its map on a full disk would kill the process.
    """
    with saving(path):
        shape = (rows, *column.shape[1:])
        made = open_memmap(path, mode="w+", dtype=column.dtype, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return made


def _as_bytes(value: Any) -> NDArray[np.uint8]:
    text = json.dumps(value).encode()
    return np.frombuffer(text, dtype=np.uint8)
