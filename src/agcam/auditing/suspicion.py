"""How suspicious a reason is, from 0 to 1, and why, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .values import Patches, Pictures, Reason, Suspicion


def suspicions(
    reasons: Mapping[int, Sequence[Reason]], pictures: Pictures, patches: Patches
) -> dict[tuple[int, int], Suspicion]:
    """For each reason, by its class and number, how suspicious it is."""
    del pictures, patches
    found = {}
    for target, some in reasons.items():
        for number, reason in enumerate(some):
            top = float(reason.places.max())
            found[target, number] = Suspicion(
                min(top, 1.0), f"{100 * top:.0f} % of it lies at one place.", {"place": top}
            )
    return found
