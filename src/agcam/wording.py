"""File names, class names and labels as they may be shown: on one line, harmless."""

from __future__ import annotations

import unicodedata
from typing import Final

SHOWN: Final = frozenset({"\u200c", "\u200d"})  # joiners that scripts and emoji are written with
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: object) -> str:
    r"""Text for a terminal or a page, with control characters escaped (`\x1b`).

    So is all that could move the cursor, end the line, reverse the direction of writing or not be
    encoded: a byte of a file name that is not UTF-8 becomes `\xe9`, another lone surrogate
    `\ud800`. Other text is unchanged.
    """
    plain = str(text)
    return plain if plain.isascii() and plain.isprintable() else "".join(map(_shown, plain))


def _shown(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # how Python keeps a byte that could not be decoded
        return f"\\x{number - 0xDC00:02x}"
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    if not hidden or character in SHOWN:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def cell(text: object) -> str:
    """Printable text for a cell of a CSV file; `'` in front of what a spreadsheet would compute.

    Also in front of such text that has one of its own, so that `uncell` gives it back.
    """
    shown = printable(text)
    return f"'{shown}" if _is_formula(shown) else shown


def uncell(text: str) -> str:
    """The text of a cell without the `'` of `cell`."""
    return text[1:] if text.startswith("'") and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    return text.lstrip("'").startswith(FORMULA)
