"""Open videos, folders of frames and lists of pictures as clips: the frames that a model takes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..addresses import is_address
from ..errors import PictureError
from ..values import Clip
from ..wording import printable
from .arrays import MAX_PIXELS
from .clip_lists import as_frames, frames_in
from .find import is_picture
from .given import arrays_of
from .open import open_picture

UNSTEADY: Final = 0.002  # seconds by which frames may differ in length, as files round them


def sampled(total: int, wanted: int) -> list[int]:
    """The frames that are taken of so many, evenly from the first on.

    `floor(i * total / wanted)`, as transformers' video processors take them; where there are fewer
    than are wanted, frames are repeated.
    """
    return [number * total // wanted for number in range(wanted)]


def open_clip(given: Any, wanted: int, max_pixels: int = MAX_PIXELS) -> Clip:
    """The frames that a model takes of a video, a folder or a list of pictures, or an array.

    Args:
        given: A path of a video (mp4 and its kind, or an animation: gif, webp), a folder of frames
            in the order of their names, a list of pictures, an animated PIL picture, or an array
            (frame, height, width, 3) of uint8.
        wanted: How many frames the model takes.
        max_pixels: A frame of more is refused.

    Raises:
        PictureError: One sentence that names the file and the cause.

    """
    if isinstance(given, Image.Image):
        name = str(getattr(given, "filename", "") or "the picture")
        return _of_animation(given, printable(name), wanted, max_pixels)
    if isinstance(given, np.ndarray | Tensor):
        given = list(as_frames(given))
    if isinstance(given, list):
        return _of_frames(given, "the clip", wanted, max_pixels)
    if isinstance(given, str | os.PathLike):
        return _of_file(Path(given), wanted, max_pixels)
    raise PictureError(
        f"a {type(given).__name__} is not a clip; give a video, a folder of frames, a list of "
        "pictures, or an array (frame, height, width, 3)."
    )


def _of_file(path: Path, wanted: int, max_pixels: int) -> Clip:
    name = printable(path)
    if is_address(str(path)):
        raise PictureError(f"{name}: a video is read from a file; copy it here first.")
    if path.is_dir():
        return _of_frames(frames_in(path), name, wanted, max_pixels)
    if not path.exists():
        raise PictureError(f"{name} does not exist")
    if not is_picture(path):
        return _of_video(path, wanted, max_pixels)
    try:
        with Image.open(path) as picture:
            return _of_animation(picture, name, wanted, max_pixels)
    except OSError as error:
        raise PictureError(f"{name} cannot be read: {error}") from error


def _of_frames(frames: Sequence[Any], name: str, wanted: int, max_pixels: int) -> Clip:
    numbers = _numbers(len(frames), wanted, name)
    pictures = {
        number: open_picture(_untensored(frames[number]), max_pixels=max_pixels)
        for number in set(numbers)
    }
    return _clip(pictures, numbers, len(frames))


def _untensored(frame: Any) -> Any:
    """A picture of a tensor of uint8 as an array; anything else as it is."""
    return next(arrays_of(frame)) if isinstance(frame, Tensor) else frame


def _of_animation(picture: Image.Image, name: str, wanted: int, max_pixels: int) -> Clip:
    """Frames with their palette and transparency as PIL composes them, over white as pictures."""
    total = getattr(picture, "n_frames", 1)
    numbers = _numbers(total, wanted, name)
    place, times, pictures = picture.tell(), [0.0], {}
    for number in range(total):
        picture.seek(number)
        times.append(times[-1] + picture.info.get("duration", 0) / 1000)
        if number in numbers:
            pictures[number] = open_picture(picture.copy(), max_pixels=max_pixels)
    picture.seek(place)
    return _clip(pictures, numbers, total, times if times[-1] > 0 else ())


def _of_video(path: Path, wanted: int, max_pixels: int) -> Clip:
    """Read a video twice: its frames are counted first, for what a file states may be wrong."""
    rates, times = list[float | None](), list[float | None]()
    for frame in _frames(path, max_pixels, rates):
        times.append(frame.time)
    if not times:
        raise PictureError(f"{printable(path)} holds no frame")
    numbers = _numbers(len(times), wanted, printable(path))
    pictures = {
        number: _upright(frame)
        for number, frame in enumerate(_frames(path, max_pixels, rates))
        if number in numbers
    }
    return _clip(pictures, numbers, len(times), _with_end(times), rates[0])


def _numbers(total: int, wanted: int, name: str) -> list[int]:
    """The frames that are taken; a single picture shows no motion, and is refused."""
    if total < 2 <= wanted:
        raise PictureError(
            f"{name} is one picture, and the model takes clips of {wanted} frames; give a video, "
            "an animation, a folder of frames or a list of pictures, of a still scene "
            f"[picture] * {wanted}."
        )
    return sampled(total, wanted)


def _with_end(times: Sequence[float | None]) -> list[float]:
    """When frames begin, and when the last one ends, as long as they are; empty if not known."""
    begun = [time for time in times if time is not None]
    if len(begun) < max(2, len(times)) or any(one >= two for one, two in pairwise(begun)):
        return []
    return [*begun, begun[-1] + (begun[-1] - begun[0]) / (len(begun) - 1)]


def _frames(path: Path, max_pixels: int, rates: list[float | None]) -> Iterator[Any]:
    """Every frame, not yet in colours; the video's rate is added to `rates`."""
    try:
        import av
    except ImportError as error:
        raise PictureError(
            "av, which reads videos, is not installed; run: pip install 'agcam[video]'"
        ) from error
    name = printable(path)
    try:
        with av.open(str(path)) as video:
            if not video.streams.video:
                raise PictureError(f"{name} holds no video")
            stream = video.streams.video[0]
            rates.append(float(stream.average_rate) if stream.average_rate else None)
            for frame in video.decode(stream):
                if frame.width * frame.height > max_pixels:
                    size = f"{frame.width} x {frame.height}"
                    raise PictureError(f"{name} has frames of {size}, which is too large")
                yield frame
    except (OSError, ValueError) as error:  # av's errors are of these kinds
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"{name} cannot be read as a video: {error.args[-1]}") from error


