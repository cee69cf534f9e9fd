"""A class by its number or name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import TargetError
from ..registry import did_you_mean


def as_class(item: Any) -> int | str:
    """A class as it may be written, by number or name. Raises TargetError for anything else."""
    if isinstance(item, bool) or not isinstance(item, int | str):
        raise TargetError(f"a class is a whole number or a name, not {item!r}.")
    return item


def index_of(item: int | str, classes: int, names: Sequence[str]) -> int:
    """The number of a class given by number or name, which may be digits. Raises TargetError."""
    if isinstance(item, str):
        found = _by_name(item, names)
        if found is None and not item.strip().removeprefix("-").isdecimal():
            raise TargetError(_unknown(item, names))
        item = int(item) if found is None else found
    if not 0 <= item < classes:
        raise TargetError(f"class {item} is out of range: this model knows 0 to {classes - 1}.")
    return item


def _by_name(name: str, names: Sequence[str]) -> int | None:
    """A class by its name as it is, in another case, or by a synonym ("tabby" of "tabby, cat")."""
    wanted = name.strip().casefold()
    ways: tuple[Callable[[str], bool], ...] = (
        lambda known: known == name.strip(),
        lambda known: known.casefold() == wanted,
        lambda known: wanted in _synonyms(known),
    )
    fits = ([index for index, known in enumerate(names) if way(known)] for way in ways)
    found = next(filter(None, fits), [])
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
