"""One sample of a shard, ready to be judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import AgcamError, MetricError
from ..values import Frame, Sample, Truth

SIDES = 4  # left, top, right, bottom


@dataclass(frozen=True)
class Item:
    """A sample with its prepared pixels and its label among the model's classes.

    Attributes:
        number: The sample's number in the data set's order.
        truth: What people annotated, or the sentence that says why there is none.
    """

    number: int
    sample: Sample
    label: int
    pixels: Tensor
    frame: Frame
    truth: Truth | str


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
