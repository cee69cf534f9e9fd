"""Pictures as small files and as data: addresses."""

from __future__ import annotations

import base64
import io
from typing import Final

from PIL import Image, features

from .data import Picture

SMALL: Final = "webp" if features.check("webp") else "jpeg"
QUALITY: Final = 86


def small_file(picture: Image.Image) -> bytes:
    """Encode the picture as a small file, WebP where this machine can, else JPEG."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, format=SMALL.upper(), quality=QUALITY)
    return buffer.getvalue()


def data_address(file: bytes, kind: str = SMALL) -> str:
    """A picture's file as a data: address."""
    return f"data:image/{kind};base64,{base64.b64encode(file).decode('ascii')}"


def reduced(picture: Image.Image, side: int) -> Image.Image:
    """The picture, made smaller where its longer side is above `side` pixels."""
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def embedded(picture: Image.Image, side: int = 900) -> Picture:
    """The picture within the page, its longer side no more than `side` pixels."""
    small = reduced(picture, side)
    return Picture(data_address(small_file(small)), *small.size)
