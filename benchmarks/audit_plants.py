"""Shortcuts that are planted in pictures, six kinds, each with the mask of where it is."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

KINDS = ("tag", "stripe", "frame", "cast", "object", "timestamp")
PLACELESS = ("frame", "cast")  # there is one place only
WORDS = ("SAMPLE", "ARCHIVE COPY", "STUDIO 21", "www.photos.example", "NOT FOR SALE", "LOT 1180")


@dataclass(frozen=True)
class Plant:
    """One shortcut; `seed` draws its colours, size, words and object.

    Attributes:
        kind: One of KINDS.
        moving: Whether each picture has it at a place of its own, or all at the same.
        objects: The folder that objects are cut out of (`images`, `polygons`), for kind "object".
    """

    kind: str
    moving: bool
    seed: int
    objects: Path | None = None

    def put(self, picture, key):
        """`picture` (side, side, 3) uint8 with the plant and its mask; `key` draws the place."""
        own, each = np.random.default_rng([self.seed, 1]), np.random.default_rng([self.seed, key])
        if self.kind == "cast":
            return cast(picture, own), np.ones(picture.shape[:2], dtype=bool)
        if self.kind == "frame":
            tile = frame(picture.shape[0], own)
        elif self.kind == "object":
            tile = turned(cut_out(self.objects, self.seed), each)
        else:
            tile = {"tag": tag, "stripe": stripe, "timestamp": timestamp}[self.kind](
                picture.shape[0], own, each
            )
        at = self._place(picture.shape[0], tile.size, each if self.moving else own)
        whole = Image.fromarray(picture)
        whole.paste(tile, at, tile)
        mask = np.zeros(picture.shape[:2], dtype=bool)
        mask[at[1] : at[1] + tile.height, at[0] : at[0] + tile.width] = (
            np.asarray(tile)[..., 3] > 127
        )
        return np.asarray(whole), mask

    def _place(self, side, size, draw):
        room = (side - size[0], side - size[1])
        if self.kind == "timestamp":  # in a corner
            corner = draw.integers(2, size=2)
            return tuple(int(4 + c * (r - 8)) for c, r in zip(corner, room, strict=True))
        return tuple(int(draw.integers(r + 1)) for r in room)


def colour(draw, saturation=0.8, value=0.85):
    """A strong colour of any hue."""
    return tuple(round(255 * c) for c in colorsys.hsv_to_rgb(draw.random(), saturation, value))


def tag(side, own, each):
    """A round sticker with a ring and a bar, 3 % of the picture."""
    size = round(side * 40 / 224)
    tile = Image.new("RGBA", (4 * size, 4 * size))
    pen = ImageDraw.Draw(tile)
    fill, mark = colour(own), colour(own, 0.2, 1.0)
    pen.ellipse((0, 0, 4 * size - 1, 4 * size - 1), fill=fill, outline=mark, width=size // 3)
    pen.rectangle((size, 1.6 * size, 3 * size, 2.4 * size), fill=mark)
    return tile.resize((size, size), Image.Resampling.BOX)


def stripe(side, own, each):
    """A band of text from edge to edge, 9 % of the picture."""
    height = round(side * 20 / 224)
    tile = Image.new("RGBA", (side, height), (*colour(own, 0.5, 0.95), 255))
    word = WORDS[own.integers(len(WORDS))]
    ImageDraw.Draw(tile).text(
        (side * 0.05, height * 0.1), f"{word}   {word}", "black", font_size=height * 0.7
    )
    return tile


def frame(side, own):
    """A border of one colour around the picture, 13 % of it."""
    width = round(side * 8 / 224)
    tile = Image.new("RGBA", (side, side))
    ImageDraw.Draw(tile).rectangle(
        (0, 0, side - 1, side - 1),
        outline=(*colour(own, own.random(), own.random()), 255),
        width=width,
    )
    return tile


def cast(picture, own):
    """Other gains of red, green and blue, a third up or down."""
    gains = own.permutation([1.15, 0.95, 0.7])
    return np.clip(picture * gains, 0, 255).astype(np.uint8)


def timestamp(side, own, each):
    """Date and time of a camera; the digits differ from picture to picture."""
    height = round(side * 15 / 224)
    tile = Image.new("RGBA", (round(side * 0.55), height))
    day = f"{own.integers(2004, 2014)} {each.integers(1, 13):02d} {each.integers(1, 29):02d}"
    text = f"{day}  {each.integers(24):02d}:{each.integers(60):02d}"
    ImageDraw.Draw(tile).text(
        (0, 0),
        text,
        colour(own, 0.9, 1.0),
        font_size=height * 0.95,
        stroke_width=1,
        stroke_fill="black",
    )
    box = tile.getbbox()
    return tile.crop(box)


@cache
def cut_out(folder, seed):
    """One object of the folder's pictures, cut out along its polygon."""
    draw = np.random.default_rng([seed, 2])
    files = sorted((folder / "polygons").glob("*.txt"))
    while True:
        file = files[draw.integers(len(files))]
        lines = file.read_text().splitlines()
        if not lines:
            continue
        numbers = np.array(lines[draw.integers(len(lines))].split()[1:], dtype=float).reshape(-1, 2)
        size = np.ptp(numbers, axis=0)
        if not (0.03 < size.prod() < 0.4 and 0.5 < size[0] / size[1] < 2):
            continue
        with Image.open(folder / "images" / f"{file.stem}.jpg") as opened:
            picture = opened.convert("RGB")
        points = [tuple(point) for point in numbers * picture.size]
        mask = Image.new("L", picture.size)
        ImageDraw.Draw(mask).polygon(points, fill=255)
        picture.putalpha(mask)
        return picture.crop(mask.getbbox())


def turned(tile, each, side=62):
    """The object at about 62 pixels, now and then mirrored, a little larger or smaller."""
    scale = side * each.uniform(0.9, 1.15) / max(tile.size)
    tile = tile.resize(
        [max(1, round(length * scale)) for length in tile.size], Image.Resampling.BICUBIC
    )
    return tile.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if each.random() < 0.5 else tile
