"""Text of others (file names, class names, labels) as it may be shown: on one line, harmless."""

from __future__ import annotations

import unicodedata
from typing import Final

SHOWN: Final = frozenset({"\u200c", "\u200d"})  # joiners that scripts and emoji are written with
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: object) -> str:
    r"""Text for a terminal or a page: control characters and the like are written as `\x1b`.

    That holds for everything that could move the cursor, end the line, turn the direction of
    writing, or not be encoded: a byte of a file name that is no UTF-8 is shown as `\xe9`, another
    lone surrogate as `\ud800`. Text without any of them comes back as it is.
    """
    words = str(text)
    return words if words.isascii() and words.isprintable() else "".join(map(_shown, words))


def _shown(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # how Python keeps a byte that could not be decoded
        return f"\\x{number - 0xDC00:02x}"
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    if not hidden or character in SHOWN:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def cell(text: object) -> str:
    """Printable text for a cell of a CSV file; `'` in front of what a spreadsheet would compute."""
    words = str(text)
    return ("'" if words.startswith(FORMULA) else "") + printable(words)


def shown_on_pages(value: object) -> object:
    """For Jinja's `finalize`: markup of our own as it is, all other text printable."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
