"""Hugging Face image processors as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import LoadError
from ..values import Preparation, scaled_resize
from .hf_media import brought, medium_of, usual
from .libraries import for_channels

RESAMPLE: Final[dict[int, Literal["nearest", "lanczos", "bilinear", "bicubic"]]] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
}


def preparation_of(processor: Any) -> Preparation:
    """Read resize, crop and normalization from a processor; LoadError for steps unknown here."""
    size = _sides(getattr(processor, "size", None))
    crop = _sides(getattr(processor, "crop_size", None)) if _does(processor, "center_crop") else {}
    mean, std = _normalization(processor)
    shared: dict[str, Any] = {
        "mean": mean,
        "std": std,
        "interpolation": RESAMPLE[int(getattr(processor, "resample", 2) or 0)],
        "crop_rounding": "floor",
        "source": brought(processor),
    }
    cropped = (crop["height"], crop["width"]) if crop else None
    if "height" in size:
        resized = (size["height"], size["width"])
        return Preparation(size=cropped or resized, fit="squash", resize=resized, **shared)
    edge, share = size.get("shortest_edge"), getattr(processor, "crop_pct", None)
    if edge and cropped:
        return Preparation(size=cropped, fit="crop", resize=edge, **shared)
    if edge and share:  # as ConvNeXt's
        return Preparation(size=(edge, edge), fit="crop", resize=int(edge / share), **shared)
    raise LoadError(
        f"{type(processor).__name__} prepares pictures in a way that agcam does not know "
        f"(size={size}); prepare them yourself and give the tensor (batch, 3, height, width)."
    )


def _normalization(processor: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of pixels within 0 ... 1; of a video processor as black and white videos show.

    Some of those scale pixels to -1 ... 1 before they normalize, which no attribute states.
    """
    if is_video_processor(processor):
        ends = [processor([_plain(grey)], return_tensors="pt") for grey in (0, 255)]
        dark, light = (end["pixel_values"][0].flatten(2).mean((0, 2)).double() for end in ends)
        std = 1 / (light - dark)
        return tuple((-dark * std).tolist()), tuple(std.tolist())
    if not _does(processor, "normalize"):
        return (0.0,) * 3, (1.0,) * 3
    return tuple(processor.image_mean), tuple(processor.image_std)


def is_video_processor(processor: Any) -> bool:
    """Whether this is a processor of videos, by what it inherits from."""
    return any(kind.__name__ == "BaseVideoProcessor" for kind in type(processor).__mro__)


def _plain(grey: int) -> NDArray[np.uint8]:
    """A video of one grey (frame, height, width, channel)."""
    return np.full((2, 32, 32, 3), grey, np.uint8)


def usual_preparation(config: Any) -> Preparation | None:
    """The default processor of an architecture, at the size its configuration names."""
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING
    from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING

    still = medium_of(config).still
    try:
        entry = (IMAGE_PROCESSOR_MAPPING if still else VIDEO_PROCESSOR_MAPPING)[type(config)]
        kinds = entry.values() if isinstance(entry, dict) else entry
        kinds = kinds if isinstance(kinds, Iterable) else [kinds]
        made = next(preparation_of(kind()) for kind in kinds if kind is not None)
    except (KeyError, StopIteration, LoadError):
        return None  # prepared tensors can still be explained
    vision = getattr(config, "vision_config", config)
    channels = getattr(vision, "num_channels", None)
    mean, std = (for_channels(values, channels) for values in (made.mean, made.std))
    if mean is None or std is None:
        return None
    known = replace(made, mean=mean, std=std, source=usual(config), guess=True)
    size = getattr(vision, "image_size", None)
    return known if size is None else _for_input(known, size)


def _for_input(preparation: Preparation, size: int | Sequence[int]) -> Preparation:
    """The same preparation for another input size: the resize grows or shrinks along."""
    height, width = (size, size) if isinstance(size, int) else size
    resize = scaled_resize(preparation, (height, width))
    return replace(preparation, size=(height, width), resize=resize)


def _does(processor: Any, step: str) -> bool:
    return bool(getattr(processor, f"do_{step}", False))


def _sides(size: Any) -> dict[str, int]:
    """Sides in pixels by name, of a number, a dictionary or the library's own class."""
    if isinstance(size, int):
        return {"shortest_edge": size}
    found: dict[str, Any] = {
        name: size.get(name) if isinstance(size, dict) else getattr(size, name, None)
        for name in ("height", "width", "shortest_edge")
    }
    return {name: int(side) for name, side in found.items() if side is not None}
