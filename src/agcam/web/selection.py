"""What a visitor wants to see of an upload."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from ..methods import METHODS
from ..registry import Table
from ..values import Method, PathTrace, Query, SinglePatchTrace

SLOW: Final = (Query, PathTrace, SinglePatchTrace)  # tens of passes or more

OFFERED: Final[Table[Method]] = Table(
    "method of this server", {n: row for n, row in METHODS.items() if row.needs not in SLOW}
)
"""The methods that a server offers: those that do not keep everybody else waiting."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Selection:
    """`target` None is the predicted class; `prompts` are in order."""

    model: str
    method: str = "agcam"
    target: Annotated[int, Field(ge=0)] | None = None
    prompts: tuple[str, ...] = ()


SELECTION: Final = TypeAdapter(Selection)
