"""Rows of the table that judge a map by other maps of the model, and by its cost."""

from __future__ import annotations

from math import inf
from typing import Final

from ..values import Axes, CostCase, Metric, OtherClassCase, RandomizedCase
from .cost import memory_ratio, time_ratio
from .sanity import class_sensitivity, randomization, randomization_stages

_EITHER_WAY: Final = (-1.0, 1.0)
_ADEBAYO: Final = "Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, arXiv 1810.03292"
_RANKS: Final = "1 for two constant maps, 0 where only one is constant"

ON_THE_MODEL: Final = (
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
        on_empty="measured once per batch",
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
        on_empty="measured once per batch",
        cite="agcam",
        heading="Cost",
    ),
)
