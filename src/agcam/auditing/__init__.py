"""Audit: whether a model is right for the right reasons, class by class, on the user's data.

plan -> scan (shard -> columns) -> reasons -> suspicion
     -> interventions (mark, trial, editing) -> Audit (summary, page)
"""

from .findings import Findings
from .price import Plan
from .result import Audit, check_limits
from .run import audit
from .values import Intervention, Outcome, Patches, Pictures, Reason, Suspicion

__all__ = [
    "Audit",
    "Findings",
    "Intervention",
    "Outcome",
    "Patches",
    "Pictures",
    "Plan",
    "Reason",
    "Suspicion",
    "audit",
    "check_limits",
]
