"""What all needs have: a cost and traits, which tracing, evaluation and the server read."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Final, NamedTuple

from .picture import Grid

BACKWARD: Final = 2.0  # forward passes that a pass back through the whole model takes
GRID: Final = Grid(14, 14, prefix=1)


class Cost(NamedTuple):
    """Forward passes for a picture, however many targets it has, and for each target besides."""

    picture: float
    target: float


@dataclass(frozen=True)
class Needs:
    """What a method needs of a model; a value, equal to others of the same kind and fields.

    `source` names the pass through the model that is made once and shared by all needs of that
    source; `names` are those of its tracers, where they differ; `reads` says what the method reads.
    `light` needs are served by the recording and its replay, without a graph of their own in
    memory. Where `any_classifier` will do, nothing inside the model is traced.
    """

    source: ClassVar[str]
    reads: ClassVar[str]
    light: ClassVar[bool] = False
    any_classifier: ClassVar[bool] = False
    names: ClassVar[tuple[str, ...]] = ()
    _cost: ClassVar[Cost]
    _passes: ClassVar[str]

    @property
    def tracers(self) -> tuple[str, ...]:
        """The names that `tracer` may have: the ways to this evidence."""
        return self.names or (self.source,)

    @property
    def black_box(self) -> bool:
        """Whether the model is run on pictures of the method's own."""
        return self.source == "black box"

    @property
    def keeps_calls(self) -> bool:
        """Whether the recording must keep every attention call."""
        return False

    def pictures(self, grid: Grid) -> int:
        """Pictures given to the model for one target of one picture; 0 unless black-box."""
        return 0

    def cost(self, grid: Grid = GRID) -> Cost:
        """An upper bound for what a method with these needs costs on a model with this grid."""
        return self._cost

    @property
    def passes(self) -> str:
        """The cost beside a plain forward pass, as text."""
        return self._passes

    def __str__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        given = [
            f"{f.name}={values[f.name]!r}" for f in fields(self) if values[f.name] != f.default
        ]
        return f"{type(self).__name__}({', '.join(given)})"
