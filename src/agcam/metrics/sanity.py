"""Sanity checks (Adebayo et al., NeurIPS 2018): a map must follow the weights and the class.

Maps are compared by the rank correlation of their patches. Lower is better: a map that stays the
same (1) shows nothing that this model knows of this class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..values import OtherClassCase, RandomizedCase


def rank_correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Spearman's, of two maps; 1 for two constant maps, 0 where only one is constant."""
    ranks = [rankdata(values.reshape(-1)) for values in (first, second)]
    a, b = (rank - rank.mean() for rank in ranks)
    lengths = float(np.sqrt((a @ a) * (b @ b)))
    if lengths > 0:
        return float(a @ b) / lengths
    return float(not a.any() and not b.any())


def class_sensitivity(case: OtherClassCase) -> float:
    """How alike the maps of the label and of the least probable class are."""
    return rank_correlation(case.relevance, case.other)


def randomization(case: RandomizedCase) -> float:
    """How alike the maps of the model and of the wholly randomized model are."""
    return rank_correlation(case.relevance, case.stages[-1])


def randomization_stages(case: RandomizedCase) -> NDArray[np.float64]:
    """(1 + stage,): how alike the maps are as the model is, and after each stage."""
    return np.array([1.0, *(rank_correlation(case.relevance, one) for one in case.stages)])
