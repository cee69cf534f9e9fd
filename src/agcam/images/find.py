"""Expand names of files, folders and patterns to picture files."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PureWindowsPath

from ..addresses import TWICE, local_files
from ..errors import PictureError
from ..wording import printable

_SUFFIXES = frozenset(
    f".{suffix}"
    for suffixes in ("jpg jpeg jpe jfif mpo png apng webp gif", "tif tiff bmp dib ppm pgm pbm pnm")
    for suffix in (*suffixes.split(), "avif", "jp2", "j2k", "dcm", "dicom")
)


def find_pictures(names: Sequence[str | Path]) -> list[Path]:
    """Expand files, folders and glob patterns to picture files, in the order given, each once.

    `~` is the user's home. A folder gives the picture files in it and below, in natural order (2
    before 10), without hidden ones; links to folders are followed, but no folder is entered twice.
    A pattern (for shells that do not expand it) gives what a shell would. A path that does not
    exist, and a folder below that may not be read, is kept, so that it can be reported as one bad
    picture while the rest go on.
    Raises PictureError for a folder without pictures and a pattern without a match.
    """
    found: dict[str, Path] = {}
    for name in names:
        for path in _expand(_at_home(Path(name))):
            found.setdefault(os.path.normcase(path.absolute()), path)
    return list(found.values())


def is_picture(path: Path) -> bool:
    """Whether a file is a picture (or an animation) by its name."""
    return path.suffix.lower() in _SUFFIXES


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    """Paths with the numbers in their names in order: 2 before 10."""
    return sorted(paths, key=_natural)


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # there is no such user, so it is a name like others
        return path


def _expand(path: Path) -> Iterator[Path]:
    if _is_folder(path):
        yield from _in_folder(path, required=True)
    elif not os.path.lexists(path) and glob.has_magic(str(path)):
        # Path.glob takes no absolute patterns
        matches = [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        pictures = [
            picture
            for match in sorted(matches, key=_natural)
            for picture in (_in_folder(match) if match.is_dir() else [match])
        ]
        if not pictures:
            raise PictureError(f"no picture matches {printable(path)}{windows_hint(path)}")
        yield from pictures
    else:
        yield path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # odd names, before Python 3.12
        return False


def windows_hint(path: Path) -> str:
    """A hint for backslashes, which separate folders on Windows only."""
    if os.sep == "\\" or "\\" not in str(path):
        return ""
    other = PureWindowsPath(str(path)).as_posix()
    return f"; here folders are separated by /, as in {printable(other)}"


def _in_folder(folder: Path, *, required: bool = False) -> list[Path]:
    files, skipped = local_files(str(folder))
    found = [folder / name for name in files if is_picture(Path(name)) and not _is_hidden(name)]
    found += [folder / name for name, why in skipped.items() if name and why != TWICE]
    if required and not found:
        cause = f": {skipped['']}" if "" in skipped else ""
        raise PictureError(f"no picture was found in the folder {printable(folder)}{cause}")
    return sorted(found, key=_natural)


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")


def _natural(path: Path) -> list[list[tuple[int, str]]]:
    """Numbers in names compare as numbers; ties are broken by the name as it is."""
    return [
        [(int(digits or 0), text.lower()) for digits, text in re.findall(r"(\d*)(\D*)", part)]
        + [(0, part)]
        for part in path.parts
    ]
