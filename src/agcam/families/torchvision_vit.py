"""torchvision: its image classifiers, by name or as modules."""

from __future__ import annotations

from typing import Any, cast

from torch import nn

from ..errors import LoadError, UnknownNameError
from ..registry import near_misses
from ..values import Classifier, Family, Preparation
from .common import comes_from, missing, unreachable

IMAGENET_CLASSES = 1000


def _models() -> Any:
    try:
        import torchvision.models
    except ImportError as error:
        raise LoadError(missing("torchvision", "torchvision")) from error
    return torchvision.models


def load(name: str) -> Classifier:
    """`name` as torchvision lists it (`vit_b_16`), with its default weights."""
    models = _models()
    _known(name)
    weights = models.get_model_weights(name).DEFAULT
    if "categories" not in weights.meta or not hasattr(weights.transforms(), "crop_size"):
        raise LoadError(f"torchvision:{name} is not an image classifier.")
    try:
        module = models.get_model(name, weights=weights).eval()
    except Exception as error:
        raise LoadError(unreachable(f"torchvision:{name}", error)) from error
    return _classifier(module, f"torchvision:{name}", weights)


def build(name: str, classes: int | None) -> nn.Module:
    """The bare architecture, untrained, with a head of `classes` (None: the library's own)."""
    _known(name)
    options = {} if classes is None else {"num_classes": classes}
    return cast(nn.Module, _models().get_model(name, weights=None, **options))


def _known(name: str) -> None:
    names = _models().list_models()
    if name not in names:
        close = near_misses(name, names)
        hint = f"did you mean {' or '.join(close)}?" if close else "see `agcam list models`."
        raise UnknownNameError(f"torchvision has no model {name!r}; {hint}")


def wrap(module: nn.Module, name: str) -> Classifier:
    """A torchvision module as it is; its weights are unknown, so the usual preparation is taken."""
    return _classifier(module, name, None)


def _classifier(module: nn.Module, name: str, weights: Any) -> Classifier:
    transform = weights.transforms() if weights else None
    size = int(getattr(module, "image_size", 224))
    preparation = Preparation(
        size=(size, size) if transform is None else (transform.crop_size[0],) * 2,
        mean=(0.485, 0.456, 0.406) if transform is None else tuple(transform.mean),
        std=(0.229, 0.224, 0.225) if transform is None else tuple(transform.std),
        fit="crop",
        resize=round(size * 256 / 224) if transform is None else transform.resize_size[0],
        interpolation="bilinear" if transform is None else transform.interpolation.value,
        source=f"torchvision's transforms of {weights}" if weights else "torchvision's usual one",
    )
    return Classifier(
        module=module,
        predict=module,
        name=name,
        family="torchvision",
        preparation=preparation,
        class_names=_class_names(module, weights),
    )


def _class_names(module: nn.Module, weights: Any) -> tuple[str, ...]:
    if weights is None:
        linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
        if not linear or linear[-1].out_features != IMAGENET_CLASSES:
            return ()
        weights = _models().ViT_B_16_Weights.DEFAULT
    return tuple(weights.meta["categories"])


def _listed() -> list[str]:
    return list(_models().list_models(module=_models()))  # its classifiers


FAMILY = Family(
    name="torchvision",
    cite="TorchVision maintainers, TorchVision",
    owns=lambda module: comes_from(module, "torchvision"),
    load=load,
    wrap=wrap,
    build=build,
    listed=_listed,
)
