"""The table of model families, and the one way from what a user has to a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from torch import nn

from ..errors import LoadError, ModelError, UnknownNameError
from ..registry import Table
from ..values import Classifier, Family, Preparation
from . import demo, hf_vit, open_clip_vit, timm_vit, torchvision_vit
from .checkpoint import load_checkpoint
from .fingerprint import weights_hash
from .given import prepared_as

__all__ = ["FAMILIES", "load", "prepared_as", "weights_hash"]

_ROWS = [
    timm_vit.FAMILY,
    hf_vit.FAMILY,
    torchvision_vit.FAMILY,
    open_clip_vit.FAMILY,
    demo.FAMILY,
]
FAMILIES: Table[Family] = Table("family", {row.name: row for row in _ROWS})
FORMS: Final = (
    "timm:NAME, hf:NAME, torchvision:NAME, open_clip:NAME/PRETRAINED, demo, or a file of weights "
    "with --arch"
)


def load(
    model: object,
    *,
    arch: str | None = None,
    classes: Sequence[str] | None = None,
    preparation: Any = None,
) -> Classifier:
    """A classifier from a name, a file of weights, a module or a pipeline.

    `arch` ("timm:NAME") says what a file of weights is for; `classes` names the classes (their
    text prompts, for CLIP-like models). `preparation` says how pictures are prepared: an
    `agcam.Preparation`, or the user's own torchvision, timm or albumentations transform, Hugging
    Face image processor or function of a PIL picture, which is run as it is while the part of the
    picture that it shows is measured. Raises LoadError, UnknownNameError, ModelError, or
    PictureError for a preparation that does not work.
    """
    classifier = _resolve(model, arch)
    if preparation is not None:
        classifier = prepared_as(classifier, preparation)
    if classes is None:
        return classifier
    if classifier.with_prompts is not None:
        return classifier.with_prompts(list(classes))
    return replace(classifier, class_names=tuple(classes))


def _resolve(model: object, arch: str | None) -> Classifier:
    if isinstance(model, Classifier):
        return model
    if isinstance(model, nn.Module):
        return _wrap(model)
    if hf_vit.is_pipeline(model):
        return hf_vit.wrap_pipeline(model)
    if isinstance(model, Path) or (isinstance(model, str) and arch is not None):
        return _from_file(Path(model), arch)
    if isinstance(model, str):
        return _from_name(model)
    raise ModelError(
        f"a model is a torch module, a Hugging Face pipeline or a name ({FORMS}), "
        f"not {type(model).__name__}."
    )


def _wrap(module: nn.Module) -> Classifier:
    inner = getattr(module, "_orig_mod", module)  # torch.compile wraps the module it was given
    name = type(inner).__name__
    for family in FAMILIES.values():
        if family.owns(inner):
            return _guessed(family.wrap(inner, name))
    return Classifier(module=inner, predict=inner, name=name, family="module")


def _guessed(classifier: Classifier) -> Classifier:
    """Weights that came without a word on how they were trained: the preparation is a guess."""
    preparation = classifier.preparation
    if not isinstance(preparation, Preparation):
        return classifier
    return replace(classifier, preparation=replace(preparation, guess=True))


def _from_file(path: Path, arch: str | None) -> Classifier:
    if arch is None:
        raise LoadError(f"{path} is a file: name what it is for, --arch timm:NAME.")
    family, _, architecture = arch.partition(":")
    if not architecture:
        raise UnknownNameError(f"--arch takes FAMILY:NAME (timm:vit_base_patch16_224), not {arch}.")
    return _guessed(load_checkpoint(path, FAMILIES[family], architecture))


def _from_name(name: str) -> Classifier:
    family, colon, rest = name.partition(":")
    if colon or family in FAMILIES:
        return FAMILIES[family].load(rest)
    if Path(name).exists():
        raise LoadError(f"{name} is a file: name what it is for, --arch timm:NAME.")
    raise UnknownNameError(f"no model is called {name!r}; a model is {FORMS}.")
