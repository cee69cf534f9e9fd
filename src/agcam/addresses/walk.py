"""The files of a folder of this machine: each folder once, whatever links lead to it."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Final

TWICE: Final = "it is a link to a folder that is read already"


def local_files(root: str) -> tuple[list[str], dict[str, str]]:
    """Files below a folder, relative to it, with `/`; and folders that were skipped, with reasons.

    Links are followed, after all that is reached without one, but no folder is read twice: a link
    to a folder above itself would never end. Hidden folders are excluded. A folder that is not
    there has nothing.
    """
    files: list[str] = []
    skipped: dict[str, str] = {}
    seen: set[tuple[int, int]] = set()
    folders, links = deque([""]), deque[str]()
    while folders or links:
        name = folders.popleft() if folders else links.popleft()
        try:
            status = Path(root, name).stat()
            if (status.st_dev, status.st_ino) in seen:
                skipped[name] = TWICE
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(Path(root, name)) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            if name:
                skipped[name] = "it no longer exists"
            continue
        except OSError as error:
            skipped[name] = error.strerror or str(error)
            continue
        prefix = f"{name}/" if name else ""
        for entry in inside:
            if not _is_folder(entry):
                files.append(prefix + entry.name)
            elif not entry.name.startswith("."):
                (links if entry.is_symlink() else folders).append(prefix + entry.name)
    return files, skipped


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself: opening it reports that
        return False
