"""What was found as JSON: for scripts, and for the page."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from ..explainer import versions
from ..records import Estimate
from .findings import Findings
from .values import Reason

DIGITS: Final = 4


def summary(found: Findings) -> dict[str, Any]:
    """All numbers of an audit, ready for JSON; what needs attention first."""
    setup = found.setup
    ranked = sorted(found.classes, key=lambda one: -found.attention(one))
    return {
        "schema_version": 1,
        "model": setup.classifier.name,
        "data": setup.dataset.name,
        "method": setup.methods[0].name,
        "versions": dict(versions()),
        "pictures": len(found.pictures),
        "failures": len(found.failures),
        "accuracy": estimate(found.accuracy()),
        "suspicious": rounded(max((found.attention(one) for one in ranked), default=0.0)),
        "classes": [class_summary(found, target) for target in ranked],
        "classes_without_pictures": list(found.without_pictures),
    }


def class_summary(found: Findings, target: int) -> dict[str, Any]:
    """One class."""
    return {
        "name": found.name(target),
        "index": target,
        "pictures": len(found.labelled(target)),
        "predicted": len(found.called(target)),
        "accuracy": estimate(found.accuracy(target)),
        "suspicious": rounded(found.attention(target)),
        "reasons": [reason_summary(found, one) for one in found.reasons.get(target, ())],
    }


def reason_summary(found: Findings, reason: Reason) -> dict[str, Any]:
    """One reason."""
    suspicion = found.suspicion[reason.target, reason.number]
    row, column = np.unravel_index(int(reason.places.argmax()), reason.places.shape)
    return {
        "number": reason.number + 1,
        "share": rounded(reason.share),
        "occurrence": rounded(reason.occurrence),
        "pictures": len(found.rows_of(reason)),
        "suspicion": rounded(suspicion.score),
        "sentence": suspicion.sentence,
        "parts": {name: rounded(value) for name, value in suspicion.parts.items()},
        "most_often_at": {"row": int(row) + 1, "column": int(column) + 1},
        "elsewhere": {found.name(n): rounded(share) for n, share in reason.elsewhere.items()},
        "examples": [found.sample(row).name for row in found.rows_of(reason)[:12]],
    }


def estimate(found: Estimate) -> dict[str, Any]:
    """A mean and its interval."""
    numbers = {"mean": found.mean, "low": found.low, "high": found.high}
    return {**{name: rounded(value) for name, value in numbers.items()}, "of": found.number}


def rounded(value: float) -> float | None:
    """A number as JSON has it."""
    return round(float(value), DIGITS) if math.isfinite(value) else None
