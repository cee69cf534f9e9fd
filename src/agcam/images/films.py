"""Open films, folders of frames and lists of pictures as clips: the frames that a model takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from ..addresses import is_address
from ..errors import PictureError
from ..values import Clip
from ..wording import printable
from .arrays import MAX_PIXELS
from .find import find_pictures
from .open import open_picture

FILMS: Final = frozenset(
    [".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv", ".ts"]
)
ANIMATIONS: Final = frozenset({".gif", ".webp", ".apng", ".png"})  # PIL opens these


def sampled(total: int, wanted: int) -> list[int]:
    """The frames that are taken of so many, evenly from the first on.

    `floor(i * total / wanted)`, as the video processors of transformers take them; where a film has
    fewer frames than are wanted, frames are repeated.
    """
    return [number * total // wanted for number in range(wanted)]


def list_clips(given: Any) -> list[Any]:
    """Each clip by itself, unopened: a film, a folder of frames, a list of pictures, an array."""
    if isinstance(given, str | os.PathLike):
        return _of_path(Path(given).expanduser())
    if isinstance(given, tuple | list):
        if not given:
            raise PictureError("no clip was given.")
        if len(given) > 1 and all(map(_is_frame, given)):
            return [list(given)]
        return [clip for item in given for clip in list_clips(item)]
    return [given]


def _of_path(path: Path) -> list[Any]:
    if not path.is_dir():
        return list(find_pictures([path]))
    return _films_in(path) or [path]


def _films_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in {*FILMS, ".gif"})


def _is_frame(item: Any) -> bool:
    """Whether one item of a list is a frame, not a clip."""
    if isinstance(item, Image.Image):
        return getattr(item, "n_frames", 1) == 1
    if isinstance(item, str | os.PathLike):
        path = Path(item)
        return not path.is_dir() and path.suffix.lower() not in {*FILMS, ".gif"}
    return isinstance(item, np.ndarray) and item.ndim <= 3


def open_clip(given: Any, wanted: int, max_pixels: int = MAX_PIXELS) -> Clip:
    """The frames that a model takes of a film, a folder or a list of pictures, or an array.

    Args:
        given: A path of a film (mp4 and its kind, or an animation: gif, webp), a folder of frames
            in the order of their names, a list of pictures, an animated PIL picture, or an array
            (frame, height, width, 3) of uint8.
        wanted: How many frames the model takes.
        max_pixels: A frame of more is refused.

    Raises:
        PictureError: One sentence that names the file and the cause.

    """
    if isinstance(given, Image.Image):
        return _of_animation(given, str(getattr(given, "filename", "") or "the picture"), wanted)
    if isinstance(given, np.ndarray) and given.ndim != 4:
        raise PictureError(f"an array of a clip is (frame, height, width, 3), not {given.shape}.")
    if isinstance(given, np.ndarray | list):
        return _of_frames(list(given), wanted, max_pixels)
    if isinstance(given, str | os.PathLike):
        return _of_file(Path(given), wanted, max_pixels)
    raise PictureError(
        f"a {type(given).__name__} is not a clip; give a film, a folder of frames, a list of "
        "pictures, or an array (frame, height, width, 3)."
    )


def _of_file(path: Path, wanted: int, max_pixels: int) -> Clip:
    name = printable(path)
    if is_address(str(path)):
        raise PictureError(f"{name}: a film is read from a file; copy it here first.")
    if path.is_dir():
        return _of_frames(list(find_pictures([path])), wanted, max_pixels)
    if not path.exists():
        raise PictureError(f"{name} does not exist")
    if path.suffix.lower() not in ANIMATIONS:
        return _of_film(path, wanted, max_pixels)
    try:
        with Image.open(path) as picture:
            return _of_animation(picture, name, wanted)
    except OSError as error:
        raise PictureError(f"{name} cannot be read: {error}") from error


def _of_frames(frames: Sequence[Any], wanted: int, max_pixels: int) -> Clip:
    numbers = sampled(len(frames), wanted)
    pictures = {
        number: open_picture(frames[number], max_pixels=max_pixels) for number in set(numbers)
    }
    return _clip(pictures.__getitem__, numbers, None, len(frames))


def _of_animation(picture: Image.Image, name: str, wanted: int) -> Clip:
    total = getattr(picture, "n_frames", 1)
    if total < 2:
        raise PictureError(
            f"{name} is one picture, and the model takes clips of {wanted} frames; give a film, "
            "an animation, a folder of frames or a list of pictures."
        )
    place, durations, pictures = picture.tell(), [], {}
    numbers = sampled(total, wanted)
    for number in range(total):
        picture.seek(number)
        durations.append(picture.info.get("duration", 0))
        if number in numbers:
            pictures[number] = open_picture(picture.convert("RGB"))
    picture.seek(place)
    steady = len(set(durations)) == 1 and durations[0] > 0
    return _clip(pictures.__getitem__, numbers, 1000 / durations[0] if steady else None, total)


def _of_film(path: Path, wanted: int, max_pixels: int) -> Clip:
    """Read a film twice: its frames are counted first, for what a file states may be wrong."""
    rates: list[float | None] = []
    total = sum(1 for _ in _frames(path, max_pixels, rates))
    if not total:
        raise PictureError(f"{printable(path)} holds no frame")
    numbers = sampled(total, wanted)
    pictures = {
        number: _upright(frame)
        for number, frame in enumerate(_frames(path, max_pixels, rates))
        if number in numbers
    }
    return _clip(pictures.__getitem__, numbers, rates[0], total)


def _frames(path: Path, max_pixels: int, rates: list[float | None]) -> Iterator[Any]:
    """Every frame, not yet in colours; the film's rate is added to `rates`."""
    try:
        import av
    except ImportError as error:
        raise PictureError(
            "av, which reads films, is not installed; run: pip install 'agcam[video]'"
        ) from error
    name = printable(path)
    try:
        with av.open(str(path)) as film:
            if not film.streams.video:
                raise PictureError(f"{name} holds no video")
            stream = film.streams.video[0]
            rates.append(float(stream.average_rate) if stream.average_rate else None)
            for frame in film.decode(stream):
                if frame.width * frame.height > max_pixels:
                    size = f"{frame.width} x {frame.height}"
                    raise PictureError(f"{name} has frames of {size}, which is too large")
                yield frame
    except (OSError, ValueError) as error:  # av's errors are of these kinds
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"{name} cannot be read as a film: {error.args[-1]}") from error


def _upright(frame: Any) -> Image.Image:
    """A frame in colours, turned as the camera was held."""
    array = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)
    return Image.fromarray(np.ascontiguousarray(array))


def _clip(
    picture: Callable[[int], Image.Image], numbers: Sequence[int], rate: float | None, total: int
) -> Clip:
    pictures = tuple(map(picture, numbers))
    if len({one.size for one in pictures}) > 1:
        sizes = " and ".join(f"{one.width} x {one.height}" for one in pictures[:2])
        raise PictureError(f"the frames of a clip have one size, not {sizes}.")
    return Clip(pictures, tuple(numbers), rate, total)
