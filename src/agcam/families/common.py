"""What the families share."""

from __future__ import annotations

from torch import nn


def comes_from(module: nn.Module, library: str) -> bool:
    """Whether a module's type, or one it inherits from, is defined in `library`."""
    return any(kind.__module__.split(".")[0] == library for kind in type(module).__mro__)


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
