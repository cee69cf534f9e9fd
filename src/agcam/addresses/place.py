"""One way to read files, whether they lie on this machine or at an fsspec address."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final, cast

from .walk import TWICE, local_files

MOST_BYTES: Final = 256 * 2**20  # of a file that is read whole, if its reader sets no other limit
_PART: Final = 2**20  # bytes to read at once: room is made for as many, however few there are
_CACHES = frozenset({"simplecache", "filecache", "blockcache"})  # around an address, not in it
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")  # two letters: C: is a drive
_FLAGS = sum(getattr(os, flag, 0) for flag in ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK"))


def is_address(text: str) -> bool:
    """Whether this is an fsspec address (`memory://a`, `zip://a::b.zip`), not an existing path."""
    return bool(_SCHEME.match(text)) and not os.path.lexists(text)


def open_file(address: str) -> IO[bytes]:
    """Open a path or address for reading.

    Raises:
        OSError: It cannot be opened, or is a folder, a pipe or a device; FileNotFoundError where it
            does not exist.
    """
    if not is_address(address):
        return _open_regular(address)
    if address.startswith("gtsegs://"):
        from .matlab import open_picture_in

        return open_picture_in(address)
    system, path = _file_system(address)
    return cast(IO[bytes], _call(system.open, path, "rb"))


def _open_regular(path: str) -> IO[bytes]:
    """Open a file without waiting; a pipe or a device, which may never end, is an OSError."""
    descriptor = os.open(path, os.O_RDONLY | _FLAGS)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(f"{path} is a folder")
    raise OSError(f"{path} is a pipe or a device, not a file")


@dataclass(frozen=True)
class Place:
    """A folder of files; what lies in it is named relative to it, with `/`.

    Reading raises OSError, with FileNotFoundError for what is not there.
    """

    root: str

    def at(self, name: str) -> str:
        """The address of a file in this folder; `name` may also be absolute."""
        if is_address(name) or Path(name).is_absolute():
            return name
        if not is_address(self.root):
            return str(Path(self.root, name))
        first, chained, rest = self.root.partition("::")
        if first in _CACHES:
            return f"{first}::{Place(rest).at(name)}"
        first = first if "://" in first else f"{first}://"
        joined = first + name if first.endswith("/") else f"{first}/{name}"
        return joined + chained + rest

    def folder(self, name: str) -> Place:
        """A folder in this one."""
        return Place(self.at(name)) if name else self

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """The bytes of a file; one of more than `most` bytes is an OSError."""
        parts, left = [], most
        with open_file(self.at(name)) as file:
            while part := file.read(_PART):
                parts.append(part)
                left -= len(part)
                if left < 0:
                    raise OSError(f"{self.at(name)} has more than {most:,} bytes")
        return b"".join(parts)

    def text(self, name: str, most: int = MOST_BYTES) -> str:
        """The text of a file: UTF-8, with or without a byte order mark.

        Bytes that are not UTF-8 are kept as lone surrogates, as Python does with file names.
        """
        return self.read(name, most).decode("utf-8-sig", "surrogateescape")

    def lines(self, name: str, most: int = MOST_BYTES) -> list[str]:
        """The lines of a file, which end with LF or CR LF and nothing else."""
        return [line.removesuffix("\r") for line in self.text(name, most).split("\n")]

    def has(self, name: str) -> bool:
        """Whether a file or folder of that name lies here."""
        if not is_address(self.root):
            try:
                return Path(self.root, name).exists()
            except (OSError, ValueError):  # no file can be called so
                return False
        system, path = _file_system(self.at(name))
        return bool(_call(system.exists, path))

    def files(self, name: str = "", suffixes: tuple[str, ...] = ()) -> list[str]:
        """Every file in a folder and below, relative to it, sorted by name; () takes any suffix.

        Hidden ones are excluded; a folder that is not there has none. Raises OSError where a folder
        in it cannot be read.
        """
        found, skipped = self.walk(name, suffixes)
        for folder, why in skipped.items():
            if why != TWICE:
                where = self.folder(name).at(folder)
                raise OSError(f"the folder {where} cannot be read: {why}")
        return found

    def walk(
        self, name: str = "", suffixes: tuple[str, ...] = ()
    ) -> tuple[list[str], dict[str, str]]:
        """The same files, and the folders that were skipped, each with the reason."""
        folder = self.folder(name)
        skipped: dict[str, str] = {}
        if is_address(self.root):
            found = _remote_files(folder)
        else:
            found, skipped = local_files(folder.root)
        shown = [file for file in found if not any(p.startswith(".") for p in file.split("/"))]
        wanted = [file for file in shown if not suffixes or file.lower().endswith(suffixes)]
        return sorted(wanted), skipped

    def contents(self) -> list[str]:
        """Names of what lies directly in this folder, sorted; a folder ends with `/`."""
        if not is_address(self.root):
            root = Path(self.root)
            inside = root.iterdir() if root.is_dir() else []
            return sorted(path.name + "/" * path.is_dir() for path in inside)
        system, path = _file_system(self.root)
        found = _call(system.ls, path, detail=True) if _call(system.isdir, path) else []
        return sorted(
            entry["name"].rstrip("/").rsplit("/", 1)[-1] + "/" * (entry["type"] == "directory")
            for entry in found
        )


def _remote_files(folder: Place) -> list[str]:
    system, path = _file_system(folder.root)
    prefix = path.strip("/")
    found = [name.strip("/") for name in _call(system.find, path)]
    inside = [name for name in found if not prefix or name.startswith(f"{prefix}/")]
    return [name[len(prefix) :].lstrip("/") for name in inside]


def _file_system(address: str) -> tuple[Any, str]:
    """The file system that fsspec has for an address, and the path in it."""
    import fsspec

    first, chained, rest = address.partition("::")
    if chained and first not in _CACHES:
        protocol, _, inside = first.partition("://")
        return _archive(protocol, rest, os.getpid()), inside.strip("/")
    system, path = _call(fsspec.core.url_to_fs, address)
    return system, str(path)


@lru_cache(maxsize=16)
def _archive(protocol: str, rest: str, _process: int) -> Any:
    """An open archive, its table of contents read once; each process has its own.

    fsspec itself keeps none, and closes one as soon as nobody holds it.
    """
    import fsspec

    return _call(fsspec.core.url_to_fs, f"{protocol}://::{rest}")[0]


def _call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a file system, which may raise anything; what it raises becomes an OSError."""
    try:
        return function(*arguments, **options)
    except FileNotFoundError as error:
        cause = error.__cause__  # fsspec states so too where a host cannot be reached
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            raise OSError(f"{cause}") from error
        raise
    except KeyError as error:  # what zip files raise for a name that they do not hold
        raise FileNotFoundError(str(error)) from error
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
