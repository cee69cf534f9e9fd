"""How samples are read and prepared: pictures, clips or sounds, as the model takes them."""

from __future__ import annotations

from functools import partial
from typing import Final

from PIL import Image
from torch import Tensor

from ..errors import ModelError
from ..images import prepare_inputs
from ..values import Classifier, DataSet, Frame, Sample
from .items import Open, open_sample

LAYOUTS: Final = {"picture": "folder", "clip": "clips", "sound": "sounds"}


def input_shape(classifier: Classifier) -> tuple[int, ...]:
    """The model's input without the batch, by its preparation."""
    if classifier.sound is not None:
        return classifier.sound.size
    preparation = classifier.preparation
    assert preparation is not None, "load_setup refuses a model without one"
    sides = dict(zip(("row", "column"), preparation.size, strict=True))
    sides |= {"channel": preparation.channels, "frame": classifier.medium.frames}
    return tuple(sides[axis] for axis in classifier.medium.axes)


def check_medium(classifier: Classifier, samples: DataSet, refine: bool) -> None:
    """Raise ModelError where the model takes something else than the data set holds."""
    medium = classifier.medium
    if (classifier.preparation or classifier.sound) is None:
        raise ModelError(f"{classifier.name}: its preparation is not known")
    if medium.name != samples.medium:
        raise ModelError(
            f"{classifier.name} takes a {medium.name}, and the layout {samples.name} is of "
            f"{samples.medium}s; a layout of {medium.name}s is {LAYOUTS[medium.name]!r}."
        )
    if refine and not medium.still:
        raise ModelError(
            f"{classifier.name} takes a {medium.name}, and an evaluation refines maps of still "
            "pictures alone: leave refine out."
        )


def opening(classifier: Classifier, keep: bool) -> Open:
    """How a sample is read and prepared."""
    preparation = classifier.preparation
    if not classifier.medium.still or preparation is None:
        return partial(open_moving, classifier=classifier)
    return partial(open_sample, preparation=preparation, keep=keep)


def open_moving(sample: Sample, classifier: Classifier) -> tuple[Tensor, Frame, Image.Image | None]:
    """A sample's clip or sound, prepared for the model."""
    prepared = prepare_inputs(classifier, sample.address)
    return prepared.pixels[0], prepared.frames[0], None
