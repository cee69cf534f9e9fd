"""How much one server takes on: bytes, pixels, passes, waiting requests, connections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server process. A visitor is an address and a cookie.

    Pictures: `upload_bytes` and `pixels` are of one picture; a download is drawn on at most
    `drawn_pixels`.
    Memory: `kept_bytes` for everything kept for all visitors, pictures and recordings;
    `kept_pictures` for each visitor; `kept_seconds` counts from the last use of a picture;
    `held_bytes` for bodies and answers of requests in progress.
    Work, in forward passes of a model: `request_passes` for one request, `visitor_passes` for all
    that a visitor waits for. At most `working` requests are in work at once and `waiting` more
    wait, of which `visitor_waiting` are one visitor's and `address_waiting` come from one address.
    Connections: at most `connections`, of which `address_connections` from one address; seconds for
    the head of a request, for its body, between two parts of a body, and for a client that does not
    read its answer.
    """

    upload_bytes: int = 20_000_000
    pixels: int = 64_000_000
    drawn_pixels: int = 16_000_000
    kept_bytes: int = 1_000_000_000
    kept_pictures: int = 4
    kept_seconds: float = 30 * 60
    held_bytes: int = 500_000_000
    working: int = 2
    waiting: int = 250
    visitor_waiting: int = 64
    address_waiting: int = 128
    request_passes: float = 150
    visitor_passes: float = 600
    connections: int = 256
    address_connections: int = 128
    head_seconds: float = 10
    upload_seconds: float = 60
    silent_seconds: float = 10
    unread_seconds: float = 30
