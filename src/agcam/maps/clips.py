"""Clips: which frames a time step holds, frames side by side on one sheet, videos of frames."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import SaveError
from ..values import Grid

TILE: Final = 360  # pixels of the longer side of a frame on a sheet
VIDEOS: Final = ("gif", "mp4")  # formats that are written


def step_of(frame: int, frames: int, grid: Grid) -> int:
    """The time step whose patches show a frame (counted from 0) of so many."""
    start, stop = grid.extent[0] if grid.extent else (0.0, 1.0)
    place = ((frame + 0.5) / frames - start) / (stop - start) * grid.frames
    return min(max(math.floor(place), 0), grid.frames - 1)


def tiles(count: int, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """(left, top, right, bottom) of each frame on a sheet of `size` (width, height)."""
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    xs = [round(x * size[0] / across) for x in range(across + 1)]
    ys = [round(y * size[1] / down) for y in range(down + 1)]
    places = [divmod(number, across) for number in range(count)]
    return [(xs[x], ys[y], xs[x + 1], ys[y + 1]) for y, x in places]


def contact_sheet(pictures: Sequence[Image.Image], side: int = TILE) -> Image.Image:
    """Frames row by row on one picture; no side of a frame is above `side` pixels."""
    share = min(1.0, side / max(pictures[0].size))
    width, height = (max(1, round(edge * share)) for edge in pictures[0].size)
    across = math.ceil(math.sqrt(len(pictures)))
    sheet = Image.new("RGB", (across * width, math.ceil(len(pictures) / across) * height))
    for picture, box in zip(pictures, tiles(len(pictures), sheet.size), strict=True):
        sheet.paste(picture.convert("RGB").resize((width, height)), box[:2])
    return sheet


def video(pictures: Sequence[Image.Image], rate: float, kind: str) -> bytes:
    """Pictures as a video, `kind` "gif" or "mp4", at `rate` pictures a second.

    Raises SaveError where what encodes it is not installed.
    """
    if kind == "gif":
        buffer, (first, *others) = io.BytesIO(), pictures
        duration = round(1000 / rate)
        first.save(buffer, "GIF", save_all=True, append_images=others, duration=duration, loop=0)
        return buffer.getvalue()
    if kind != "mp4":
        raise SaveError(f"a video is saved as gif or mp4, not {kind!r}.")
    try:
        import av
    except ImportError as error:
        raise SaveError(
            "av, which writes mp4, is not installed: pip install 'agcam[video]', or save a gif."
        ) from error
    buffer = io.BytesIO()
    width, height = (side + side % 2 for side in pictures[0].size)  # h264 takes even sides alone
    with av.open(buffer, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(_padded(picture, (width, height)), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return buffer.getvalue()


def _padded(picture: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    array = np.asarray(picture.convert("RGB"))
    pads = [(0, size[1] - array.shape[0]), (0, size[0] - array.shape[1]), (0, 0)]
    return np.pad(array, pads, mode="edge")
