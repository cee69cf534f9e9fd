"""A class by its number or name, and what a target is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import TargetError
from ..registry import did_you_mean


@dataclass(frozen=True)
class Column:
    """Stands in a target for one that is no class: the number of its column behind the classes."""

    number: int


def index_of(item: Any, classes: int, names: Sequence[str]) -> int:
    """The number of a class given by number or name, which may be digits; raises TargetError."""
    if isinstance(item, str):
        found = _by_name(item, names)
        if found is None and not _is_number(item):
            raise TargetError(_unknown(item, names))
        item = int(item) if found is None else found
    if isinstance(item, Column):
        return classes + item.number
    if isinstance(item, bool) or not isinstance(item, int):
        raise TargetError(f"a class is a whole number or a name, not {item!r}.")
    if not 0 <= item < classes:
        raise TargetError(f"class {item} is out of range: this model knows 0 to {classes - 1}.")
    return item


def _is_number(text: str) -> bool:
    """Whether a text is a whole number, as command lines give them."""
    return text.strip().removeprefix("-").isdecimal()


def _by_name(name: str, names: Sequence[str]) -> int | None:
    """A class by its whole name or one of its synonyms ("tabby" of "tabby, tabby cat")."""
    wanted = name.strip().casefold()
    whole = [index for index, known in enumerate(names) if known.casefold() == wanted]
    part = [index for index, known in enumerate(names) if wanted in _synonyms(known)]
    found = whole or part
    if len(found) > 1:
        options = ", ".join(f"{index} ({names[index]})" for index in found)
        raise TargetError(f"{name!r} names several classes: {options}; give the number.")
    return found[0] if found else None


def _unknown(name: str, names: Sequence[str]) -> str:
    if not names:
        return (
            f"{name!r}: this model's class names are not known; give a number, or name them: "
            "agcam.load(model, classes=[...])."
        )
    flat = [synonym for known in names for synonym in _synonyms(known)]
    hint = did_you_mean(name, dict.fromkeys(flat), f"it knows {len(names)} others.")
    return f"this model has no class {name!r}; {hint}"


def _synonyms(name: str) -> list[str]:
    return [part.strip().casefold() for part in name.split(",")]


def plain(target: Any) -> Any:
    """Tensors, arrays and their numbers as Python's own, also within a list."""
    if hasattr(target, "tolist"):
        return target.tolist()
    return [plain(item) for item in target] if is_list(target) else target


def is_list(value: object) -> bool:
    """Whether a target is several, in a list or tuple."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
