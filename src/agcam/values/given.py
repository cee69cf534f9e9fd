"""Numbers and switches as callers give them: numpy's are taken, what only looks like one is not."""

from __future__ import annotations

from operator import index
from typing import SupportsIndex

import numpy as np


def whole(value: object) -> int | None:
    """The whole number that a value is; None of True, 2.0 and "2"."""
    if switch(value) is not None or not isinstance(value, SupportsIndex):
        return None
    try:
        return index(value)
    except TypeError:  # an array of several
        return None


def switch(value: object) -> bool | None:
    """True or False; None of 1, "no" and all else that would count as either."""
    return bool(value) if isinstance(value, bool | np.bool_) else None
