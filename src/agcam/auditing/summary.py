"""What was found as JSON: for scripts, and for the page."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from ..explainer import versions
from ..records import Estimate
from .against import Comparison
from .findings import Findings
from .mistakes import Suspect
from .suspicion import EFFECT, effect
from .values import CAST, TOGETHER, Intervention, Reason

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
        "doubts": list(found.doubts),
        "accuracy": estimate(found.accuracy()),
        "suspicious": rounded(max((found.attention(one) for one in ranked), default=0.0)),
        "classes": [class_summary(found, target) for target in ranked],
        "truth": truth_summary(found, None),
        "mistakes": [
            {
                "label": found.name(one.label),
                "predicted": found.name(one.predicted),
                "pictures": [found.sample(row).name for row in one.rows],
            }
            for one in found.pairs
        ],
        "label_suspects": [_suspect(found, one) for one in found.label_suspects],
        "unlike_their_class": [_suspect(found, one) for one in found.outliers],
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
        "truth": truth_summary(found, target),
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
        "interventions": [
            {"text": intervention_text(found.name(reason.target), one), **intervention(found, one)}
            for one in found.interventions.get((reason.target, reason.number), ())
        ],
        "examples": [found.sample(row).name for row in found.rows_of(reason)[:12]],
    }


def changes_summary(found: Findings, comparison: Comparison) -> dict[str, Any]:
    """What another model changes."""
    other = comparison.other
    return {
        "model": other.setup.classifier.name,
        "accuracy": estimate(other.accuracy()),
        "classes": [
            {
                "name": one.name,
                "accuracy": [estimate(each) for each in one.accuracy[:2]],
                "difference": estimate(one.accuracy[2]),
                "inside": None if one.inside is None else [estimate(each) for each in one.inside],
                "suspicious": [rounded(score) for score in one.suspicious],
                "lost": [reason.number + 1 for reason in one.lost],
                "gained": [reason_summary(other, reason) for reason in one.gained],
            }
            for one in comparison.changes
        ],
        "moved": [
            {"picture": found.sample(one.rows[0]).name, "distance": rounded(one.distance)}
            for one in comparison.moved
        ],
    }


def truth_summary(found: Findings, target: int | None) -> dict[str, Any] | None:
    """Where the relevance lies beside what people annotated, of a class or of all."""
    made = found.groups(target)
    if made is None:
        return None
    return {
        "inside": estimate(made.inside),
        "random_baseline": estimate(made.random),
        "centre_baseline": estimate(made.centre),
        **{
            f"{'right' if right else 'wrong'}_{'inside' if inside else 'outside'}": len(rows)
            for (right, inside), rows in made.rows.items()
        },
    }


def _suspect(found: Findings, one: Suspect) -> dict[str, Any]:
    label = int(found.pictures.label[one.row])
    return {
        "picture": found.sample(one.row).name,
        "label": found.name(label),
        "class": found.name(one.other),
        "score": rounded(one.score),
    }


def intervention(found: Findings, one: Intervention) -> dict[str, Any]:
    """One test of a reason."""
    made: dict[str, Any] = {"kind": one.kind, "patches": rounded(one.patches)}
    for name, outcome in (("before", one.before), ("after", one.after), ("random", one.random)):
        made[name] = {
            "share": estimate(outcome.share),
            "probability": estimate(outcome.probability),
            "called": {found.name(number): count for number, count in outcome.called.items()},
        }
    return made


def intervention_text(name: str, one: Intervention) -> str:
    """What a test showed, in one sentence; `name` is the class.

    With the 95 % interval of what is left: of ten pictures one is a tenth.
    """
    before, random = percent_text(one.before.share.mean), percent_text(one.random.share.mean)
    after, count = interval_text(one.after.share), one.after.share.number
    done = "pasted" if one.kind == "paste" else "erased"
    instead = f"another tint {done}" if one.fill == CAST else f"as many random patches {done}"
    shares = f"{after} are predicted as {name} (before: {before}; with {instead}: {random})."
    if one.kind == TOGETHER:
        return f"Erased with its other suspicious reasons from {count} pictures: {shares}"
    if one.kind == "erase":
        nothing = " By itself it changes nothing." if effect(one) < EFFECT else ""
        return f"Erased from {count} of its pictures: {shares}{nothing}"
    return f"Pasted into {count} other pictures: {shares}"


def estimate(found: Estimate) -> dict[str, Any]:
    """A mean and its interval."""
    numbers = {"mean": found.mean, "low": found.low, "high": found.high}
    return {**{name: rounded(value) for name, value in numbers.items()}, "of": found.number}


def rounded(value: float) -> float | None:
    """A number as JSON has it."""
    return round(float(value), DIGITS) if math.isfinite(value) else None


def percent_text(share: float) -> str:
    """A share as text."""
    return f"{100 * share:.0f} %"


def interval_text(found: Estimate) -> str:
    """A share with its interval, as text."""
    if not found.number:
        return "-"
    return f"{100 * found.mean:.0f} % ({100 * found.low:.0f} to {100 * found.high:.0f})"
