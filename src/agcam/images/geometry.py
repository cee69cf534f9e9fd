"""Bring a picture to a model's input as the model's own library does, and remember the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
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
    picture: Image.Image | NDArray[Any], preparation: Preparation | Transform
) -> tuple[Float[Tensor, "channel height width"], Frame]:
    """Resize, crop or pad, scale to [0, 1], normalize; and find which window the model saw.

    Pixels are (value / 255 - mean) / std, float32, equal to those of timm, torchvision and
    open_clip on PIL pictures, rounding of sizes included. The Frame's window is exact: input pixel
    i of a side of n pixels has its centre at left + (i + 1/2) * (right - left) / n in the original.
    `picture` is RGB and upright (see `open_picture`) and is not changed; for a model of one channel
    it is made grey. An array (height, width, band) of floats has as many bands as the preparation
    has channels, and is not divided by 255. A Transform is run as it is, and its window measured.
    Raises PictureError for other modes and other bands.
    """
    if isinstance(preparation, Transform):
        return _run(picture, preparation)
    layers = _layers(picture, preparation.channels)
    width, height = layers[0].size
    new_height, new_width = resized_size((height, width), preparation)
    rows, columns = preparation.size
    top = _offset(new_height, rows, preparation)
    left = _offset(new_width, columns, preparation)
    size, box = (new_width, new_height), (left, top, left + columns, top + rows)
    seen = [
        np.asarray(_resize_and_cut(layer, size, box, _filled(preparation, number), preparation))
        for number, layer in enumerate(layers)
    ]
    values = np.stack(seen, axis=-1) if seen[0].ndim == 2 else seen[0]
    # Multiplied before divided, so that each edge is rounded once only.
    window = (
        left * width / new_width,
        top * height / new_height,
        (left + columns) * width / new_width,
        (top + rows) * height / new_height,
    )
    return _normalize(values, preparation), Frame(width, height, window)


def _checked(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGB":
        raise PictureError(f"a picture of mode {picture.mode} must be opened with open_picture")
    return picture


def _layers(picture: Image.Image | NDArray[Any], channels: int) -> list[Image.Image]:
    """What is resized at once: a picture, a grey one for one channel, or each band by itself."""
    if isinstance(picture, Image.Image):
        if channels not in {1, 3}:
            raise PictureError(f"a picture has 3 channels, and the model takes {channels}")
        return [_checked(picture).convert("L") if channels == 1 else _checked(picture)]
    if picture.ndim != 3 or picture.shape[2] != channels:
        raise PictureError(
            f"an array of shape {picture.shape} is not (height, width, {channels}), which the "
            "preparation is for"
        )
    bands = np.moveaxis(picture.astype(np.float32), 2, 0)
    return [Image.fromarray(np.ascontiguousarray(band)) for band in bands]


def _filled(preparation: Preparation, layer: int) -> tuple[int, ...]:
    """What is filled in beside one layer: a colour, a grey, or the number of its band."""
    fill = preparation.fill
    fills = (fill,) * preparation.channels if isinstance(fill, int) else fill
    return fills if preparation.channels == 3 else (fills[layer],)


def _run(picture: Image.Image | NDArray[Any], transform: Transform) -> tuple[Tensor, Frame]:
    """The user's own program, run twice: one that gives two answers is refused."""
    if not isinstance(picture, Image.Image):
        raise PictureError("a transform is given pictures, and this is an array of bands")
    picture = _checked(picture)
    frame = transform.frame(picture.size)
    pixels, repeated = transform.run(picture), transform.run(picture)
    if not torch.equal(pixels.nan_to_num(), repeated.nan_to_num()):
        raise PictureError(
            "the transform is random, so it is unknown what the model saw; give the one that is "
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
    fill: tuple[int, ...],
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
    # bands are numbers of their own, not scaled to 255
    colour = fill[0] / 255 if picture.mode == "F" else fill
    canvas = Image.new(picture.mode, (right - left, bottom - top), colour)
    canvas.paste(visible, (part[0] - left, part[1] - top))
    return canvas


def _normalize(values: NDArray[Any], preparation: Preparation) -> Tensor:
    scale = 255 if values.dtype == np.uint8 else 1
    layers = np.array(values if values.ndim == 3 else values[:, :, None])
    pixels = torch.from_numpy(layers).permute(2, 0, 1).contiguous()
    mean = torch.tensor(preparation.mean, dtype=torch.float32).view(-1, 1, 1)
    std = torch.tensor(preparation.std, dtype=torch.float32).view(-1, 1, 1)
    return pixels.to(torch.float32).div_(scale).sub_(mean).div_(std)
