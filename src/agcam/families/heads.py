"""The classifier at a model's end: whether there is one, how many classes it has."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from torch import nn

from .libraries import comes_from, is_hugging_face

HEAD_NAMES: Final = (
    *("heads", "head", "classifier", "cls_classifier", "distillation_classifier", "fc"),
    *("head_dist", "classif", "last_linear"),
)
"""What libraries call the classifier, the usual names first."""
EMPTY: Final = (nn.Identity, nn.Dropout, nn.Flatten)
BACKBONES: Final = ("Model", "Backbone", "Encoder", "VisionTransformer")


def heads_of(module: Any) -> list[nn.Module]:
    """The modules that make logits, as the library names them, or by their usual names."""
    module = getattr(module, "timm_model", module)  # within transformers' wrapper of timm
    found: Any = [getattr(module, name, None) for name in HEAD_NAMES]
    if callable(getattr(module, "get_classifier", None)):
        with suppress(AttributeError):  # a layer of a head that is no longer there
            found = module.get_classifier()
    parts = found if isinstance(found, tuple | list) else [found]
    return [part for part in parts if isinstance(part, nn.Module)]


def missing_classifier(module: nn.Module) -> str:
    """Why a module has no classifier; empty where it has one, or may have."""
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
    """Outputs of the last layer of the head; None where there is no such layer."""
    return next(reversed(_layer_sizes(module)), None)


def has_several_layers(module: nn.Module) -> bool:
    """Whether the head is a network of its own: its outputs need not be the library's classes."""
    return len(_layer_sizes(module)) > 1


def _layer_sizes(module: nn.Module) -> list[int]:
    """Outputs of each linear or convolutional layer of the first head."""
    parts = [part for head in heads_of(module)[:1] for part in head.modules()]
    sizes = [getattr(part, "out_features", getattr(part, "out_channels", None)) for part in parts]
    return [size for size in sizes if isinstance(size, int)]
