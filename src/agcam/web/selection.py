"""What a visitor wants to see of an upload."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

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
"""The methods that a server offers: those that do not keep everybody else waiting."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Selection:
    """`target` None is the predicted class; `prompts` are in order.

    `refine` and `views` are as in `explain`.
    """

    model: str
    method: str = "agcam"
    target: Annotated[int, Field(ge=0)] | None = None
    prompts: tuple[str, ...] = ()
    refine: bool = False
    views: int = 1


SELECTION: Final = TypeAdapter(Selection)
