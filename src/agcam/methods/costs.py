"""What a method costs, known before it is asked: a number of forward passes of the model."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..values import (
    AttentionTrace,
    AttnLrpTrace,
    BlockTrace,
    GraphTrace,
    Grid,
    GridTrace,
    LibraTrace,
    LrpTrace,
    Method,
    PathTrace,
    Query,
    ReachTrace,
    ReadTrace,
    SinglePatchTrace,
    StreamTrace,
    TokenTrace,
    Trace,
)

BACKWARD: Final = 2.0  # forward passes that a pass back through the whole model takes
GRID: Final = Grid(14, 14, prefix=1)


class Cost(NamedTuple):
    """Forward passes for a picture, whatever is asked, and for each target besides."""

    picture: float
    target: float


COSTS: Final[dict[type[Trace], Cost]] = {
    GridTrace: Cost(2.5, 0.0),
    AttentionTrace: Cost(3.0, 0.0),
    # far less where only the class token is read, as in most models; this much where every token is
    ReadTrace: Cost(2.5, BACKWARD),
    ReachTrace: Cost(2.5, 1.0 + BACKWARD),
    GraphTrace: Cost(2.5, BACKWARD),
    BlockTrace: Cost(2.5, 4.0),
    TokenTrace: Cost(3.0, BACKWARD),
    AttnLrpTrace: Cost(3.0, 4.0),
    LibraTrace: Cost(3.0, 4.0),
    StreamTrace: Cost(3.0, 4.0),
    LrpTrace: Cost(3.0, 16.0),
    PathTrace: Cost(3.0, 40.0),
}
"""By the evidence that a method reads, which is where the passes are made."""


def cost_of(method: Method, grid: Grid = GRID) -> Cost:
    """An upper bound for what a method costs, on a model with this grid."""
    if method.pictures_per_target is not None or method.needs is Query:
        return Cost(3.0, method.pictures(grid) * (1.0 + BACKWARD))
    if method.needs is SinglePatchTrace:
        return Cost(3.0 + grid.patches, 0.0)
    cost = COSTS[method.needs]
    return cost if method.class_specific else Cost(sum(cost), 0.0)
