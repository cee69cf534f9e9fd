"""The methods that a server offers: those that do not keep everybody else waiting."""

from __future__ import annotations

from typing import Final

from ..methods import METHODS
from ..registry import Table
from ..values import Method

MOST: Final = 30  # forward passes of one map, on a grid of 14 x 14

OFFERED: Final[Table[Method]] = Table(
    "method of this server",
    {
        name: row
        for name, row in METHODS.items()
        if not row.needs.black_box and sum(row.needs.cost()) <= MOST
    },
)
