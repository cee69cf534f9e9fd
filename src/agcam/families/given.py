"""A classifier whose pictures are prepared as its user says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from ..errors import ModelError
from ..transforms import transform_of
from ..values import Changes, Classifier, Preparation, Transform
from .common import channels_of


def prepared_as(
    classifier: Classifier,
    given: Preparation | Transform | Changes | Mapping[str, Any] | Callable[..., Any],
) -> Classifier:
    """The same classifier with another preparation, also after it was given prompts.

    `given` is a Preparation, what a user states of one (Changes, or a mapping of their names), a
    configuration by timm.data.resolve_data_config, or a program that is run as it is: a
    torchvision, timm or albumentations transform, an image processor, a function of a PIL picture.
    Raises ModelError or PictureError where it is none of these or does not work.
    """
    if isinstance(given, Mapping):
        given = _of_timm(given) if "input_size" in given else _changes(given)
    if isinstance(given, Changes):
        known = classifier.preparation
        if isinstance(known, Transform):
            raise ModelError(f"{classifier.name} is prepared by a program; change the program.")
        preparation: Preparation | Transform = given.applied_to(
            known, channels_of(classifier.module)
        )
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


def _of_timm(config: Mapping[str, Any]) -> Callable[..., Any]:
    """The transform of a configuration by timm.data.resolve_data_config, as timm makes it."""
    from timm.data import create_transform

    known = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
    transform: Callable[..., Any] = create_transform(
        **{name: config[name] for name in known if name in config}
    )
    return transform


def _changes(stated: Mapping[str, Any]) -> Changes:
    """What is stated by names; one number stands for several."""
    known = [field.name for field in fields(Changes)]
    unknown = [str(name) for name in stated if name not in known]
    if unknown:
        raise ModelError(f"a preparation has no {', '.join(unknown)}; it has {', '.join(known)}.")
    listed = {
        name: tuple(value) if isinstance(value, list | tuple) else (value,)
        for name, value in stated.items()
        if not isinstance(value, str)
    }
    return Changes(**{**stated, **listed})
