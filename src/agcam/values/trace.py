"""Any evidence: what a method may need."""

from __future__ import annotations

from .by_rules import AttnLrpTrace, LibraTrace, LrpTrace, StreamTrace
from .evidence import (
    AttentionTrace,
    BlockTrace,
    FullTrace,
    GridTrace,
    Oracle,
    ReachTrace,
    ReadTrace,
    TokenTrace,
)
from .more_passes import AloneTrace, PathTrace

Trace = (
    ReadTrace
    | AttentionTrace
    | ReachTrace
    | FullTrace
    | BlockTrace
    | TokenTrace
    | LrpTrace
    | LibraTrace
    | AttnLrpTrace
    | StreamTrace
    | PathTrace
    | AloneTrace
    | GridTrace
    | Oracle
)
