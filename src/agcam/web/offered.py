"""The methods that a server offers: those that do not keep everybody else waiting."""

from __future__ import annotations

from typing import Final

from ..methods import METHODS
from ..registry import Table
from ..values import Method, PathTrace, Query, SinglePatchTrace

SLOW: Final = (Query, PathTrace, SinglePatchTrace)  # tens of passes or more

OFFERED: Final[Table[Method]] = Table(
    "method of this server", {n: row for n, row in METHODS.items() if row.needs not in SLOW}
)
