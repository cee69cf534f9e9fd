"""Hugging Face image processors as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from ..errors import LoadError
from ..values import Preparation, scaled_resize
from .libraries import for_channels

RESAMPLE: Final[dict[int, Literal["nearest", "lanczos", "bilinear", "bicubic"]]] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
}


def preparation_of(processor: Any) -> Preparation:
    """Read resize, crop and normalization from a processor; LoadError for steps unknown here."""
    size = _dict(getattr(processor, "size", None))
    crop = _dict(getattr(processor, "crop_size", None)) if _does(processor, "center_crop") else {}
    shared: dict[str, Any] = {
        "mean": tuple(processor.image_mean) if _does(processor, "normalize") else (0.0,) * 3,
        "std": tuple(processor.image_std) if _does(processor, "normalize") else (1.0,) * 3,
        "interpolation": RESAMPLE[int(getattr(processor, "resample", 2) or 0)],
        "crop_rounding": "floor",
        "source": f"the image processor {type(processor).__name__}",
    }
    if "height" in size:
        resized = (size["height"], size["width"])
        final = (crop["height"], crop["width"]) if crop else resized
        return Preparation(size=final, fit="squash", resize=resized, **shared)
    if "shortest_edge" in size:
        edge = int(size["shortest_edge"])
        share = getattr(processor, "crop_pct", None)
        if not crop and share:  # ConvNeXt-style
            return Preparation(size=(edge, edge), fit="crop", resize=int(edge / share), **shared)
        if crop:
            final = (crop["height"], crop["width"])
            return Preparation(size=final, fit="crop", resize=edge, **shared)
    raise LoadError(
        f"{type(processor).__name__} prepares pictures in a way that agcam does not know "
        f"(size={size}); prepare them yourself and give the tensor (batch, 3, height, width)."
    )


def usual_preparation(config: Any) -> Preparation | None:
    """The default processor of an architecture, at the size its configuration names."""
    from transformers import AutoImageProcessor  # noqa: F401 - fills the mapping
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING

    try:
        entry = IMAGE_PROCESSOR_MAPPING[type(config)]
    except KeyError:
        return None
    kinds = entry.values() if isinstance(entry, dict) else entry
    size = getattr(getattr(config, "vision_config", config), "image_size", None)
    for kind in kinds:
        if kind is None:
            continue
        try:
            usual = preparation_of(kind())
        except LoadError:
            return None  # prepared tensors can still be explained
        source = f"the usual one of {type(config).__name__} (no image processor came with it)"
        channels = getattr(getattr(config, "vision_config", config), "num_channels", None)
        mean, std = (for_channels(values, channels) for values in (usual.mean, usual.std))
        if mean is None or std is None:
            return None
        preparation = replace(usual, mean=mean, std=std, source=source, guess=True)
        return preparation if size is None else _for_input(preparation, size)
    return None


def _for_input(preparation: Preparation, size: int | Sequence[int]) -> Preparation:
    """The same preparation for another input size: the resize grows or shrinks along."""
    height, width = (size, size) if isinstance(size, int) else size
    resize = scaled_resize(preparation, (height, width))
    return replace(preparation, size=(height, width), resize=resize)


def _does(processor: Any, step: str) -> bool:
    return bool(getattr(processor, f"do_{step}", False))


def _dict(size: Any) -> dict[str, int]:
    if size is None:
        return {}
    if isinstance(size, int):
        return {"shortest_edge": size}
    return {key: size[key] for key in ("height", "width", "shortest_edge") if _has(size, key)}


def _has(size: Any, key: str) -> bool:
    try:
        return size[key] is not None
    except (KeyError, TypeError, AttributeError):
        return False
