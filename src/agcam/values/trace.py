"""Any evidence: what a method may need."""

from __future__ import annotations

from .by_rules import AttnLrpTrace, LibraTrace, LrpTrace, StreamTrace
from .evidence import (
    AttentionTrace,
    BlockTrace,
    GraphTrace,
    GridTrace,
    Query,
    ReachTrace,
    ReadTrace,
    TokenTrace,
)
from .more_passes import PathTrace, SinglePatchTrace

Trace = (
    ReadTrace
    | AttentionTrace
    | ReachTrace
    | GraphTrace
    | BlockTrace
    | TokenTrace
    | LrpTrace
    | LibraTrace
    | AttnLrpTrace
    | StreamTrace
    | PathTrace
    | SinglePatchTrace
    | GridTrace
    | Query
)
