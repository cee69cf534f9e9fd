"""Values of annotation files: of the right type, finite, in range, or a ValueError."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_SHOWN: Final = 40  # letters of a bad value
MOST_CLASSES: Final = 100_000


class BadValueError(ValueError):
    """What an annotation file may not hold."""


def number(text: str) -> float:
    """A finite number written in ASCII digits; float() would take `nan`, `1_0` and more."""
    value = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
    if not math.isfinite(value):
        raise BadValueError(f"{shown(text)} is not a number")
    return value


def integer(text: str) -> int:
    """A whole number written in ASCII digits."""
    if not _WHOLE.fullmatch(text.strip()):
        raise BadValueError(f"{shown(text)} is not a whole number")
    return int(text)


def numbers(texts: Sequence[str], count: int) -> list[float]:
    """So many numbers and no more."""
    if len(texts) != count:
        raise BadValueError(f"{shown(' '.join(texts))} is not {count} numbers")
    return [number(text) for text in texts]


def from_json(text: str) -> Any:
    """What a JSON text holds; a key that occurs twice is refused, for the last one would win."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            raise BadValueError(f"the key {min(repeated(key for key, _ in pairs))!r} occurs twice")
        return table

    return json.loads(text, object_pairs_hook=once)


def json_number(value: Any) -> float:
    """A finite number of a JSON file; not a text, true or false."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        raise BadValueError(f"{shown(value)} is not a number")
    if not math.isfinite(value):
        raise BadValueError(f"{value} is not a number")
    return float(value)


def json_integer(value: Any) -> int:
    """A whole number of a JSON file from 0; `640.0` is one."""
    made = json_number(value)
    if made < 0 or made % 1:
        raise BadValueError(f"{shown(value)} is not a whole number from 0")
    return int(made)


def json_numbers(values: Any, count: int) -> list[float]:
    """A list of so many numbers."""
    if not isinstance(values, list) or len(values) != count:
        raise BadValueError(f"{shown(values)} is not a list of {count} numbers")
    return [json_number(value) for value in values]


def json_text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise BadValueError(f"{shown(value)} is not text")
    return value


def json_list(value: Any, what: str) -> list[Any]:
    """A list; `what` names it."""
    if not isinstance(value, list):
        raise BadValueError(f"{what} is not a list")
    return value


def repeated(values: Iterable[Any]) -> set[Any]:
    """Those that are there more than once."""
    return {value for value, times in Counter(values).items() if times > 1}


def shown(value: Any) -> str:
    """A bad value for a message: its beginning."""
    if isinstance(value, int) and abs(value) > 10**15:
        return "a number of many digits"
    if isinstance(value, str):
        return repr(value[:_SHOWN]) + "..." * (len(value) > _SHOWN)
    if isinstance(value, list | dict):
        return f"{type(value).__name__} of {len(value)}"
    return repr(value)[:_SHOWN]
