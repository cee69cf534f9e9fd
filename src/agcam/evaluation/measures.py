"""Every number an evaluation can make: its name, which test makes it, what is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ..errors import RunError, UnknownNameError
from ..metrics import METRICS, SETS
from ..metrics.localization import Localization
from ..registry import Table
from ..values import BoxCase, CurveCase, MaskCase

Test = Literal["boxes", "masks", "curves", "groups", "randomization", "sensitivity", "cost"]

FILLS: Final = ("zero", "mean", "blur", "black")
PAPER: Final = tuple(f"paper_{name}" for name in Localization._fields)
SEGMENTATION: Final = (
    "set_pixel_accuracy",
    "set_mean_iou",
    "mask_average_precision",
    "mask_pixel_accuracy",
    "mask_iou",
)
RIGHT_ONLY: Final = frozenset((*PAPER, *Localization._fields))


@dataclass(frozen=True)
class Measure:
    """One number a sample and method. `test` makes it; `fill` is what removed pixels become.

    `right_only`: judged only where the model's prediction is the label, as the paper does. `asks`:
    whose map is judged. `of_set`: a picture gives what the set's number is made of, none itself.
    """

    name: str
    test: Test
    better: Literal["higher", "lower"]
    about: str
    fill: str = ""
    right_only: bool = False
    asks: Literal["label", "prediction"] = "label"
    of_set: bool = False


def _with_fill(name: str, fill: str) -> str:
    return name if fill == "zero" else f"{name}_{fill}"


def _curves(fill: str) -> list[Measure]:
    """MoRF, LeRF, ABPC and Chefer's accuracies with one fill."""
    rows: list[tuple[str, Literal["higher", "lower"], str]] = [
        (row.name, row.better, row.cite) for row in METRICS.values() if row.needs is CurveCase
    ]
    rows += [
        (
            "positive_accuracy",
            "lower",
            "mean accuracy with 10 ... 90 % removed, most relevant first",
        ),
        (
            "negative_accuracy",
            "higher",
            "mean accuracy with 10 ... 90 % removed, least relevant first",
        ),
    ]
    return [
        Measure(_with_fill(name, fill), "curves", better, f"{about}; fill: {fill}", fill)
        for name, better, about in rows
    ]


def _asks(name: str) -> Literal["label", "prediction"]:
    """ImageNet-Segmentation's numbers are of the predicted class's map, as its authors take it."""
    return "prediction" if name in SEGMENTATION else "label"


_ROWS = [
    *(
        Measure(row.name, "boxes", row.better, row.cite, right_only=row.name in RIGHT_ONLY)
        for row in METRICS.values()
        if row.needs is BoxCase
    ),
    *(
        Measure(row.name, "masks", row.better, row.cite, asks=_asks(row.name))
        for row in METRICS.values()
        if row.needs is MaskCase
    ),
    *(
        Measure(
            row.name,
            "boxes" if row.needs is BoxCase else "masks",
            row.better,
            row.cite,
            asks=_asks(row.name),
            of_set=True,
        )
        for row in SETS.values()
    ),
    *(measure for fill in FILLS for measure in _curves(fill)),
    Measure(
        "deletion", "curves", "lower", "Petsiuk et al., RISE: area under MoRF, trapezoid", "zero"
    ),
    Measure(
        "insertion", "curves", "higher", "Petsiuk et al., RISE: from the blurred picture", "blur"
    ),
    Measure("saco", "groups", METRICS["saco"].better, METRICS["saco"].cite, "mean"),
    Measure(
        "randomization",
        "randomization",
        "lower",
        "rank correlation with the wholly randomized model's map; Adebayo et al., NeurIPS 2018",
    ),
    Measure(
        "class_sensitivity",
        "sensitivity",
        "lower",
        "rank correlation of the label's map with that of the least probable class",
    ),
    Measure("time_ratio", "cost", "lower", "time beside a plain forward pass"),
    Measure("memory_ratio", "cost", "lower", "peak memory beside a plain forward pass"),
]
MEASURES: Table[Measure] = Table("metric", {row.name: row for row in _ROWS})

BUNDLES: Final[dict[str, tuple[str, ...]]] = {
    "paper": (*PAPER, "morf", "lerf", "abpc"),
    "paper_localization": PAPER,
    "localization": Localization._fields,
    "max_box": ("set_max_box_accuracy", "max_box_iou"),
    "segmentation": SEGMENTATION,
    "pxap": ("set_pixel_average_precision", "pixel_average_precision"),
    "pointing": ("pointing_game", "energy_pointing_game"),
    "instances": ("instances_covered", "instances_found"),
    "perturbation": ("morf", "lerf", "abpc", "positive_accuracy", "negative_accuracy"),
    **{
        f"perturbation_{fill}": tuple(measure.name for measure in _curves(fill))
        for fill in FILLS
        if fill != "zero"
    },
    "insertion_deletion": ("insertion", "deletion"),
    "sanity": ("randomization", "class_sensitivity"),
    "cost": ("time_ratio", "memory_ratio"),
}


def chosen(names: Sequence[str]) -> tuple[Measure, ...]:
    """The measures that names of metrics and of bundles stand for, each once, in order."""
    found: dict[str, Measure] = {}
    for name in names:
        for metric in BUNDLES.get(name, (name,)):
            try:
                found[metric] = MEASURES[metric]
            except UnknownNameError as error:
                raise UnknownNameError(f"{error} Bundles: {', '.join(BUNDLES)}.") from None
    if not found:
        raise RunError(f"choose metrics, or bundles of them: {', '.join(BUNDLES)}.")
    return tuple(found.values())
