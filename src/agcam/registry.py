"""A table: one name, one entry. Command line, docs and tests all read the same list."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Final, Generic, TypeVar

from .errors import UnknownNameError

Entry = TypeVar("Entry")
SHOWN: Final = 8  # names in the repr of a table


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """How an error about an unknown name ends: the known names like it, or `otherwise`."""
    close = _near_misses(name, list(known))
    return f"did you mean {' or '.join(close)}?" if close else otherwise


def names_of(given: str | Iterable[str]) -> tuple[str, ...]:
    """Names as a list has them, or as a text has them between commas."""
    if isinstance(given, str):
        return tuple(name.strip() for name in given.split(",") if name.strip())
    return tuple(given)


def _near_misses(name: str, known: list[str], limit: int = 3) -> list[str]:
    """Known names that look like `name`, or start with it; case does not matter."""
    by_lower = {candidate.lower(): candidate for candidate in reversed(known)}
    wanted = name.lower()
    close = difflib.get_close_matches(wanted, list(by_lower), n=limit, cutoff=0.6)
    longer = sorted(one for one in by_lower if len(wanted) > 3 and one.startswith(f"{wanted}_"))
    return [by_lower[match] for match in dict.fromkeys([*longer[:limit], *close])][:limit]


class Table(Mapping[str, Entry], Generic[Entry]):
    """Name -> entry, in the order written; third parties add rows by entry points.

    `noun` is the word used in errors ("method"), `plural` that of several; a distribution that
    declares an entry point in the group `agcam.<plural>` has its object appear here under the entry
    point's name.
    """

    def __init__(self, noun: str, rows: Mapping[str, Entry], plural: str = "") -> None:
        self.noun, self.plural = noun, plural or f"{noun}s"
        self._rows = dict(rows)
        self._foreign = {point.name: point for point in entry_points(group=f"agcam.{self.plural}")}

    def __getitem__(self, name: str) -> Entry:
        if name in self._rows:
            return self._rows[name]
        if name in self._foreign:
            self._rows[name] = self._foreign[name].load()
            return self._rows[name]
        hint = did_you_mean(str(name), self, f"known: {', '.join(self)}.")
        raise UnknownNameError(f"no {self.noun} is called {name!r}; {hint}")

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys([*self._rows, *self._foreign])

    def __len__(self) -> int:
        return len(dict.fromkeys([*self._rows, *self._foreign]))

    def __contains__(self, name: object) -> bool:
        return name in self._rows or name in self._foreign

    def __repr__(self) -> str:
        names = list(self)
        more = ", ..." if len(names) > SHOWN else ""
        return f"{len(names)} {self.plural}: {', '.join(names[:SHOWN])}{more}"
