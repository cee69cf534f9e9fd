"""Areas under the curves of a perturbation: of probabilities, accuracies and logits.

All raise MetricError for NaN and infinite values, and for what is not a curve.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from ..errors import MetricError
from ..values import AccuracyCase, CurveCase, LogitCase

SHARES: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of the pixels replaced
INNER: Final = SHARES[1:-1]


def area(probabilities: NDArray[Any]) -> float:
    """The paper's area under a curve: the plain mean of its (11) values.

    Raises:
        MetricError: For NaN and infinite values, and for what is not a curve.

    """
    return float(_curve(probabilities, "probability").mean())


def morf(case: CurveCase) -> float:
    """Area under MoRF: low where the most relevant pixels are needed."""
    return area(case.morf)


def lerf(case: CurveCase) -> float:
    """Area under LeRF: high where the least relevant pixels are not needed."""
    return area(case.lerf)


def abpc(case: CurveCase) -> float:
    """LeRF - MoRF, the area between the curves."""
    return area(case.lerf) - area(case.morf)


def difference(case: CurveCase) -> NDArray[np.float64]:
    """The curve behind `abpc`."""
    return np.asarray(case.lerf - case.morf)


def positive_accuracy(case: AccuracyCase) -> float:
    """Mean accuracy of the nine steps from 10 to 90 %, most relevant pixels first."""
    return area(case.morf[1:-1])


def negative_accuracy(case: AccuracyCase) -> float:
    """Mean accuracy of the nine steps from 10 to 90 %, least relevant pixels first."""
    return area(case.lerf[1:-1])


def deletion(case: CurveCase) -> float:
    """Area under MoRF by the trapezoid rule."""
    return float(trapezoid(_curve(case.morf, "probability"), SHARES))


def insertion(case: CurveCase) -> float:
    """Area under LeRF by the trapezoid rule: read from its end it is RISE's insertion."""
    return float(trapezoid(_curve(case.lerf, "probability"), SHARES))


def mif(case: LogitCase) -> float:
    """Mean logit under the trapezoid rule, most relevant patches first."""
    return _mean(case.morf)


def lif(case: LogitCase) -> float:
    """Mean logit under the trapezoid rule, least relevant patches first."""
    return _mean(case.lerf)


def srg(case: LogitCase) -> float:
    """LIF - MIF, the symmetric relevance gain."""
    return _mean(case.lerf) - _mean(case.morf)


def _mean(logits: NDArray[Any]) -> float:
    """Area under a curve by the trapezoid rule / number of its steps."""
    values = _curve(logits, "logit", least=2)
    return float(trapezoid(values) / (len(values) - 1))


def _curve(given: NDArray[Any], of_what: str, least: int = 1) -> NDArray[np.float64]:
    """A curve of `least` steps or more, as float64. Raises MetricError."""
    values = np.asarray(given, dtype=np.float64)
    if values.ndim != 1 or values.size < least or not np.isfinite(values).all():
        raise MetricError(
            f"a curve is one finite {of_what} per step; the model gave something else"
        )
    return values
