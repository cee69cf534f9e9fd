"""timm: any of its image classifiers, by name or as a module."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final, Literal, cast

from torch import nn

from ..values import Classifier, Family, Preparation
from .classifier import IMAGENET_GUESS, OWN_HEAD, classifier_of
from .heads import class_count, has_several_layers
from .libraries import channels_of, check_name, comes_from, for_channels, loading

FITS: Final[dict[str, Literal["crop", "squash", "pad"]]] = {
    "center": "crop",
    "squash": "squash",
    "border": "pad",
}
ONE_GRID: Final = frozenset(
    {"vision_transformer", "vision_transformer_relpos", "vision_transformer_hybrid", "beit", "deit"}
    | {"eva", "naflexvit", "deepseek_vit", "gemma4_vit", "qwen3_vit", "vitamin", "cait"}
)
"""timm's files of isotropic architectures that were found to be explained (docs/models.md)."""
SEVERAL_GRIDS: Final = frozenset(
    {"swin_transformer", "swin_transformer_v2", "swin_transformer_v2_cr", "crossvit", "tnt", "pit"}
    | {"pvt_v2", "mvitv2", "gcvit", "mobilevit", "maxxvit", "levit", "hiera", "twins", "nest"}
    | {"volo", "vision_transformer_sam", "convit", "efficientformer", "nextvit", "coat"}
)
"""Those of hierarchies, windows and several grids that were."""
EXPLAINED: Final = ONE_GRID | SEVERAL_GRIDS
REFUSED: Final = frozenset({"xcit", "edgenext"})
"""Those that were refused: attention over channels, or of another kind."""


def owns(module: nn.Module) -> bool:
    """Whether this is a model of timm, not a layer of it."""
    parts = ("forward_features", "pretrained_cfg", "default_cfg")
    return comes_from(module, "timm") and any(hasattr(module, part) for part in parts)


def load(name: str) -> Classifier:
    """`name` as timm lists it (`vit_base_patch16_224`, `NAME.TAG`, `hf-hub:ORG/NAME`)."""
    import timm

    _check_name(name)
    with loading(f"timm:{name}"):
        module = timm.create_model(name, pretrained=True)
    return _classifier(module.eval(), f"timm:{name}")


def build(
    name: str,
    classes: int | None,
    *,
    size: int | None = None,
    channels: int | None = None,
    pool: str | None = None,
) -> nn.Module:
    """The bare architecture, untrained; with None classes the library's own, with 0 no head."""
    import timm

    _check_name(name)
    given = {"num_classes": classes, "img_size": size, "in_chans": channels, "global_pool": pool}
    options = {option: value for option, value in given.items() if value is not None}
    return cast(nn.Module, timm.create_model(name, pretrained=False, **options))


def _check_name(name: str) -> None:
    import timm

    if ":" not in name and not timm.is_model(name.split(".")[0]):
        check_name("timm", name, timm.list_models())


def wrap(module: nn.Module, name: str) -> Classifier:
    """A timm module as it is; its weights may have been trained for other classes than timm's."""
    made = _classifier(module, name)
    if made.class_names and not _config(module).get("label_names"):
        note = IMAGENET_GUESS.format(count=len(made.class_names))
        return replace(made, notes=(*made.notes, note))
    return made


def _classifier(module: nn.Module, name: str) -> Classifier:
    """Preparation and class names from the module's own configuration."""
    return classifier_of(
        module,
        name,
        "timm",
        preparation=preparation_of(module),
        class_names=class_names_of(module),
        notes=(OWN_HEAD,) if has_several_layers(module) else (),
    )


def _config(module: Any) -> dict[str, Any]:
    return getattr(module, "pretrained_cfg", None) or {}


def preparation_of(module: nn.Module) -> Preparation | None:
    """Timm's evaluation transform, as data; size and number of channels are the module's.

    None for more than three channels, of which timm's configurations say nothing.
    """
    from timm.data import resolve_model_data_config

    config: dict[str, Any] = resolve_model_data_config(module)
    height, width = _input_size(module, tuple(config["input_size"][-2:]))
    channels = channels_of(module)
    mean, std = for_channels(config["mean"], channels), for_channels(config["std"], channels)
    if mean is None or std is None:
        return None
    share = float(config["crop_pct"])
    fit = FITS[config["crop_mode"]]
    resize: int | tuple[int, int]
    if fit == "crop" and height == width:
        resize = math.floor(height / share)
    else:
        resize = (math.floor(height / share), math.floor(width / share))
    return Preparation(
        size=(height, width),
        mean=mean,
        std=std,
        fit=fit,
        resize=resize,
        interpolation=config["interpolation"],
        source=f"timm's configuration of {config_name(module)}",
        fill=tuple(round(255 * value) for value in mean) if fit == "pad" else 0,
    )


def config_name(module: nn.Module) -> str:
    """What timm calls the architecture and weights that a module's configuration is of."""
    config = _config(module)
    name, tag = config.get("architecture") or type(module).__name__, config.get("tag")
    return f"{name}.{tag}" if tag else str(name)


def _input_size(module: nn.Module, configured: tuple[int, ...]) -> tuple[int, int]:
    """A model built for another size says so in its patch embedding."""
    size = getattr(getattr(module, "patch_embed", None), "img_size", None)
    height, width = size or configured
    return int(height), int(width)


def class_names_of(module: nn.Module) -> tuple[str, ...]:
    """Names from the configuration, or ImageNet's where head and configuration agree on it.

    A head of several layers is the user's own: its outputs are other classes, however many.
    """
    from timm.data import ImageNetInfo, infer_imagenet_subset

    if has_several_layers(module):
        return ()
    config = _config(module)
    classes = class_count(module) or getattr(module, "num_classes", 0)
    names = config.get("label_names")
    if names and len(names) == classes:
        described = config.get("label_descriptions") or {}
        return tuple(described.get(name, name) for name in names)
    if config.get("num_classes") != classes:
        return ()  # a head of the user's own
    subset = infer_imagenet_subset(module)
    if subset is None:
        return ()
    info = ImageNetInfo(subset)
    return tuple(info.index_to_description(index) for index in range(info.num_classes()))


def _listed() -> list[str]:
    import timm

    return cast(list[str], timm.list_models())


def _explains(name: str) -> bool | None:
    """Whether the architecture is explained, as far as the sweep of docs/models.md knows."""
    import timm

    if name.endswith("_enc"):
        return False  # an encoder without a classifier
    entrypoint = timm.model_entrypoint(name)
    file = entrypoint.__module__.rpartition(".")[2]
    return True if file in EXPLAINED else False if file in REFUSED else None


def _has_several_grids(name: str) -> bool:
    import timm

    return timm.model_entrypoint(name).__module__.rpartition(".")[2] in SEVERAL_GRIDS


FAMILY = Family(
    name="timm",
    cite="Wightman, PyTorch Image Models",
    owns=owns,
    load=load,
    wrap=wrap,
    build=build,
    listed=_listed,
    explains=_explains,
    several_grids=_has_several_grids,
)
