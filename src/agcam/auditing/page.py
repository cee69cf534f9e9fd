"""An audit as one page of the viewer, sorted by what needs attention."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..values import preparation_text
from ..viewer import Document, page
from .against import Comparison
from .findings import Findings
from .sections import (
    changes_tables,
    failures_table,
    outliers_table,
    pairs_table,
    suspects_table,
    truth_table,
)
from .shown import Shown
from .summary import interval_text, intervention_text, percent_text
from .values import Reason
from .verdicts import Verdict

FIRST: Final = 12  # reasons shown first, at most
CROPS: Final = 8
OTHERS: Final = 3  # pictures of other classes beside a reason that is shown first
REASONS: Final = 4  # of a class, in the table of classes
ELSEWHERE: Final = 3
SEEN: Final = 0.005  # of another class's pictures: less is shown as 0 %


def audit_page(found: Findings, out: Path, key: str, against: Comparison | None = None) -> str:
    """The page; its pictures are written beside it."""
    made = _Page(found, Shown(found, out))
    audit = made.data(key)
    document = Document(
        title=f"Audit of {found.setup.classifier.name}",
        lead=made.lead(),
        footer=made.footer(),
        layout="audit",
        blocks=[audit, *made.tables(against)],
    )
    return page(document, made.shown.cards)


class _Page:
    """The parts of a page."""

    def __init__(self, found: Findings, shown: Shown) -> None:
        self.found, self.shown = found, shown
        self.ranked = sorted(found.classes, key=lambda one: -found.attention(one))

    def lead(self) -> str:
        """The result in two sentences."""
        found = self.found
        first = [one for one in found.ranked if found.is_suspicious(one)]
        names = list(dict.fromkeys(found.name(one.target) for one in first))
        which = f"class{'es' if len(names) > 1 else ''} {', '.join(names[:3])}"
        more = " ..." if len(names) > 3 else ""
        what = (
            f"Look first at the {which}{more}: the model may go by what the pictures below have "
            "in common, not by the object."
            if names
            else "No reason is suspicious."
        )
        accuracy, right = found.accuracy(), "."
        if accuracy.number:
            right = (
                f"; {100 * accuracy.mean:.1f} % are predicted correctly "
                f"(95 % interval {100 * accuracy.low:.1f} to {100 * accuracy.high:.1f})."
            )
        return f"{what} {len(found.pictures)} pictures of {len(found.classes)} classes{right}"

    def footer(self) -> str:
        """How it was made."""
        setup = self.found.setup
        return (
            f"Maps by {setup.methods[0].name}, one recorded pass per picture; preparation: "
            f"{preparation_text(setup.classifier.preparation)}. Intervals are 95 % bootstrap "
            "intervals. summary.json, reasons.csv and pictures.csv hold every number."
        )

    def data(self, key: str) -> dict[str, Any]:
        """What the viewer's overview is made of."""
        found = self.found
        first = [one for one in found.ranked if found.is_suspicious(one)][:FIRST]
        reasons = {one: self.reason(one) for one in (*first, *found.ranked)}
        return {
            "kind": "audit",
            "key": key,
            "doubts": list(found.doubts),
            "first": [_id(one) for one in first],
            "reasons": {_id(one): data for one, data in reasons.items()},
            "classes": [self.class_(target) for target in self.ranked],
            "lists": self.shown.lists,
        }

    def class_(self, target: int) -> dict[str, Any]:
        """One class."""
        found, link = self.found, self.shown.link
        labelled, called = found.labelled(target), found.called(target)
        right, name = found.pictures.right, found.name(target)
        accuracy, correct = interval_text(found.accuracy(target)), labelled[right[labelled]]
        lost, wrong = labelled[~right[labelled]], called[~right[called]]
        gained = wrong[found.pictures.labelled[wrong]]
        facts = [
            ["pictures", link(str(len(labelled)), f"{name}: its pictures", labelled)],
            ["predicted correctly", link(accuracy, f"{name}: predicted correctly", correct)],
            [
                "predicted as another",
                link(str(len(lost)), f"{name}: predicted as another class", lost),
            ],
            [
                "others predicted as it",
                link(str(len(gained)), f"Others predicted as {name}", gained),
            ],
        ]
        if not found.pictures.labelled.any():
            facts = [["predicted", link(str(len(called)), f"Predicted as {name}", called)]]
        return {
            "id": f"class-{target}",
            "name": name,
            "score": _number(found.attention(target)),
            "reasons": [_id(one) for one in found.reasons.get(target, ())],
            "facts": facts,
        }

    def reason(self, reason: Reason) -> dict[str, Any]:
        """One reason."""
        found, shown = self.found, self.shown
        name, rows = found.name(reason.target), found.rows_of(reason)
        title = f"{name}, reason {reason.number + 1}"
        key = reason.target, reason.number
        suspicion = found.suspicion[key]
        count = shown.link(str(len(rows)), title, rows, shown.caption)
        there = [one for one in reason.elsewhere.items() if one[1] >= SEEN]
        elsewhere = sorted(there, key=lambda one: -one[1])[:ELSEWHERE]
        facts = [
            ["of the class's relevance", {**count, "text": percent_text(reason.share)}],
            ["of its pictures", {**count, "text": percent_text(reason.occurrence)}],
            ["pictures", count],
            *(
                [f"of the pictures of {found.name(n)}", percent_text(share)]
                for n, share in elsewhere
            ),
        ][reason.gains is not None :]  # a tint has no share of the relevance
        return {
            "id": _id(reason),
            "title": title,
            "class": f"class-{reason.target}",
            "name": name,
            "number": reason.number + 1,
            "score": _number(suspicion.score),
            "sentence": suspicion.sentence,
            "crops": self._crops(reason, rows),
            "others": self._others(reason) if found.is_suspicious(reason) else [],
            "list": count.get("href", ""),
            "places": np.round(reason.places / max(reason.places.max(), 1e-9), 3).tolist(),
            "facts": facts,
            "tests": [intervention_text(name, one) for one in found.interventions.get(key, ())],
            "verdict": _verdict(found.verdicts.get(key)),
            "examples": [found.sample(row).name for row in rows[:12]],
        }

    def _crops(self, reason: Reason, rows: Any) -> list[dict[str, Any]]:
        crops = []
        for row in rows[:CROPS].tolist():
            place = self.shown.place(row)
            if place is not None and self.shown.cards[place].picture is not None:
                crops.append({"card": place, "cut": list(self.shown.cut(reason, row))})
        return crops

    def _others(self, reason: Reason) -> list[dict[str, Any]]:
        """Pictures of other classes, one of each, the least suspicious classes first."""
        pictures, items = self.found.pictures, list[dict[str, Any]]()
        of_class = self.found.labelled if pictures.labelled.any() else self.found.called
        for target in reversed(self.ranked):
            rows = of_class(target)
            if target == reason.target or not len(rows) or len(items) == OTHERS:
                continue
            place = self.shown.place(int(rows[np.argmax(pictures.right[rows])]))
            if place is not None and self.shown.cards[place].picture is not None:
                items.append({"card": place, "name": self.found.name(target)})
        return items

    def tables(self, against: Comparison | None) -> list[Mapping[str, Any]]:
        """What stands below the classes."""
        parts = (truth_table, pairs_table, suspects_table, outliers_table, failures_table)
        made = (part(self.found, self.shown) for part in parts)
        tables = [] if against is None else changes_tables(self.found, against, self.shown)
        return [*tables, *(one for one in made if one is not None)]


def _id(reason: Reason) -> str:
    return f"reason-{reason.target}-{reason.number}"


def _number(value: float) -> float:
    return round(float(value), 3)


def _verdict(verdict: Verdict | None) -> dict[str, str]:
    return {} if verdict is None else {"verdict": verdict.verdict, "note": verdict.note}
