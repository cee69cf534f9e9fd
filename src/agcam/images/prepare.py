"""Bring a picture to a model's input as the model's own library does, and remember the way back."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..errors import PictureError
from ..values import Frame, Preparation, Transform

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_LARGE = 30_000_000  # pixels after resizing


def prepare(
    picture: Image.Image, preparation: Preparation | Transform
) -> tuple[Float[Tensor, "channel height width"], Frame]:
    """Resize, crop or pad, scale to [0, 1], normalize; and say which window the model saw.

    Pixels are (value / 255 - mean) / std, float32, equal to those of timm, torchvision and
    open_clip on PIL pictures, rounding of sizes included. The Frame's window is exact: input pixel
    i of a side of n pixels has its centre at left + (i + 1/2) * (right - left) / n in the original.
    `picture` is RGB and upright (see `open_picture`) and is not changed. A Transform is run as it
    is, and the window is measured.
    Raises PictureError for other modes.
    """
    if picture.mode != "RGB":
        raise PictureError(f"a picture of mode {picture.mode} must be opened with open_picture")
    if isinstance(preparation, Transform):
        return _run(picture, preparation)
    width, height = picture.size
    new_height, new_width = resized_size((height, width), preparation)
    rows, columns = preparation.size
    top = _offset(new_height, rows, preparation)
    left = _offset(new_width, columns, preparation)
    seen = _resize_and_cut(
        picture, (new_width, new_height), (left, top, left + columns, top + rows), preparation
    )
    # Multiplied before divided, so that each edge is rounded once only.
    window = (
        left * width / new_width,
        top * height / new_height,
        (left + columns) * width / new_width,
        (top + rows) * height / new_height,
    )
    return _normalize(seen, preparation), Frame(width, height, window)


def _run(picture: Image.Image, transform: Transform) -> tuple[Tensor, Frame]:
    """The user's own program, twice: one that gives two answers does not say what was seen."""
    frame = transform.frame(picture.size)
    pixels, again = transform.run(picture), transform.run(picture)
    if not torch.equal(pixels.nan_to_num(), again.nan_to_num()):
        raise PictureError(
            "the transform is random, so it does not say what the model saw; give the one that is "
            "used for evaluation."
        )
    return pixels, frame


def resized_size(size: tuple[int, int], preparation: Preparation) -> tuple[int, int]:
    """(height, width) after resizing, by the rounding rules of the libraries.

    One number for the short side: torchvision's Resize (the long side is cut to whole pixels).
    Two numbers, or the long side: timm's and open_clip's ResizeKeepRatio (both are rounded).
    """
    height, width = size
    wanted = preparation.size if preparation.resize is None else preparation.resize
    target = (wanted, wanted) if isinstance(wanted, int) else wanted
    if preparation.fit == "squash":
        return target
    if preparation.fit == "crop" and target[0] == target[1]:
        if width <= height:
            return int(target[0] * height / width), target[0]
        return target[0], int(target[0] * width / height)
    ratios = height / target[0], width / target[1]
    ratio = max(ratios) if preparation.fit == "pad" else min(ratios)
    # At least one pixel, where the libraries fail on a very narrow picture.
    return max(1, round(height / ratio)), max(1, round(width / ratio))


def _offset(length: int, wanted: int, preparation: Preparation) -> int:
    """Where the input begins on one side of the resized picture; below zero where it is padded."""
    if length < wanted:
        return -((wanted - length) // 2)
    if preparation.crop_rounding == "floor":
        return (length - wanted) // 2
    return round((length - wanted) / 2)  # halves go to the even number, as in the libraries


def _resize_and_cut(
    picture: Image.Image,
    size: tuple[int, int],
    box: tuple[int, int, int, int],
    preparation: Preparation,
) -> Image.Image:
    """Resize to `size` (width, height), cut the `box` out, fill where it reaches beyond."""
    filter_ = _RESAMPLING[preparation.interpolation]
    left, top, right, bottom = box
    part = max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
    if size[0] * size[1] <= _LARGE:
        visible = picture.resize(size, filter_).crop(part)
    else:  # a very narrow picture grows without end: make only the part that is seen
        across, down = picture.width / size[0], picture.height / size[1]
        source = part[0] * across, part[1] * down, part[2] * across, part[3] * down
        visible = picture.resize((part[2] - part[0], part[3] - part[1]), filter_, box=source)
    if part == box:
        return visible
    fill = preparation.fill
    colour = (fill, fill, fill) if isinstance(fill, int) else fill
    canvas = Image.new("RGB", (right - left, bottom - top), colour)
    canvas.paste(visible, (part[0] - left, part[1] - top))
    return canvas


def _normalize(image: Image.Image, preparation: Preparation) -> Tensor:
    values = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    mean = torch.tensor(preparation.mean, dtype=torch.float32).view(3, 1, 1)
    std = torch.tensor(preparation.std, dtype=torch.float32).view(3, 1, 1)
    return values.to(torch.float32).div_(255).sub_(mean).div_(std)
