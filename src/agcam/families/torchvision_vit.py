"""torchvision: its image classifiers, by name or as modules."""

from __future__ import annotations

from typing import Any, cast

from torch import nn

from ..errors import LoadError
from ..values import Classifier, Family, Preparation
from .classifier import IMAGENET_GUESS, classifier_of
from .heads import HEAD_NAMES, class_count
from .libraries import check_name, comes_from, import_library, loading

IMAGENET_CLASSES = 1000


def _library() -> Any:
    return import_library("torchvision.models", "torchvision")


def owns(module: nn.Module) -> bool:
    """Whether this is a model that torchvision offers, not a layer of one."""
    if not comes_from(module, "torchvision"):
        return False
    models = _library()
    return any(getattr(models, kind.__name__, None) is kind for kind in type(module).__mro__)


def load(name: str) -> Classifier:
    """`name` as torchvision lists it (`vit_b_16`), with its default weights."""
    models = _library()
    check_name("torchvision", name, models.list_models())
    weights = models.get_model_weights(name).DEFAULT
    if "categories" not in weights.meta or not hasattr(weights.transforms(), "crop_size"):
        raise LoadError(f"torchvision:{name} is not an image classifier.")
    with loading(f"torchvision:{name}"):
        module = models.get_model(name, weights=weights).eval()
    transform = weights.transforms()
    preparation = Preparation(
        size=(transform.crop_size[0],) * 2,
        mean=tuple(transform.mean),
        std=tuple(transform.std),
        fit="crop",
        resize=transform.resize_size[0],
        interpolation=transform.interpolation.value,
        source=f"torchvision's transforms of {weights}",
    )
    return classifier_of(
        module,
        f"torchvision:{name}",
        "torchvision",
        preparation=preparation,
        class_names=tuple(weights.meta["categories"]),
    )


def build(
    name: str, classes: int | None, *, size: int | None = None, channels: int | None = None
) -> nn.Module:
    """The bare architecture, untrained; with None classes the library's own, with 0 no head."""
    models = _library()
    check_name("torchvision", name, models.list_models())
    if channels is not None:
        raise LoadError(
            f"the file is for {channels} channels, and torchvision builds {name} for 3; build the "
            "module yourself, load the file into it, and give agcam the module."
        )
    given = {"num_classes": classes or None, "image_size": size}
    options = {option: value for option, value in given.items() if value is not None}
    module = models.get_model(name, weights=None, **options)
    for head in HEAD_NAMES if classes == 0 else ():
        if hasattr(module, head):
            setattr(module, head, nn.Identity())
    return cast(nn.Module, module)


def wrap(module: nn.Module, name: str) -> Classifier:
    """A torchvision module as it is; its weights are unknown, so the usual preparation is taken."""
    size = int(getattr(module, "image_size", 224))
    preparation = Preparation(
        size=(size, size),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        fit="crop",
        resize=round(size * 256 / 224),
        interpolation="bilinear",
        source="torchvision's usual one",
    )
    names: tuple[str, ...] = ()
    if class_count(module) == IMAGENET_CLASSES:
        names = tuple(_library().ViT_B_16_Weights.DEFAULT.meta["categories"])
    return classifier_of(
        module,
        name,
        "torchvision",
        preparation=preparation,
        class_names=names,
        notes=(IMAGENET_GUESS.format(count=len(names)),) if names else (),
    )


def _listed() -> list[str]:
    models = _library()
    return list(models.list_models(module=models))  # its classifiers


FAMILY = Family(
    name="torchvision",
    cite="TorchVision maintainers, TorchVision",
    owns=owns,
    load=load,
    wrap=wrap,
    build=build,
    listed=_listed,
    explains=lambda name: name.startswith(("vit_", "swin_", "maxvit_")),
    several_grids=lambda name: not name.startswith("vit_"),
)
