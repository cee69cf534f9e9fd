"""What the rows of the table share: recognizing a library's modules, loading by name, channels."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from ..errors import LoadError, UnknownNameError
from ..registry import did_you_mean


def comes_from(module: nn.Module, *libraries: str) -> bool:
    """Whether a module's type, or one it inherits from, is defined in one of `libraries`."""
    return any(kind.__module__.split(".")[0] in libraries for kind in type(module).__mro__)


def is_hugging_face(module: nn.Module) -> bool:
    """Whether a module is a model of transformers, not a layer of one nor a wrapper (PEFT)."""
    return any(
        kind.__name__ == "PreTrainedModel" and kind.__module__.startswith("transformers.")
        for kind in type(module).__mro__
    )


def import_library(name: str, extra: str) -> Any:
    """An optional library (`torchvision.models`); LoadError names the extra that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = name.split(".")[0]
        raise LoadError(f"{library} is not installed; run: pip install 'agcam[{extra}]'") from error


def check_name(library: str, name: str, known: Sequence[str]) -> None:
    """UnknownNameError, with the nearest names, unless `library` lists `name`."""
    if name not in known:
        hint = did_you_mean(name, known, "see `agcam list models`.")
        raise UnknownNameError(f"{library} has no model {name!r}; {hint}")


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Any failure of a library to load the weights of `name` becomes one sentence, a LoadError."""
    try:
        yield
    except LoadError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines()
        cause = f"{type(error).__name__}: {lines[0][:200] if lines else type(error).__name__}"
        raise LoadError(
            f"could not load the weights of {name} ({cause}). Check the name and the network, or "
            "give a file: --model WEIGHTS --arch FAMILY:NAME."
        ) from error


def few(items: Iterable[object]) -> str:
    """The first few, and dots for the rest."""
    names = [str(item) for item in items]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


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
