"""What people put around a model: looked through to know it, left on to run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from torch import nn

from .libraries import comes_from

PASS_ON: Final = {
    "OptimizedModule": "_orig_mod",  # torch.compile
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "FullyShardedDataParallel": "module",
    "AveragedModel": "module",
    "DeepSpeedEngine": "module",
}
"""Types that return what the module within them returns, and the attribute that holds it."""


def unwrapped(module: nn.Module) -> nn.Module:
    """The module within any stack of wrappers that only pass its output on."""
    while (inner := _wrapped_by(module)) is not None:
        module = inner
    return module


def _wrapped_by(module: Any) -> nn.Module | None:
    for kind in type(module).__mro__:
        if kind.__name__ in PASS_ON and kind.__module__.split(".")[0] in {"torch", "deepspeed"}:
            inner = getattr(module, PASS_ON[kind.__name__], None)
            return inner if isinstance(inner, nn.Module) else None
    if comes_from(module, "peft") and callable(getattr(module, "get_base_model", None)):
        inner = module.get_base_model()
        return inner if isinstance(inner, nn.Module) and inner is not module else None
    return None


def outermost(module: nn.Module, is_model: Callable[[nn.Module], bool]) -> list[nn.Module]:
    """The models inside a module, each once, none that lies within another of them."""
    found: list[nn.Module] = []
    for part in module.children():
        for model in [part] if is_model(part) else outermost(part, is_model):
            if not any(model is other for other in found):
                found.append(model)
    return found
