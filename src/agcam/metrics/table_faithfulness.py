"""Rows of the table that judge a map by the model: what it uses, for which class, at what cost."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Final

from ..values import (
    AccuracyCase,
    Axes,
    CostCase,
    CurveCase,
    GroupCase,
    Metric,
    OtherClassCase,
    RandomizedCase,
)
from .cost import memory_ratio, time_ratio
from .perturbation import (
    abpc,
    deletion,
    difference,
    insertion,
    lerf,
    morf,
    negative_accuracy,
    positive_accuracy,
)
from .saco import saco
from .sanity import class_sensitivity, randomization, randomization_stages
from .table_localization import AGCAM, CHEFER, SHARE

FILLS: Final = {
    "zero": "0 after normalization",
    "mean": "the picture's mean colour",
    "blur": "the blurred picture",
    "black": "black",
}

_EITHER_WAY: Final = (-1.0, 1.0)
_SAMEK: Final = "Samek et al., TNNLS 2017, arXiv 1509.06321; steps and fill of arXiv 2402.04563"
_RISE: Final = "Petsiuk et al., RISE, BMVC 2018, arXiv 1806.07421"
_ADEBAYO: Final = "Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, arXiv 1810.03292"
_CONSTANT: Final = "a constant map has the same MoRF and LeRF"
_RANKS: Final = "1 for two constant maps, 0 where only one is constant"
_PROBABILITY: Final = Axes("share of the pixels removed", "probability of the label")
_ACCURACY: Final = Axes("share of the pixels removed", "accuracy")

_CURVE: Final = Metric(
    name="morf",
    sentence="Mean probability of the label while pixels become {fill}, most relevant first.",
    function=morf,
    needs=CurveCase,
    better="lower",
    bounds=SHARE,
    on_empty=_CONSTANT,
    cite=_SAMEK,
    heading="Perturbation: {fill}",
    curve=lambda case: case.morf,
    axes=_PROBABILITY,
)
_CURVES: Final = (
    _CURVE,
    replace(
        _CURVE,
        name="lerf",
        sentence="Mean probability of the label while pixels become {fill}, least relevant first.",
        function=lerf,
        better="higher",
        curve=lambda case: case.lerf,
    ),
    replace(
        _CURVE,
        name="abpc",
        sentence="Area between the two curves, LeRF - MoRF, while pixels become {fill}.",
        function=abpc,
        better="higher",
        bounds=_EITHER_WAY,
        on_empty=f"0 for a constant map: {_CONSTANT}",
        cite=AGCAM,
        curve=difference,
        axes=None,
    ),
    replace(
        _CURVE,
        name="positive_accuracy",
        sentence="Mean accuracy with 10 ... 90 % of the pixels made {fill}, most relevant first.",
        function=positive_accuracy,
        needs=AccuracyCase,
        cite=CHEFER,
        axes=_ACCURACY,
    ),
    replace(
        _CURVE,
        name="negative_accuracy",
        sentence="Mean accuracy with 10 ... 90 % of the pixels made {fill}, least relevant first.",
        function=negative_accuracy,
        needs=AccuracyCase,
        better="higher",
        cite=CHEFER,
        curve=lambda case: case.lerf,
        axes=_ACCURACY,
    ),
)


def _filled(metric: Metric, name: str, fill: str) -> Metric:
    """The same metric with another fill, which its sentence states."""
    return replace(
        metric,
        name=name,
        sentence=metric.sentence.format(fill=FILLS[fill]),
        heading=metric.heading.format(fill=fill),
        fill=fill,
    )


def perturbation_names(fill: str) -> tuple[str, ...]:
    """The names of the five perturbation metrics with a fill; the paper's fill has no suffix."""
    suffix = "" if fill == "zero" else f"_{fill}"
    return tuple(f"{metric.name}{suffix}" for metric in _CURVES)


ON_THE_MODEL: Final = (
    *(
        _filled(metric, name, fill)
        for fill in FILLS
        for metric, name in zip(_CURVES, perturbation_names(fill), strict=True)
    ),
    _filled(
        replace(
            _CURVE,
            sentence="Area under MoRF by the trapezoid rule, at 11 steps.",
            function=deletion,
            cite=_RISE,
            axes=None,
        ),
        "deletion",
        "zero",
    ),
    _filled(
        replace(
            _CURVE,
            sentence="Area under the curve as the blurred picture becomes sharp, at 11 steps.",
            function=insertion,
            better="higher",
            cite=_RISE,
            curve=lambda case: case.lerf[::-1],
            axes=None,
        ),
        "insertion",
        "blur",
    ),
    _filled(
        replace(
            _CURVE,
            sentence="How far groups of more relevant pixels cost more probability, over all pairs "
            "of ten groups.",
            function=saco,
            needs=GroupCase,
            better="higher",
            bounds=_EITHER_WAY,
            on_empty="0 for a constant map",
            cite="Wu et al., On the Faithfulness of ViT Explanations, CVPR 2024, arXiv 2404.01415",
            curve=lambda case: case.drops,
            axes=None,
        ),
        "saco",
        "mean",
    ),
    Metric(
        name="randomization",
        sentence="Rank correlation with the map of the same model with all its weights shuffled.",
        function=randomization,
        needs=RandomizedCase,
        better="lower",
        bounds=_EITHER_WAY,
        on_empty=_RANKS,
        cite=_ADEBAYO,
        heading="Sanity",
        curve=randomization_stages,
        axes=Axes("stages randomized, from the classifier down", "rank correlation", False),
    ),
    Metric(
        name="class_sensitivity",
        sentence="Rank correlation of the label's map with that of the least probable class.",
        function=class_sensitivity,
        needs=OtherClassCase,
        better="lower",
        bounds=_EITHER_WAY,
        on_empty=_RANKS,
        cite=_ADEBAYO,
        heading="Sanity",
    ),
    Metric(
        name="time_ratio",
        sentence="Time of recording and map of one method beside a plain forward pass.",
        function=time_ratio,
        needs=CostCase,
        better="lower",
        bounds=(0.0, inf),
        on_empty="measured once a batch",
        cite="agcam",
        heading="Cost",
    ),
    Metric(
        name="memory_ratio",
        sentence="Peak memory, weights included, beside that of a plain forward pass.",
        function=memory_ratio,
        needs=CostCase,
        better="lower",
        bounds=(0.0, inf),
        on_empty="measured once a batch",
        cite="agcam",
        heading="Cost",
    ),
)
