"""The table of metrics: one number for one picture each; means are made elsewhere."""

from __future__ import annotations

from ..registry import Table
from ..values import BoxCase, CurveCase, GroupCase, MaskCase, Metric, MosaicCase
from .boxes import area_share
from .instances import instances_covered, instances_found
from .localization import ON_EMPTY, Localization, corrected, one_number, paper
from .masks import (
    mask_average_precision,
    mask_iou,
    mask_pixel_accuracy,
    pixel_average_precision,
)
from .max_box import max_box_iou
from .perturbation import abpc, lerf, morf
from .pointing import cell_share, energy_pointing_game, own_cell_share, pointing_game
from .saco import saco
from .sets import SETS

__all__ = ["METRICS", "SETS"]

_AGCAM = "Leem and Seo, Attention Guided CAM, AAAI 2024, arXiv 2402.04563"
_ZERO = "0 for empty truth, an empty prediction and a constant map"
_SHARE = "0 for empty truth; a constant map gets the boxes' share of the picture"
_CURVE = "a constant map has the same MoRF and LeRF; a NaN probability is refused"


def _no_difference(_: CurveCase | GroupCase) -> float:
    return 0.0


def _half(_: MaskCase) -> float:
    return 0.5


_SEGMENTATION = "Chefer et al., Transformer Interpretability, CVPR 2021, arXiv 2012.09838"
_BACKGROUND = "0 where no pixel is judged; a constant map predicts background"

_ROWS = [
    *(
        Metric(
            name=f"{prefix}{name}",
            function=one_number(protocol, name),
            needs=BoxCase,
            better="higher",
            chance=None,
            on_empty=ON_EMPTY,
            cite=cite,
        )
        for prefix, protocol, cite in (
            ("paper_", paper, _AGCAM),
            ("", corrected, f"{_AGCAM}; boxes of their exact size"),
        )
        for name in Localization._fields
    ),
    Metric(
        name="max_box_iou",
        function=max_box_iou,
        needs=BoxCase,
        better="higher",
        chance=None,
        on_empty="0 for empty truth; a constant map predicts the upper left pixel",
        cite="Choe et al., Evaluating WSOL Methods Right, CVPR 2020, arXiv 2001.07437",
    ),
    Metric(
        name="pointing_game",
        function=pointing_game,
        needs=BoxCase,
        better="higher",
        chance=area_share,
        on_empty=_SHARE,
        cite="Zhang et al., Excitation Backprop, ECCV 2016, arXiv 1608.00507",
    ),
    Metric(
        name="energy_pointing_game",
        function=energy_pointing_game,
        needs=BoxCase,
        better="higher",
        chance=area_share,
        on_empty=_SHARE,
        cite="Wang et al., Score-CAM, CVPR Workshops 2020, arXiv 1910.01279",
    ),
    Metric(
        name="mask_pixel_accuracy",
        function=mask_pixel_accuracy,
        needs=MaskCase,
        better="higher",
        chance=_half,
        on_empty=_BACKGROUND,
        cite=f"{_SEGMENTATION}; of one picture",
    ),
    Metric(
        name="mask_iou",
        function=mask_iou,
        needs=MaskCase,
        better="higher",
        chance=None,
        on_empty=_BACKGROUND,
        cite=f"{_SEGMENTATION}; of one picture",
    ),
    Metric(
        name="mask_average_precision",
        function=mask_average_precision,
        needs=MaskCase,
        better="higher",
        chance=None,
        on_empty=_BACKGROUND,
        cite=_SEGMENTATION,
    ),
    Metric(
        name="pixel_average_precision",
        function=pixel_average_precision,
        needs=MaskCase,
        better="higher",
        chance=None,
        on_empty="0 for empty truth; a constant map gets the class's share of the judged pixels",
        cite="Choe et al., CVPR 2020, arXiv 2001.07437; of one picture",
    ),
    Metric(
        name="own_cell_share",
        function=own_cell_share,
        needs=MosaicCase,
        better="higher",
        chance=cell_share,
        on_empty="a constant map gets the cell's share of the mosaic",
        cite="Boehle et al., Convolutional Dynamic Alignment Networks, CVPR 2021, arXiv 2104.00032",
    ),
    Metric(
        name="instances_covered",
        function=instances_covered,
        needs=BoxCase,
        better="higher",
        chance=None,
        on_empty=_ZERO,
        cite="agcam: half of a truth box in the predicted boxes",
    ),
    Metric(
        name="instances_found",
        function=instances_found,
        needs=BoxCase,
        better="higher",
        chance=None,
        on_empty=_ZERO,
        cite="recall at IoU 0.5 as in Everingham et al., Pascal VOC, IJCV 2010",
    ),
    Metric(
        name="morf",
        function=morf,
        needs=CurveCase,
        better="lower",
        chance=None,
        on_empty=_CURVE,
        cite="Samek et al., TNNLS 2017, arXiv 1509.06321; steps and fill of arXiv 2402.04563",
    ),
    Metric(
        name="lerf",
        function=lerf,
        needs=CurveCase,
        better="higher",
        chance=None,
        on_empty=_CURVE,
        cite="Samek et al., TNNLS 2017, arXiv 1509.06321; steps and fill of arXiv 2402.04563",
    ),
    Metric(
        name="abpc",
        function=abpc,
        needs=CurveCase,
        better="higher",
        chance=_no_difference,
        on_empty=f"0 for a constant map: {_CURVE}",
        cite=_AGCAM,
    ),
    Metric(
        name="saco",
        function=saco,
        needs=GroupCase,
        better="higher",
        chance=_no_difference,
        on_empty="0 for a constant map",
        cite="Wu et al., On the Faithfulness of ViT Explanations, CVPR 2024, arXiv 2404.01415",
    ),
]

METRICS: Table[Metric] = Table("metric", {row.name: row for row in _ROWS})
