"""Rows of the table that judge a map by where the evidence is known to be."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Final

from ..values import Metric, PartCase, PictureMaskCase
from .parts import attribution_localization, mask_share, part_drop, single_deletion
from .table_localization import SHARE

_CONSTANT: Final = "0 for an empty annotation; a constant map gets the mask's share of the picture"
_FUNNY_BIRDS: Final = "Hesse, Schaub-Meyer and Roth, FunnyBirds, ICCV 2023, arXiv 2308.06248"

_LOCALIZATION: Final = Metric(
    name="attribution_localization",
    sentence="Share of the positive relevance that lies on the mask, at the picture's own size; "
    "pictures that the model predicts correctly.",
    function=attribution_localization,
    needs=PictureMaskCase,
    better="higher",
    bounds=SHARE,
    on_empty=_CONSTANT,
    cite="Kohlbrenner et al., IJCNN 2020, arXiv 1910.09840; as in Berend et al., preprint 2026",
    heading="Attribution localization",
    right_only=True,
)
_DELETION: Final = Metric(
    name="single_deletion",
    sentence="Spearman's correlation of the relevance of parts with what removing each takes from "
    "the label's logit, as (1 + correlation) / 2.",
    function=single_deletion,
    needs=PartCase,
    better="higher",
    bounds=SHARE,
    on_empty="0.5 where all parts have the same relevance or drop, as for a map of zeros",
    cite=_FUNNY_BIRDS,
    heading="Parts",
)

ON_PARTS: Final = (
    _LOCALIZATION,
    replace(
        _LOCALIZATION,
        name="mask_share",
        sentence="The mask's share of the picture, whatever the map: the random baseline of "
        "attribution_localization.",
        function=mask_share,
        on_empty="0 for an empty annotation; the same for every map",
        cite="agcam",
    ),
    _DELETION,
    replace(
        _DELETION,
        name="part_drop",
        sentence="What removing a part takes from the label's logit, mean over the parts, "
        "whatever the map.",
        function=part_drop,
        bounds=(-inf, inf),
        on_empty="the same for every map",
        cite="agcam",
    ),
)
