"""torchvision: its image classifiers, by name or as modules."""

from __future__ import annotations

from typing import Any, Final, cast

from torch import nn

from ..errors import LoadError, UnknownNameError
from ..registry import did_you_mean
from ..values import Classifier, Family, Preparation
from .assemble import classifier_of
from .common import comes_from, missing, unreachable
from .heads import class_count

IMAGENET_CLASSES = 1000
HEADS: Final = ("heads", "head", "classifier", "fc")


def _models() -> Any:
    try:
        import torchvision.models
    except ImportError as error:
        raise LoadError(missing("torchvision", "torchvision")) from error
    return torchvision.models


def owns(module: nn.Module) -> bool:
    """Whether this is a model that torchvision offers, not a layer of one."""
    if not comes_from(module, "torchvision"):
        return False
    models = _models()
    return any(getattr(models, kind.__name__, None) is kind for kind in type(module).__mro__)


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


def build(
    name: str, classes: int | None, *, size: int | None = None, channels: int | None = None
) -> nn.Module:
    """The bare architecture, untrained; None is the library's own, no classes are no head."""
    _known(name)
    if channels is not None:
        raise LoadError(
            f"the file is for {channels} channels, and torchvision builds {name} for 3; build the "
            "module yourself, load the file into it, and give agcam the module."
        )
    given = {"num_classes": classes or None, "image_size": size}
    options = {option: value for option, value in given.items() if value is not None}
    module = _models().get_model(name, weights=None, **options)
    for head in HEADS if classes == 0 else ():
        if hasattr(module, head):
            setattr(module, head, nn.Identity())
    return cast(nn.Module, module)


def _known(name: str) -> None:
    names = _models().list_models()
    if name not in names:
        hint = did_you_mean(name, names, "see `agcam list models`.")
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
    return classifier_of(
        module,
        name,
        "torchvision",
        preparation=preparation,
        class_names=_class_names(module, weights),
    )


def _class_names(module: nn.Module, weights: Any) -> tuple[str, ...]:
    if weights is None:
        if class_count(module) != IMAGENET_CLASSES:
            return ()
        weights = _models().ViT_B_16_Weights.DEFAULT
    return tuple(weights.meta["categories"])


def _listed() -> list[str]:
    return list(_models().list_models(module=_models()))  # its classifiers


FAMILY = Family(
    name="torchvision",
    cite="TorchVision maintainers, TorchVision",
    owns=owns,
    load=load,
    wrap=wrap,
    build=build,
    listed=_listed,
)
