"""Pictures beside their labels: copied, linked or converted, and upright."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from PIL import Image

from ..images import open_picture
from ..maps import write_atomically
from ..orientation import is_upright

CHUNK: Final = 1 << 20


def place(source: Path, target: Path, link: bool) -> None:
    """Copy a picture, or link it where the disk can; another kind becomes what `target` is.

    So does one that its EXIF turns: not every tool does that, and the labels are of upright ones.
    """
    if target.exists():
        return
    if source.suffix.lower() not in _same(target.suffix) or not _is_upright(source):
        _convert(open_picture(source), target)
        return
    if link:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source.resolve(), target)  # not a link to a relative link, which leads nowhere
        except OSError:  # another disk, or one without links
            pass
        else:
            return
    write_atomically(target, _chunks(source))


def _is_upright(source: Path) -> bool:
    """Whether a picture that could be opened is shown as it is stored."""
    with warnings.catch_warnings(), suppress(Exception), Image.open(source) as image:
        warnings.simplefilter("ignore")  # of its size, which was checked when it was explained
        return is_upright(image)
    return True


def _same(suffix: str) -> tuple[str, ...]:
    """The suffixes of a kind of picture."""
    return (".jpg", ".jpeg") if suffix == ".jpg" else (suffix,)


def _convert(picture: Image.Image, target: Path) -> None:
    buffer = io.BytesIO()
    kind = Image.registered_extensions()[target.suffix]
    options: dict[str, Any] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True},
    }
    picture.save(buffer, format=kind, **options.get(kind, {}))
    write_atomically(target, buffer.getvalue())


def hash_of(path: Path) -> str:
    """SHA-256 of a file; an empty text if it cannot be read."""
    digest = hashlib.sha256()
    try:
        for chunk in _chunks(path):
            digest.update(chunk)
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
