"""Paths on the command line, looked at before a model is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import PictureError
from ..wording import printable


def check_existing(pictures: Sequence[str]) -> None:
    """PictureError if none of the paths exists."""
    from ..images import find_pictures, holds_no_pictures

    videos = [path for path in map(Path, pictures) if holds_no_pictures(path)]
    paths = [] if videos else find_pictures(pictures)
    if not videos and not any(os.path.lexists(path) for path in paths):
        raise PictureError("; ".join(f"{printable(path)} does not exist" for path in paths[:5]))
