"""Audit: whether a model is right for the right reasons, class by class, on the user's data."""

from .values import Interval, Intervention, Outcome, Patches, Pictures, Reason, Suspicion

__all__ = ["Interval", "Intervention", "Outcome", "Patches", "Pictures", "Reason", "Suspicion"]
