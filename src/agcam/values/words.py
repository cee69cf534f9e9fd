"""Names of files and classes, as they can be shown."""

from __future__ import annotations

from ..wording import printable as shown

__all__ = ["shown"]
