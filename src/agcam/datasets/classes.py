"""The classes of a data set, and how the files write their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ..addresses import Place
from ..errors import DataSetError
from ..wording import printable
from .annotation import numbered_lines
from .checked import repeated

SYNSET: Final = re.compile(r"n\d{8}(?!\d)")
NO_LABEL: Final = "(no label)"  # the class of samples that have none, which no model knows


class Classes:
    """The classes of a data set while it is read: known ones first, in the order given.

    A label that is not among them becomes a class of its own behind them, so that its samples
    are kept, match no class of a model, and fail one by one, each with its reason. Classes with the
    same first name get their numbers into it (`distinct`), so that none of them matches by it.
    """

    def __init__(self, names: Iterable[Sequence[str]], *, distinct: bool = True) -> None:
        listed = [tuple(known) for known in names]
        twice = repeated(known[0] for known in listed) if distinct else set()
        self.names = [
            (f"{known[0]} (class {label})", *known[1:]) if known[0] in twice else known
            for label, known in enumerate(listed)
        ]
        self.known = len(self.names)
        self._labels = {known[0]: label for label, known in enumerate(self.names)}

    def label(self, first_name: str) -> int:
        """The label of a class by its first name (its synset where it has one)."""
        if first_name not in self._labels:
            self._labels[first_name] = len(self.names)
            self.names.append((first_name,))
        return self._labels[first_name]

    def first_name(self, number: int) -> str:
        """The first name of a known class by its number, and a name for any other number."""
        return self.names[number][0] if number < self.known else f"class {number}"


def split_names(text: str) -> tuple[str, ...]:
    """Synonyms between commas."""
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


def numbered_classes(place: Place, file: str) -> dict[int, str]:
    """The classes of a list, NUMBER NAME on each line, in its order. Raises DataSetError."""
    found: dict[int, str] = {}
    for _, line in numbered_lines(place, file):
        number, _, name = line.strip().partition(" ")
        if not number.isdecimal() or not name or int(number) in found:
            raise DataSetError(f"{place.at(file)}: expected NUMBER NAME, not {printable(line)}.")
        found[int(number)] = name
    return found
