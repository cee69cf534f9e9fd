"""Any text in SQLite and back, without a loss.

A file name that is no UTF-8 has lone surrogates in Python, which SQLite cannot hold as text. It is
stored as a BLOB: the bytes of the name itself. Text with other surrogates, which a JSON file can
write down, is a BLOB too, behind a NUL byte, which no file name has.
"""

from __future__ import annotations

_MARK = b"\0"


def to_stored(text: str) -> str | bytes:
    """What is bound for a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            name = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            name = b""
        if name and _MARK not in name and name.decode("utf-8", "surrogateescape") == text:
            return name
        return _MARK + text.encode("utf-8", "surrogatepass")
    return text


def from_stored(value: object) -> str:
    """The text that was stored. Raises ValueError for what is not stored text."""
    if isinstance(value, bytes):
        if value.startswith(_MARK):
            return value[1:].decode("utf-8", "surrogatepass")
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is not text")


def decoded(value: bytes) -> str:
    """SQLite's text as Python's; a byte that was damaged is kept as it is."""
    return value.decode("utf-8", "surrogateescape")
