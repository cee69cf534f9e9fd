"""What an explanation leaves on disk: overlay, map, numbers and manifest of each picture."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..maps import heat_map, npy_bytes, overlay, png_bytes, to_pixels, write_atomically
from ..values import Answer

if TYPE_CHECKING:
    from . import Explanation

LONGEST: Final = 100  # bytes of each of two parts of a file's name, which has at most 255


def files_of(
    explanation: Explanation,
    picture: int,
    stem: str,
    alpha: float,
    colormap: str,
    more: Mapping[str, Any],
) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all files of one picture, the manifest last; each map once."""
    manifest, names = explanation.manifest(picture), explanation.file_stems(picture, stem)
    maps = explanation.grid_map[picture, : len(names)].numpy()
    raw = to_pixels(maps, explanation.frames[picture])
    yield f"{stem}.npy", npy_bytes(np.asarray(raw, dtype=np.float32))
    del raw
    for target, name in enumerate(names):
        files = {"overlay": f"{name}.overlay.png", "map": f"{name}.map.png"}
        every = manifest["targets"]
        for entry in every[target : target + 1] if explanation.class_specific else every:
            entry["files"] = files
        values = explanation.normalized(picture, target)
        over = overlay(explanation.pictures[picture], values, alpha=alpha, colormap=colormap)
        yield files["overlay"], png_bytes(over)
        yield files["map"], png_bytes(heat_map(values, colormap))
    manifest |= {"map_file": f"{stem}.npy", **more}
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    # a byte that is no text becomes JSON's escape of it
    yield f"{stem}.json", text.encode("utf-8", "backslashreplace")


def part_of(answer: Answer) -> str:
    """A target's part of a file name."""
    number = "" if answer.index is None else f"{answer.index}-"
    return f"{number}{slug(answer.name)}" or "target"


def write_all(folder: Path, files: Iterable[tuple[str, bytes]]) -> list[Path]:
    """Write all files or none; returns their paths. Raises SaveError."""
    written: list[Path] = []
    try:
        for name, data in files:
            write_atomically(folder / name, data)
            written.append(folder / name)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written


def file_names(sources: Sequence[str]) -> list[str]:
    """A file name for each source; equal names (in any case, as some disks see it) are numbered."""
    return distinct(
        [
            slug(Path(source).stem, keep_case=True) or f"picture-{number}"
            for number, source in enumerate(sources, 1)
        ]
    )


def distinct(names: Sequence[str]) -> list[str]:
    """The names in their order; a name that was there before is numbered by its place."""
    found: dict[str, str] = {}  # without case -> as it is
    for number, first in enumerate(names, 1):
        tries = chain([first], (f"{first}-{more}" for more in count(number)))
        name = next(name for name in tries if name.casefold() not in found)
        found[name.casefold()] = name
    return list(found.values())


def slug(text: str, *, keep_case: bool = False) -> str:
    """Text as a part of a file name."""
    made = re.sub(r"[^\w.-]+", "-", text).strip("-.")[:80]
    short = made.encode()[:LONGEST].decode(errors="ignore")  # file systems count bytes, not letters
    return short if keep_case else short.lower()
