"""A classifier whose pictures are prepared as its user says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import ModelError
from ..transforms import transform_of
from ..values import Changes, Classifier, Preparation, Transform


def prepared_as(
    classifier: Classifier, given: Preparation | Transform | Changes | Callable[..., Any]
) -> Classifier:
    """The same classifier with another preparation, also after it was given prompts.

    `given` is a Preparation, what a user states of one, or a program that is run as it is: a
    torchvision, timm or albumentations transform, an image processor, a function of a PIL picture.
    Raises ModelError or PictureError where it is none of these or does not work.
    """
    if isinstance(given, Changes):
        known = classifier.preparation
        if isinstance(known, Transform):
            raise ModelError(f"{classifier.name} is prepared by a program; change the program.")
        preparation: Preparation | Transform = given.made_in(known)
    elif isinstance(given, Preparation):
        preparation = given if given.source else replace(given, source="given by the user")
    else:
        preparation = given if isinstance(given, Transform) else transform_of(given)
    prompted = classifier.with_prompts
    return replace(
        classifier,
        preparation=preparation,
        with_prompts=prompted and (lambda prompts: prepared_as(prompted(prompts), preparation)),
    )
