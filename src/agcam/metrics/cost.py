"""What an explanation costs beside a plain forward pass of the same pictures."""

from __future__ import annotations

from ..values import CostCase


def time_ratio(case: CostCase) -> float:
    """Seconds of the explanation / seconds of the plain pass."""
    return case.seconds / case.plain_seconds


def memory_ratio(case: CostCase) -> float:
    """Peak bytes of the explanation / peak bytes of the plain pass, weights included in both."""
    return case.memory / case.plain_memory