def _upright(frame: Any) -> Image.Image:
    """A frame as a player shows it: turned and mirrored as its file states, over white."""
    alpha = any(part.is_alpha for part in frame.format.components)
    array = frame.to_ndarray(format="rgba" if alpha else "rgb24")
    if (matrix := frame.side_data.get("DISPLAYMATRIX")) is not None:
        array = _displayed(array, np.frombuffer(bytes(matrix), np.int32).reshape(3, 3))
    return open_picture(Image.fromarray(np.ascontiguousarray(array)), max_pixels=array.size)


def _displayed(array: NDArray[np.uint8], matrix: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(column, row) of what is shown is (column, row) of the frame times the matrix.

    Turns by other angles than quarters are rounded to them.
    """
    (across, to_row), (to_column, down) = matrix[:2, :2].tolist()
    if abs(to_row) > abs(across):
        array, across, down = array.swapaxes(0, 1), to_column, to_row
    return array[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def _clip(
    pictures: Mapping[int, Image.Image],
    numbers: Sequence[int],
    total: int,
    times: Sequence[float] = (),
    rate: float | None = None,
) -> Clip:
    """`times` are those of all frames, and of the end; steady ones are a rate."""
    shown = tuple(pictures[number] for number in numbers)
    if len({one.size for one in shown}) > 1:
        sizes = " and ".join(f"{one.width} x {one.height}" for one in shown[:2])
        raise PictureError(f"the frames of a clip have one size, not {sizes}.")
    if not times:
        return Clip(shown, tuple(numbers), rate, total)
    lengths = [after - before for before, after in pairwise(times)]
    if max(lengths) - min(lengths) <= max(UNSTEADY, 0.1 * min(lengths)):
        return Clip(shown, tuple(numbers), rate or 1 / lengths[0], total)
    return Clip(shown, tuple(numbers), None, total, (*(times[n] for n in numbers), times[-1]))
