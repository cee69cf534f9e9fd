"""The classifier at a model's end: whether there is one, how many classes it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from torch import nn

from ..values import Classifier
from .common import comes_from, is_hugging_face
from .outputs import NoClassifier

NAMES: Final = ("heads", "head", "classifier", "cls_classifier", "distillation_classifier", "fc")
EMPTY: Final = (nn.Identity, nn.Dropout, nn.Flatten)
BACKBONES: Final = ("Model", "Backbone", "Encoder", "VisionTransformer")


def heads_of(module: Any) -> list[nn.Module]:
    """The modules that make logits, by the library's own word or by their usual names."""
    module = getattr(module, "timm_model", module)  # within transformers' wrapper of timm
    found: Any = [getattr(module, name, None) for name in NAMES]
    if callable(getattr(module, "get_classifier", None)):
        with suppress(AttributeError):  # a layer of a head that is no longer there
            found = module.get_classifier()
    parts = found if isinstance(found, tuple | list) else [found]
    return [part for part in parts if isinstance(part, nn.Module)]


def without_classifier(module: nn.Module) -> str:
    """Why a module has no classifier, in words; empty where it has one, or may have."""
    heads = heads_of(module)
    if heads and all(_is_empty(head) for head in heads):
        return "its head is nn.Identity"
    if getattr(module, "num_classes", None) == 0 and class_count(module) is None:
        return "it was made with num_classes=0"
    if heads or not comes_from(module, "timm", "transformers", "open_clip"):
        return ""
    kind = type(module).__name__
    if is_hugging_face(module) and kind.endswith(BACKBONES):
        return f"a {kind} has no head"
    if comes_from(module, "open_clip") and not hasattr(module, "encode_image"):
        return "it is an image tower alone"
    return ""


def _is_empty(head: nn.Module) -> bool:
    ends = [part for part in head.modules() if not list(part.children())]
    return all(isinstance(part, EMPTY) or type(part) is nn.Sequential for part in ends)


def class_count(module: nn.Module) -> int | None:
    """Outputs of the last layer of the head, where there is one that says so."""
    for head in heads_of(module)[:1]:
        sizes = list(_sizes(head))
        return sizes[-1] if sizes else None
    return None


def _sizes(head: nn.Module) -> Iterator[int]:
    for part in head.modules():
        size = getattr(part, "out_features", getattr(part, "out_channels", None))
        if isinstance(size, int):
            yield size


def headless(classifier: Classifier, why: str) -> Classifier:
    """The same model, whose `output` can be had, and whose `predict` says what is missing."""
    refusal = NoClassifier(classifier.name, why)
    return replace(classifier, predict=refusal, class_names=(), scores="none")
