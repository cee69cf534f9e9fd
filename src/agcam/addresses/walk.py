"""The files of a folder of this machine: each folder once, whatever links lead to it."""

from __future__ import annotations

import os
from collections import deque
from typing import Final

TWICE: Final = "it is a link to a folder that is read already"


def local_files(root: str) -> tuple[list[str], dict[str, str]]:
    """Files below a folder, relative to it, with `/`; and folders passed over, with the reason.

    Links are followed, behind all that is reached without one, but no folder is read twice: a link
    to a folder above itself would never end. Hidden folders are left out. A folder that is not
    there has nothing.
    """
    files: list[str] = []
    passed: dict[str, str] = {}
    seen: set[tuple[int, int]] = set()
    todo, links = deque([""]), deque[str]()
    while todo or links:
        name = todo.popleft() if todo else links.popleft()
        where = os.path.join(root, name)  # noqa: PTH118  names may be of any bytes
        try:
            status = os.stat(where)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:
                passed[name] = TWICE
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(where) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            if name:
                passed[name] = "it is not there any more"
            continue
        except OSError as error:
            passed[name] = error.strerror or str(error)
            continue
        _sort(inside, f"{name}/" if name else "", files, todo, links)
    return files, passed


def _sort(
    inside: list[os.DirEntry[str]],
    prefix: str,
    files: list[str],
    todo: deque[str],
    links: deque[str],
) -> None:
    """Put what lies in a folder where it belongs."""
    for entry in inside:
        if not _is_folder(entry):
            files.append(prefix + entry.name)
        elif not entry.name.startswith("."):
            (links if entry.is_symlink() else todo).append(prefix + entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself: whoever opens it says so
        return False
