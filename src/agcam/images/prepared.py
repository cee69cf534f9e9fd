"""Whatever pictures the user gives, ready for the model, and the way back to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor

from ..errors import ModelError, PictureError
from ..transforms import looks_alike
from ..values import Classifier, Frame, Preparation, Transform, note_of
from .open import open_picture
from .prepare import prepare

RGB: Final = 3
BATCH_DIMS: Final = 4


@dataclass(frozen=True)
class Prepared:
    """Pictures ready for the model, and the way back to them.

    `preparation` is None where they were given prepared.
    """

    pixels: Tensor
    frames: tuple[Frame, ...]
    pictures: tuple[Image.Image, ...]
    sources: tuple[str, ...]
    preparation: Preparation | Transform | None = None
    notes: tuple[str, ...] = ()


def prepare_all(classifier: Classifier, pictures: Any) -> Prepared:
    """Open and prepare pictures as the model wants them; tensors are taken as they are."""
    if isinstance(pictures, Tensor):
        return _take(classifier, pictures)
    items = list(pictures) if isinstance(pictures, list | tuple) else [pictures]
    if not items:
        raise PictureError("no picture was given.")
    if isinstance(items[0], Tensor):
        raise PictureError("give prepared pictures as one tensor (batch, 3, height, width).")
    if classifier.preparation is None:
        raise ModelError(
            f"{classifier.name}: how it wants its pictures is not known; give them prepared, as a "
            "tensor (batch, 3, height, width)."
        )
    opened = [open_picture(item) for item in items]
    ready = [prepare(picture, classifier.preparation) for picture in opened]
    sources = [_source(item, number) for number, item in enumerate(items, 1)]
    return Prepared(
        pixels=torch.stack([pixels for pixels, _ in ready]),
        frames=tuple(frame for _, frame in ready),
        pictures=tuple(opened),
        sources=tuple(sources),
        preparation=classifier.preparation,
        notes=(*note_of(classifier.preparation), *_unlike(classifier, opened, ready)),
    )


def _unlike(
    classifier: Classifier, opened: list[Image.Image], ready: list[tuple[Tensor, Frame]]
) -> tuple[str, ...]:
    """A note where a program's pixels do not resemble the window that was measured."""
    if not isinstance(classifier.preparation, Transform):
        return ()
    unlike = [
        number
        for number, (picture, (pixels, frame)) in enumerate(zip(opened, ready, strict=True), 1)
        if not looks_alike(pixels, picture, frame)
    ]
    if not unlike:
        return ()
    return (
        f"preparation: the transform's pixels of picture {unlike[0]} do not resemble the part of "
        "it that was measured, so the map may lie elsewhere; if the transform looks for something "
        "to cut out, do that first and explain what is cut",
    )


def _source(item: Any, number: int) -> str:
    named = str(item) if isinstance(item, str | Path) else getattr(item, "filename", "")
    return str(named) or f"picture-{number}"


def _take(classifier: Classifier, pixels: Tensor) -> Prepared:
    if pixels.ndim != BATCH_DIMS or pixels.shape[1] != RGB or not len(pixels):
        raise PictureError(
            f"a prepared tensor is (batch, 3, height, width), not {tuple(pixels.shape)}"
            + ("; add the batch dimension: pixels[None]." if pixels.ndim == RGB else ".")
        )
    if not pixels.is_floating_point():
        raise PictureError("a prepared tensor is floating and normalized; give arrays as numpy.")
    if not bool(torch.isfinite(pixels).all()):
        raise PictureError("the prepared tensor holds NaN or infinite values.")
    height, width = pixels.shape[-2:]
    return Prepared(
        pixels=pixels.detach(),
        frames=(Frame.whole(width, height),) * len(pixels),
        pictures=tuple(_show(picture, classifier.preparation) for picture in pixels.detach()),
        sources=tuple(f"picture-{number}" for number in range(1, len(pixels) + 1)),
    )


def _show(pixels: Tensor, preparation: Preparation | Transform | None) -> Image.Image:
    """A prepared tensor as a picture: normalization undone, or min-max where it is unknown."""
    values = pixels.float().cpu()
    if preparation is not None:
        mean, std = (torch.tensor(v)[:, None, None] for v in (preparation.mean, preparation.std))
        values = values * std + mean
    else:
        low, high = values.min(), values.max()
        values = (values - low) / (high - low).clamp(min=1e-12)
    return Image.fromarray((values.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())
