"""The table of metrics: every number that judges a map, described once.

A metric is a pure function from a case (one picture, one map) to one number; means are made
elsewhere. Adding one is a function and a row, which every command, report and test then reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..errors import RunError, UnknownNameError
from ..registry import Table
from ..values import Metric
from .localization import Localization
from .table_localization import ON_BOXES, ON_MASKS
from .table_model import ON_THE_MODEL
from .table_parts import ON_PARTS
from .table_perturbation import FILLS, ON_REPLACED_PIXELS, perturbation_names

__all__ = ["BUNDLES", "METRICS", "PAPER_LOCALIZATION", "choose"]

METRICS: Table[Metric] = Table(
    "metric",
    {
        row.name: row
        for row in (*ON_BOXES, *ON_MASKS, *ON_PARTS, *ON_REPLACED_PIXELS, *ON_THE_MODEL)
    },
)

PAPER_LOCALIZATION: Final = tuple(f"paper_{name}" for name in Localization._fields)
BUNDLES: Final[dict[str, tuple[str, ...]]] = {
    "paper": (*PAPER_LOCALIZATION, "morf", "lerf", "abpc"),
    "paper_localization": PAPER_LOCALIZATION,
    "localization": Localization._fields,
    "max_box": ("set_max_box_accuracy", "max_box_iou"),
    "segmentation": (
        "set_pixel_accuracy",
        "set_mean_iou",
        "mask_average_precision",
        "mask_pixel_accuracy",
        "mask_iou",
    ),
    "pxap": ("set_pixel_average_precision", "pixel_average_precision"),
    "pointing": ("pointing_game", "energy_pointing_game"),
    "instances": ("instances_covered", "instances_found"),
    "mass": ("attribution_localization", "mask_share"),
    "planted": ("attribution_localization", "mask_share", "part_drop"),
    "funny_birds": ("single_deletion", "part_drop"),
    "perturbation": perturbation_names("zero"),
    **{f"perturbation_{fill}": perturbation_names(fill) for fill in FILLS if fill != "zero"},
    "relevance_gain": ("mif", "lif", "srg"),
    "insertion_deletion": ("insertion", "deletion"),
    "sanity": ("randomization", "class_sensitivity"),
    "cost": ("time_ratio", "memory_ratio"),
}


def choose(names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics that names of metrics and of bundles stand for, each once, in order.

    Raises:
        UnknownNameError: For a name that is neither.
        RunError: For no name at all.

    """
    chosen: dict[str, Metric] = {}
    for name in names:
        for metric in BUNDLES.get(name, (name,)):
            try:
                chosen[metric] = METRICS[metric]
            except UnknownNameError as error:
                raise UnknownNameError(f"{error} Bundles: {', '.join(BUNDLES)}.") from None
    if not chosen:
        raise RunError(f"choose metrics, or bundles of them: {', '.join(BUNDLES)}.")
    return tuple(chosen.values())
