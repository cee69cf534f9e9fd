"""Rows of the table that judge a map by what the model gives while pixels are replaced."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Final

from ..values import (
    AccuracyCase,
    Axes,
    CurveCase,
    GroupCase,
    LogitCase,
    Metric,
)
from .perturbation import (
    abpc,
    deletion,
    difference,
    insertion,
    lerf,
    lif,
    mif,
    morf,
    negative_accuracy,
    positive_accuracy,
    srg,
)
from .saco import saco
from .table_localization import AGCAM, CHEFER, SHARE

FILLS: Final = {
    "zero": "0 after normalization",
    "mean": "the picture's mean colour",
    "blur": "the blurred picture",
    "black": "black",
    "road": "what noisy linear imputation makes of the pixels around them",
}

_EITHER_WAY: Final = (-1.0, 1.0)
_SAMEK: Final = "Samek et al., TNNLS 2017, arXiv 1509.06321; steps and fill of arXiv 2402.04563"
_RISE: Final = "Petsiuk et al., RISE, BMVC 2018, arXiv 1806.07421"
_CONSTANT: Final = "a constant map has the same MoRF and LeRF"
_PROBABILITY: Final = Axes("share of the pixels removed", "probability of the label")
_LOGIT: Final = Axes("share of the patches removed", "logit of the label")
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


_PATCHES: Final = replace(
    _CURVE,
    name="mif",
    sentence="Mean logit of the label while patches become {fill}, most relevant first, in at most "
    "100 groups of one size.",
    function=mif,
    needs=LogitCase,
    bounds=(-inf, inf),
    on_empty="a constant map has one order of removal, drawn at random, like all ties",
    cite="symmetric relevance gain, after the tables of Berend et al., preprint 2026",
    heading="Relevance gain: {fill}",
    axes=_LOGIT,
)
_GAIN: Final = (
    _PATCHES,
    replace(
        _PATCHES,
        name="lif",
        sentence=_PATCHES.sentence.replace("most relevant", "least relevant"),
        function=lif,
        better="higher",
        curve=lambda case: case.lerf,
    ),
    replace(
        _PATCHES,
        name="srg",
        sentence="Symmetric relevance gain: area between the curves of the label's logit, LIF - "
        "MIF, while patches become {fill}.",
        function=srg,
        better="higher",
        on_empty="0 for a constant map, whose two orders of removal are the same",
        curve=difference,
        axes=None,
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


ON_REPLACED_PIXELS: Final = (
    *(
        _filled(metric, name, fill)
        for fill in FILLS
        for metric, name in zip(_CURVES, perturbation_names(fill), strict=True)
    ),
    *(_filled(metric, metric.name, "zero") for metric in _GAIN),
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
)
