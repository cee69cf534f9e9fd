"""What is a clip, or several: videos, folders of frames, lists, arrays, tensors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import PictureError
from ..values import VIDEOS
from ..wording import printable
from .find import find_pictures, in_natural_order, is_picture

CLIP_DIMS: Final = 5
ARRAY: Final = "an array of a clip is (frame, height, width, 3)"


def list_clips(given: Any) -> list[Any]:
    """Each clip by itself, unopened: a video, a folder of frames, a list of pictures, an array.

    A folder stands for its videos, else for its pictures as one clip; so do the folders in it.
    """
    if isinstance(given, str | os.PathLike):
        return _of_path(Path(given).expanduser())
    if isinstance(given, tuple | list):
        if not given:
            raise PictureError("no clip was given.")
        if all(map(_is_frame, given)):
            return [list(given)]
        return [clip for item in given for clip in list_clips(item)]
    if isinstance(given, np.ndarray | Tensor) and given.ndim == CLIP_DIMS:
        return list(given)
    return [given]


def frames_in(folder: Path) -> list[Path]:
    """The pictures of a folder itself, in natural order."""
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return in_natural_order(path for path in paths if is_picture(path))


def as_frames(array: NDArray[Any] | Tensor) -> Iterator[NDArray[Any]]:
    """A clip's pictures (height, width, 3) of an array or a tensor of uint8, wherever channels are.

    Raises PictureError for other shapes.
    """
    if isinstance(array, Tensor) and array.dtype != torch.uint8:
        raise PictureError(f"a prepared clip is a tensor of five axes, not {tuple(array.shape)}.")
    values: NDArray[Any] = array.cpu().numpy() if isinstance(array, Tensor) else array
    if values.ndim != CLIP_DIMS - 1:
        raise PictureError(f"{ARRAY}, not {values.shape}.")
    channels = next((axis for axis in (3, 1, 0) if values.shape[axis] in {1, 3, 4}), None)
    if channels in {0, 1} and values.dtype != np.uint8:
        order = "0, 2, 3, 1" if channels else "1, 2, 3, 0"
        raise PictureError(
            f"{ARRAY}, and this one has its channels elsewhere: {values.shape}; give "
            f"array.transpose({order}), or if it is prepared already torch.from_numpy(array)[None]."
        )
    if channels is None:
        raise PictureError(f"{ARRAY}, not {values.shape}.")
    yield from np.moveaxis(values, channels, -1)


def _of_path(path: Path) -> list[Any]:
    if not path.is_dir():
        return list(find_pictures([path]))
    found = _below(path)
    if not found:
        raise PictureError(f"no video and no picture was found in the folder {printable(path)}")
    return found


def _below(folder: Path) -> list[Any]:
    """The videos of a folder, or itself where it holds pictures; then those of its folders."""
    every = in_natural_order(path for path in folder.iterdir() if not path.name.startswith("."))
    videos: list[Any] = [one for one in every if one.suffix.lower() in {*VIDEOS, ".gif"}]
    own = videos or ([folder] if frames_in(folder) else [])
    return own + [clip for one in every if one.is_dir() for clip in _below(one)]


def _is_frame(item: Any) -> bool:
    """Whether one item of a list is a frame, not a clip."""
    if isinstance(item, Image.Image):
        return getattr(item, "n_frames", 1) == 1
    if isinstance(item, str | os.PathLike):
        path = Path(item)
        return not path.is_dir() and path.suffix.lower() not in {*VIDEOS, ".gif"}
    raw = isinstance(item, Tensor) and item.dtype == torch.uint8
    return (raw or isinstance(item, np.ndarray)) and item.ndim <= 3
