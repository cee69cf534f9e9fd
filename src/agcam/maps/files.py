"""Write outputs whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import SaveError


def write_atomically(
    path: str | Path, data: bytes | Iterable[bytes], *, sync: bool = False
) -> None:
    """Write `data`, whole or in pieces: a reader sees the old file or the new one, never a part.

    Missing folders are made; a temporary file in the same folder is renamed at the end, and removed
    if anything fails. `sync` also waits until the data is on the disk. Raises SaveError, one
    sentence that names the path and the cause.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:  # not tempfile: that would make it unreadable to others
            for piece in [data] if isinstance(data, bytes) else data:
                file.write(piece)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, (OSError, ValueError)):  # ValueError: NUL in the name
            raise SaveError(f"{path} could not be written: {_cause(error, path)}") from error
        raise


def write_as_it_comes(path: str | Path, pieces: Iterable[str]) -> None:
    """Write a text piece by piece, each line at once: a reader sees what there is so far.

    A letter that UTF-8 cannot hold (half of a pair, as in names of files that are not UTF-8) is
    written as its escape. Raises SaveError, and whatever making a piece raises.
    """
    path = Path(path)
    with saving(path):
        file = path.open("w", 1, encoding="utf-8", errors="backslashreplace", newline="\n")
    with file:
        for piece in pieces:
            with saving(path):
                file.write(piece)
        with saving(path):
            file.flush()


@contextlib.contextmanager
def saving(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is written into a SaveError that names it and the cause."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise SaveError(f"{path} could not be written: {_cause(error, path)}") from error


def _cause(error: OSError | ValueError, path: Path) -> str:
    if isinstance(error, ValueError):
        return f"not a file name ({error})"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "the disk is full"
    if error.errno in {errno.EEXIST, errno.ENOTDIR}:
        return "a file stands where a folder should be"
    if error.errno == errno.EISDIR or (os.name == "nt" and path.is_dir()):
        return "a folder of that name is there"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "permission denied"
    return error.strerror or str(error)


def png_bytes(image: Image.Image) -> bytes:
    """Encode the picture as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def npy_bytes(array: NDArray[Any]) -> bytes:
    """Encode the array as an .npy file (never a pickle), to be read with np.load."""
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()
