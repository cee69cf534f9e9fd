"""From pictures to explanations, at once or batch by batch."""

from .assembly import versions
from .batches import Batch, Listed, explain_each
from .blocks import block_maps_of
from .explain import explain, explain_in_slices, explain_recording
from .passes import PassCounter, Progress, maps_of
from .views import ONE, Views, check_medium, checked_batch, checked_switches, views_of

__all__ = [
    "ONE",
    "Batch",
    "Listed",
    "PassCounter",
    "Progress",
    "Views",
    "block_maps_of",
    "check_medium",
    "checked_batch",
    "checked_switches",
    "explain",
    "explain_each",
    "explain_in_slices",
    "explain_recording",
    "maps_of",
    "versions",
    "views_of",
]
