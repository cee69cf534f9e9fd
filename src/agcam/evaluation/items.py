"""One sample of a shard, ready to be judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import AgcamError, MetricError
from ..images import prepare_picture
from ..values import Frame, Preparation, Sample, Transform, Truth

SIDES = 4  # left, top, right, bottom
Open = Callable[[Sample], tuple[Tensor, Frame, Image.Image | None]]
"""Reads and prepares the picture of a sample; also gives the picture where maps are refined."""


@dataclass(frozen=True)
class Item:
    """A sample with its prepared pixels and its label among the model's classes.

    Attributes:
        number: The sample's number in the data set's order.
        truth: What people annotated, or the sentence that says why there is none.
        picture: The original picture, to refine maps by; None: they are not refined.
    """

    number: int
    sample: Sample
    label: int
    pixels: Tensor
    frame: Frame
    truth: Truth | str
    picture: Image.Image | None = None

    @cached_property
    def whole(self) -> Image.Image | None:
        """The whole picture squashed to the input's size."""
        height, width = self.pixels.shape[-2:]
        return self.picture and self.picture.resize((width, height), Image.Resampling.BILINEAR)

    @cached_property
    def seen(self) -> Image.Image | None:
        """The part of it that the model sees, at the input's size; black beyond the picture."""
        if self.picture is None:
            return None
        height, width = self.pixels.shape[-2:]
        left, top, right, bottom = self.frame.window
        across, down = width / (right - left), height / (bottom - top)
        scaled = max(1, round(self.frame.width * across)), max(1, round(self.frame.height * down))
        small = self.picture.resize(scaled, Image.Resampling.BILINEAR)
        how = Image.Transform.EXTENT, self.frame.scaled(*scaled).window, Image.Resampling.BILINEAR
        return small.transform((width, height), *how)


def read_truth(read: Callable[[Sample], Truth], sample: Sample, frame: Frame) -> Truth | str:
    """What people annotated of a sample, or why it cannot be used."""
    try:
        truth = read(sample)
        _check(np.asarray(truth.boxes, dtype=np.float64).reshape(-1, SIDES), frame)
    except AgcamError as error:
        return str(error)
    return truth


def _check(boxes: NDArray[np.float64], frame: Frame) -> None:
    left, top, right, bottom = boxes.T
    if not np.isfinite(boxes).all() or (left >= right).any() or (top >= bottom).any():
        raise MetricError("an annotated box is inverted or empty")
    outside = (left >= frame.width) | (top >= frame.height) | (right <= 0) | (bottom <= 0)
    if outside.any():
        raise MetricError(
            f"an annotated box lies outside the picture of {frame.width} x {frame.height} pixels"
        )


def open_sample(
    sample: Sample, preparation: Preparation | Transform, keep: bool = False
) -> tuple[Tensor, Frame, Image.Image | None]:
    """A sample's picture, prepared for the model; with `keep` also the picture itself."""
    prepared = prepare_picture(sample.address, preparation)
    picture = prepared.pictures[0].convert("RGB") if keep else None
    return prepared.pixels[0], prepared.frames[0], picture
