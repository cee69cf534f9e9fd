"""From what a command line names to the picture files it means."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import PictureError

_SUFFIXES = frozenset(
    f".{suffix}"
    for suffixes in ("jpg jpeg jpe jfif mpo png apng webp gif", "tif tiff bmp dib ppm pgm pbm pnm")
    for suffix in (*suffixes.split(), "avif", "jp2", "j2k")
)


def find_pictures(names: Sequence[str | Path]) -> list[Path]:
    """Expand files, folders and glob patterns to picture files, in the order given, each once.

    A folder gives the picture files in it and below, in natural order (2 before 10), without
    hidden ones; a pattern (for shells that do not expand it) gives what a shell would. A path that
    does not exist is kept, so that it can be reported as one bad picture while the rest go on.
    Raises PictureError for a folder without pictures and a pattern without a match.
    """
    found: dict[str, Path] = {}
    for name in names:
        for path in _expand(Path(name)):
            found.setdefault(os.path.normcase(path.absolute()), path)
    return list(found.values())


def _expand(path: Path) -> Iterator[Path]:
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises on odd names before Python 3.12
        yield from _in_folder(path, required=True)
    elif not os.path.lexists(path) and glob.has_magic(str(path)):
        matches = [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        pictures = [
            picture
            for match in sorted(matches, key=_natural)
            for picture in (_in_folder(match) if match.is_dir() else [match])
        ]
        if not pictures:
            raise PictureError(f"no picture matches {path}")
        yield from pictures
    else:
        yield path


def _in_folder(folder: Path, *, required: bool = False) -> list[Path]:
    problems: list[OSError] = []
    found = []
    for base, folders, files in os.walk(folder, onerror=problems.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(base, name) for name in files if not name.startswith(".")]
        found += [path for path in paths if path.suffix.lower() in _SUFFIXES]
    if required and not found:
        cause = f": {problems[0].strerror}" if problems else ""
        raise PictureError(f"no picture was found in the folder {folder}{cause}")
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[list[tuple[int, str]]]:
    """Numbers in names compare as numbers; ties are broken by the name as it is."""
    return [
        [(int(digits or 0), text.lower()) for digits, text in re.findall(r"(\d*)(\D*)", part)]
        + [(0, part)]
        for part in path.parts
    ]
