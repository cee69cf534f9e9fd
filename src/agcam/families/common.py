"""What the families share."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import nn


def comes_from(module: nn.Module, *libraries: str) -> bool:
    """Whether a module's type, or one it inherits from, is defined in one of `libraries`."""
    return any(kind.__module__.split(".")[0] in libraries for kind in type(module).__mro__)


def is_hugging_face(module: nn.Module) -> bool:
    """Whether a module is a model of transformers, not a layer of one nor a wrapper (PEFT)."""
    return any(
        kind.__name__ == "PreTrainedModel" and kind.__module__.startswith("transformers.")
        for kind in type(module).__mro__
    )


def any_size(function: Any) -> dict[str, bool]:
    """Let position embeddings follow the input's size, where a Hugging Face model can."""
    if "interpolate_pos_encoding" in inspect.signature(function).parameters:
        return {"interpolate_pos_encoding": True}
    return {}


def channels_of(module: nn.Module) -> int | None:
    """How many channels a model's first convolution takes; None where it has none."""
    convolutions = (part for part in module.modules() if isinstance(part, nn.Conv2d))
    first = next(convolutions, None)
    return None if first is None else int(first.in_channels)


def for_channels(values: Sequence[float], channels: int | None) -> tuple[float, ...] | None:
    """A mean or std of red, green and blue for a model of other channels; None where unknown.

    One channel takes their mean, as its pictures are grey; one number is that of every channel.
    """
    known = tuple(float(value) for value in values)
    if channels is None or len(known) == channels:
        return known
    if len(known) == 1:
        return known * channels
    return (round(sum(known) / len(known), 6),) if channels == 1 else None


def unreachable(name: str, error: Exception) -> str:
    """One sentence for a model that could not be loaded by name."""
    cause = str(error).strip().splitlines()
    first = cause[0][:200] if cause else type(error).__name__
    return (
        f"could not load the weights of {name} ({type(error).__name__}: {first}). Check the name "
        "and the network, or give a file: --model WEIGHTS --arch FAMILY:NAME."
    )


def missing(library: str, extra: str) -> str:
    """One sentence for a library that is not installed."""
    return f"{library} is not installed; run: pip install 'agcam[{extra}]'"
