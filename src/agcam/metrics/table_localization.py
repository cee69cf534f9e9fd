"""Rows of the table that judge a map by what people annotated, boxes and masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..values import Axes, BoxCase, MaskCase, Metric
from .instances import instances_covered, instances_found
from .localization import corrected, one_number, paper
from .masks import (
    mask_average_precision,
    mask_iou,
    mask_pixel_accuracy,
    pixel_average_precision,
)
from .max_box import max_box_iou, sweep
from .pointing import energy_pointing_game, pointing_game
from .sets import (
    box_numbers,
    mask_numbers,
    score_numbers,
    set_max_box_accuracy,
    set_mean_iou,
    set_pixel_accuracy,
    set_pixel_average_precision,
)

SHARE: Final = (0.0, 1.0)
AGCAM: Final = "Leem and Seo, Attention Guided CAM, AAAI 2024, arXiv 2402.04563"
CHEFER: Final = "Chefer et al., Transformer Interpretability, CVPR 2021, arXiv 2012.09838"
CHOE: Final = "Choe et al., Evaluating WSOL Methods Right, CVPR 2020, arXiv 2001.07437"

_ZERO: Final = "0 for an empty annotation, an empty prediction and a constant map"
_POINTING: Final = "0 for an empty annotation; a constant map gets the boxes' share of the picture"
_EPS: Final = (
    "1 with neither annotation nor prediction; an empty prediction or a constant map has precision "
    "1, recall, IoU and Dice near 0; an empty annotation has recall 1, the rest near 0"
)
_MASKS: Final = "0 where no pixel is judged; a constant map predicts background"
_CORNER: Final = "0 for an empty annotation; a constant map predicts the upper left pixel"
_CLASS_SHARE: Final = (
    "0 for an empty annotation; a constant map gets the class's share of the judged pixels"
)
_FIVE: Final = {
    "pixel_accuracy": "Share of the pixels on which the map's boxes and the annotated boxes agree",
    "iou": "Intersection over union of the map's boxes and the annotated boxes",
    "dice": "Dice coefficient of the map's boxes and the annotated boxes",
    "precision": "Share of the map's boxes that lies in annotated boxes",
    "recall": "Share of the annotated boxes that the map's boxes cover",
}


def _five(prefix: str, suffix: str, metric: Metric) -> list[Metric]:
    """A row for each of the five numbers of one protocol."""
    protocol = paper if prefix else corrected
    return [
        replace(
            metric,
            name=f"{prefix}{name}",
            sentence=f"{sentence}{suffix}.",
            function=one_number(protocol, index),
        )
        for index, (name, sentence) in enumerate(_FIVE.items())
    ]


_BOXES: Final = Metric(
    name="",
    sentence="",
    function=max_box_iou,
    needs=BoxCase,
    better="higher",
    bounds=SHARE,
    on_empty=_ZERO,
    cite=AGCAM,
    heading="Localization",
)
_PREDICTED_CLASS: Final = replace(
    _BOXES,
    needs=MaskCase,
    on_empty=_MASKS,
    cite=CHEFER,
    heading="Segmentation",
    map_of="prediction",
)

ON_BOXES: Final = (
    *_five(
        "paper_",
        ", filled one pixel too large as by the authors",
        replace(_BOXES, on_empty=_EPS, heading="Localization: the paper's boxes", right_only=True),
    ),
    *_five(
        "",
        "",
        replace(_BOXES, on_empty=_EPS, cite=f"{AGCAM}; boxes of their exact size", right_only=True),
    ),
    replace(
        _BOXES,
        name="max_box_iou",
        sentence="IoU of the best box at the best of 100 thresholds, an upper bound.",
        function=max_box_iou,
        on_empty=_CORNER,
        cite=CHOE,
        curve=sweep,
        axes=Axes("threshold on the min-max map", "IoU of the best box"),
    ),
    replace(
        _BOXES,
        name="set_max_box_accuracy",
        sentence="MaxBoxAccV2: share of the pictures with a good box, the threshold chosen on the "
        "other half of the pictures.",
        function=box_numbers,
        on_empty=_CORNER,
        cite=CHOE,
        of_set=set_max_box_accuracy,
    ),
    replace(
        _BOXES,
        name="pointing_game",
        sentence="Whether the highest pixel of the map lies in an annotated box.",
        function=pointing_game,
        on_empty=_POINTING,
        cite="Zhang et al., Excitation Backprop, ECCV 2016, arXiv 1608.00507",
    ),
    replace(
        _BOXES,
        name="energy_pointing_game",
        sentence="Share of the positive relevance that lies in annotated boxes.",
        function=energy_pointing_game,
        on_empty=_POINTING,
        cite="Wang et al., Score-CAM, CVPR Workshops 2020, arXiv 1910.01279",
    ),
    replace(
        _BOXES,
        name="instances_covered",
        sentence="Share of the annotated boxes that the map's boxes cover at least half of.",
        function=instances_covered,
        cite="agcam: half of an annotated box in the predicted boxes",
    ),
    replace(
        _BOXES,
        name="instances_found",
        sentence="Share of the annotated boxes that have a box of the map with an IoU of 0.5.",
        function=instances_found,
        cite="recall at IoU 0.5 as in Everingham et al., Pascal VOC, IJCV 2010",
    ),
)

ON_MASKS: Final = (
    replace(
        _PREDICTED_CLASS,
        name="mask_pixel_accuracy",
        sentence="Share of a picture's judged pixels on which the map above its mean and the mask "
        "agree.",
        function=mask_pixel_accuracy,
        cite=f"{CHEFER}; of one picture",
    ),
    replace(
        _PREDICTED_CLASS,
        name="mask_iou",
        sentence="IoU with a picture's mask, mean of class and background.",
        function=mask_iou,
        cite=f"{CHEFER}; of one picture",
    ),
    replace(
        _PREDICTED_CLASS,
        name="mask_average_precision",
        sentence="Average precision of the map for the class and of its complement for the "
        "background.",
        function=mask_average_precision,
    ),
    replace(
        _PREDICTED_CLASS,
        name="set_pixel_accuracy",
        sentence="Share of the judged pixels of all pictures on which map and mask agree.",
        function=mask_numbers,
        of_set=set_pixel_accuracy,
    ),
    replace(
        _PREDICTED_CLASS,
        name="set_mean_iou",
        sentence="IoU over all pictures together, mean of class and background.",
        function=mask_numbers,
        of_set=set_mean_iou,
    ),
    replace(
        _PREDICTED_CLASS,
        name="pixel_average_precision",
        sentence="Average precision of the label's map for a picture's mask.",
        function=pixel_average_precision,
        on_empty=_CLASS_SHARE,
        cite=f"{CHOE}; of one picture",
        map_of="label",
    ),
    replace(
        _PREDICTED_CLASS,
        name="set_pixel_average_precision",
        sentence="PxAP: average precision of the label's map over the pixels of all pictures.",
        function=score_numbers,
        on_empty=_CLASS_SHARE,
        cite=CHOE,
        of_set=set_pixel_average_precision,
        map_of="label",
    ),
)
