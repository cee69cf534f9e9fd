"""Options of a method: what its paper calls a parameter, with range and unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Final

import torch

from ..errors import MethodError


@dataclass(frozen=True)
class Option:
    """A number that may be chosen: a whole number where its default is one.

    It is given to the method's function, if that takes a keyword of its name.

    Attributes:
        name: What users call it.
        default: Its value if none is chosen.
        minimum: The least value.
        maximum: The greatest value.
        unit: What it counts, or what it is a share of.
        about: What it is, in a few words.
        sets: The field of the method's needs that has the same value, if there is one.
    """

    name: str
    default: int | float
    minimum: int | float
    maximum: int | float
    unit: str
    about: str
    sets: str = ""

    @property
    def range(self) -> str:
        """What may be chosen, as text."""
        whole = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{whole} from {self.minimum:,g} to {self.maximum:,g}"

    def parse(self, text: str) -> int | float:
        """The number that a text stands for; MethodError where it is none."""
        try:
            return int(text) if isinstance(self.default, int) else float(text)
        except ValueError:
            raise MethodError(f"{self.name}={text} is not {self.range}.") from None

    def check(self, value: Any) -> int | float:
        """The value, as the method takes it; MethodError where it is of another type or range."""
        kind = Integral if isinstance(self.default, int) else Real
        fits = isinstance(value, kind) and not isinstance(value, bool)
        if not fits or not self.minimum <= value <= self.maximum:
            raise MethodError(f"{self.name}={value!r} is not {self.range} ({self.unit}).")
        return int(value) if isinstance(self.default, int) else float(value)

    def described(self, value: object) -> Any:
        """The value, ready for JSON."""
        return value


@dataclass(frozen=True)
class RulesOption:
    """Rules of the caller's own, by torch's names of operations."""

    name: str = "rules"
    default: tuple[tuple[str, Callable[..., Any]], ...] = ()
    unit: str = "rules"
    about: str = "rules for operations by torch's names, beside the method's own or in their place"
    sets: str = "own"
    range: str = "a mapping from the name of an operation of torch to a function (call, signals)"

    def parse(self, text: str) -> Any:
        """Refused: rules are functions."""
        raise MethodError(f"{self.name}={text}: rules are functions, which only Python can give.")

    def check(self, value: object) -> Any:
        """The rules as pairs; MethodError where they are none."""
        pairs = tuple(value.items()) if isinstance(value, Mapping) else value
        if not isinstance(pairs, tuple) or not all(_is_rule(pair) for pair in pairs):
            raise MethodError(f"{self.name}={value!r} is not {self.range}.")
        return pairs

    def described(self, value: Any) -> Any:
        """The operations, and the names of the functions."""
        return {
            operation: f"{rule.__module__}.{getattr(rule, '__qualname__', type(rule).__name__)}"
            for operation, rule in value
        }


RULES: Final = RulesOption()


def _is_rule(pair: object) -> bool:
    """Whether it is an operation that torch knows and a function."""
    if not isinstance(pair, tuple) or len(pair) != 2 or not callable(pair[1]):
        return False
    names = (name.partition("::")[2].partition(".")[0] for name in _operations())
    return pair[0] in names


def _operations() -> list[str]:
    """Every operation of torch and of loaded libraries, as "aten::gelu.out"."""
    return torch._C._dispatch_get_all_op_names()
