"""Run a module as it is on a picture and whatever else its `forward` takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ..errors import ModelError
from .libraries import any_size, is_hugging_face
from .wrappers import unwrapped


@dataclass(frozen=True)
class Call:
    """Runs `module` on pixels (batch, channel, height, width) and further inputs.

    Raises ModelError, before anything runs, where the inputs do not fit `forward`.
    """

    module: nn.Module
    name: str
    takes: inspect.Signature = field(init=False, repr=False, compare=False)
    options: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        inner = unwrapped(self.module)
        options = any_size(inner.forward) if is_hugging_face(inner) else {}
        object.__setattr__(self, "takes", _signature(inner))
        object.__setattr__(self, "options", options)

    def __call__(self, pixels: Tensor, *args: Any, **kwargs: Any) -> Any:
        """What the module returns, whole."""
        given = {**self.options, **kwargs}
        picture = self._picture_name(given)
        if picture:
            given[picture] = pixels
            free = [name for name in self._by_position() if name not in given]
            given.update(zip(free, args, strict=False))
            args = args[len(free) :]  # `_check` refuses those for which there is no place
        else:
            args = (pixels, *args)
        self._check(args, given)
        return self.module(*args, **given)

    def _picture_name(self, given: Mapping[str, Any]) -> str:
        """The parameter that takes the picture; empty where it goes first, by position."""
        if "pixel_values" in self.takes.parameters:
            return "pixel_values"
        first, *others = [*self._by_position(), ""]
        return next((name for name in others if name not in given), "") if first in given else ""

    def _by_position(self) -> list[str]:
        kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        return [name for name, one in self.takes.parameters.items() if one.kind in kinds]

    def _check(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        try:
            self.takes.bind(*args, **kwargs)
        except TypeError as error:
            known = ", ".join(self.takes.parameters)
            lacking = self._lacking(len(args), kwargs)
            if not lacking:
                raise ModelError(
                    f"{self.name}: its forward takes ({known}), and does not fit the inputs that "
                    f"were given ({error})."
                ) from None
            more = ", ".join(f'"{name}": ...' for name in lacking)
            raise ModelError(
                f"{self.name}: its forward takes ({known}) and cannot run without "
                f"{', '.join(lacking)}; give what it needs beside the picture: inputs={{{more}}}."
            ) from None

    def _lacking(self, by_position: int, kwargs: Mapping[str, Any]) -> list[str]:
        """Parameters without a default that were not given."""
        return [
            name
            for position, (name, one) in enumerate(self.takes.parameters.items())
            if one.default is one.empty
            and one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}
            and position >= by_position
            and name not in kwargs
        ]


def _signature(module: nn.Module) -> inspect.Signature:
    """What `forward` takes; anything, where Python cannot tell (TorchScript)."""
    try:
        return inspect.signature(module.forward)
    except (TypeError, ValueError):
        return inspect.signature(lambda *args, **kwargs: (args, kwargs))
