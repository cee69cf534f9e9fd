"""How much one server takes on: bytes, pixels, minutes, places in the queue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server process.

    `upload_bytes` and `pixels` are of one picture; `kept_bytes` of everything kept in memory for
    all visitors, pictures and recordings; `kept_pictures` is a visitor's; `kept_seconds` counts
    from the last time a picture was asked about. At most `working` requests are worked on at once
    and `waiting` more wait; the next one is told that the server is busy.
    """

    upload_bytes: int = 20_000_000
    pixels: int = 64_000_000
    kept_bytes: int = 1_000_000_000
    kept_pictures: int = 4
    kept_seconds: float = 30 * 60
    working: int = 2
    waiting: int = 62
    upload_seconds: float = 60
    classes: int = 32
    prompts: int = 64
    prompt_letters: int = 300
