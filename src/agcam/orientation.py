"""Which way up a picture is: EXIF's orientation, read without failing on broken metadata."""

from __future__ import annotations

from typing import Final

from PIL import ExifTags, Image

TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture of each orientation upright; from 5 on, its sides change places."""


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data say; itself where they say nothing that is known."""
    turn = TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) of the upright picture, from its header."""
    width, height = image.size
    return (height, width) if _orientation(image) >= 5 else (width, height)


def is_upright(image: Image.Image) -> bool:
    """Whether the picture is shown as it is stored."""
    return _orientation(image) == 1


def _orientation(image: Image.Image) -> int:
    """1 to 8; 1, upright, where it is not stated. Broken metadata do not spoil whole pixels."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # parsers of hostile bytes raise anything
        return 1
    return found if isinstance(found, int) and found in TURNS else 1
