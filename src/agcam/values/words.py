"""Names of files and classes, as they can be shown."""

from __future__ import annotations


def shown(name: object) -> str:
    r"""A name that any terminal, page and log can take: what cannot be printed is escaped.

    Control characters (of terminals too), line breaks, marks that turn the writing direction and
    the bytes of a file name that are no UTF-8 become \x1b, \u202e, \xff. It is for eyes only:
    nothing is opened or stored by it.
    """
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in str(name))


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that a file name holds beside UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
