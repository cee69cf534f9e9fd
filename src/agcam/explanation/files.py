"""What an explanation leaves on disk: overlay, map, numbers and manifest of each picture."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from ..errors import SaveError
from ..maps import (
    VIDEOS,
    PixelMap,
    heat_map,
    npy_bytes,
    overlay,
    with_axes,
    write_atomically,
)
from ..values import Answer
from ..viewer import reduced

if TYPE_CHECKING:
    from . import Explanation

LONGEST: Final = 100  # bytes of each of two parts of a file's name, which has at most 255


FORMATS: Final = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}


@dataclass(frozen=True)
class FileStyle:
    """How overlays and maps are drawn and kept.

    `alpha` is the weight of the map in the overlay; `kind` is the format of the files (png, jpg or
    webp), `video` that of a clip's (gif or mp4); `side` the most pixels of a longer side, 0 for
    those of the picture itself. Raises SaveError for another format.
    """

    alpha: float = 0.5
    colormap: str = "turbo"
    kind: str = "png"
    side: int = 1600
    video: str = "gif"

    def __post_init__(self) -> None:
        for given, known in ((self.kind, FORMATS), (self.video, VIDEOS)):
            if given not in known:
                raise SaveError(f"no format is called {given!r}: give {', '.join(known)}.")

    @property
    def of_map(self) -> dict[str, Any]:
        """How a map is drawn over a picture."""
        return {"alpha": self.alpha, "colormap": self.colormap}

    def file(self, image: Image.Image) -> bytes:
        """A drawing as a file's bytes."""
        buffer = io.BytesIO()
        options = {} if self.kind == "png" else {"quality": 90}
        image.save(buffer, format=FORMATS[self.kind], **options)
        return buffer.getvalue()

    def on(self, picture: Image.Image) -> Image.Image:
        """The picture to draw on."""
        return reduced(picture, self.side) if 0 < self.side < max(picture.size) else picture


USUAL: Final = FileStyle()


def files_of(
    explanation: Explanation, picture: int, stem: str, style: FileStyle, more: Mapping[str, Any]
) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all files of one picture, the manifest last; each map once."""
    manifest, names = explanation.manifest(picture), explanation.file_stems(picture, stem)
    image = style.on(explanation.pictures[picture])
    maps = explanation.on_pixels(picture, slice(len(names)), image)
    whole = explanation.grid_map[picture, : len(names)].numpy() if explanation.clips else maps
    kept = np.asarray(whole, dtype=np.float32)
    yield f"{stem}.npy", npy_bytes(kept)
    for target, name in enumerate(names):
        files = {kind: f"{name}.{kind}.{style.kind}" for kind in ("overlay", "map")}
        every = manifest["targets"]
        for entry in every[target : target + 1] if explanation.class_specific else every:
            entry["files"] = files
        values = maps[target].view(PixelMap).normalized()
        over = overlay(image, values, **style.of_map)
        if explanation.sounds:
            over = with_axes(over, explanation.sounds[picture])
        yield files["overlay"], style.file(over)
        yield files["map"], style.file(heat_map(values, style.colormap))
        if explanation.clips:
            files["video"] = f"{name}.{style.video}"
            yield (
                files["video"],
                explanation.video_file(style.video, picture, target, **style.of_map),
            )
    size = list(kept.shape[:0:-1])
    manifest |= {"map_file": f"{stem}.npy", "map_size": size, **more}
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    # a byte that is not text becomes JSON's escape of it
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


def distinct(names: Sequence[str], key: Callable[[str], str] = str.casefold) -> list[str]:
    """The names in their order; one whose `key` was there before is numbered by its place."""
    found: dict[str, str] = {}
    for number, first in enumerate(names, 1):
        tries = chain([first], (f"{first}-{more}" for more in count(number)))
        name = next(name for name in tries if key(name) not in found)
        found[key(name)] = name
    return list(found.values())


def slug(text: str, *, keep_case: bool = False) -> str:
    """Text as a part of a file name."""
    made = re.sub(r"[^\w.-]+", "-", text).strip("-.")[:80]
    short = made.encode()[:LONGEST].decode(errors="ignore")  # file systems count bytes, not letters
    return short if keep_case else short.lower()
