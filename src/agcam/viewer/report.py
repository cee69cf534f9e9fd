"""A run as one page of the viewer: tables, curves, best and worst pictures, failures, how made."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..records import OURS, RANDOM_BASELINES, Column, Estimate, Results
from ..records.tables import grouped, head
from .data import Card, Document, gallery_block, table_block
from .page import page

FAILURES: Final = 200  # shown on the page; the export has all
ENOUGH: Final = 10  # pictures; an interval of fewer decides nothing
LEGEND: Final = (
    "Means with 95 % bootstrap intervals; bold is the best mean of a column; ↑ higher is better, "
    f"↓ lower. Below them the difference from {OURS} on the same pictures, coloured where its "
    f"interval leaves out 0 and there are at least {ENOUGH} pictures. Press a head to sort."
)


@dataclass(frozen=True, eq=False)
class Judged:
    """One of a method's best or worst pictures, with the number that it was judged by."""

    method: str
    metric: str
    best: bool
    value: float
    card: Card


def report_page(
    results: Results, columns: Sequence[Column], judged: Sequence[Judged] = (), note: str = ""
) -> str:
    """The page; `columns` are its summary; `note` says why there are no pictures, if none are."""
    run, methods = results.run, _ordered(results.methods)
    cards = list({id(one.card): one.card for one in judged}.values())
    blocks = [
        *(_table(title, some, methods, results) for title, some in grouped(columns)),
        *_curves(results, columns),
        *_galleries(judged, methods, cards, note),
        _failures(results),
        _configuration(results),
    ]
    document = Document(
        title=f"{run.model} on {run.configuration['dataset']['name']}",
        lead=_lead(results),
        blocks=blocks,
    )
    return page(document, cards)


def _lead(results: Results) -> str:
    run, samples = results.run, results.samples
    right = sum(sample.label == sample.prediction for sample in samples)
    state = (
        f"finished {run.finished}"
        if run.finished
        else f"not finished: {run.done} of {run.shards} shards"
    )
    failed = len(results.failures)
    return (
        f"Run {run.key[:12]}, begun {run.started}, {state}. {len(samples)} of "
        f"{run.configuration['dataset']['samples']} samples judged, {right} of them predicted "
        f"correctly; {failed} failure{'' if failed == 1 else 's'}. {LEGEND}"
    )


def _ordered(methods: Sequence[str]) -> list[str]:
    """Ours first, random baselines last."""
    return sorted(methods, key=lambda name: (name in RANDOM_BASELINES, name != OURS))


def _mark(method: str) -> str:
    return "ours" if method == OURS else "baseline" if method in RANDOM_BASELINES else ""


def _table(
    title: str, columns: Sequence[Column], methods: Sequence[str], results: Results
) -> dict[str, Any]:
    heads = [
        {"text": head(column), "notes": [{"text": f"n = {_most(column)}"}]} for column in columns
    ]
    rows = [[name, *(_cell(column, name, results) for column in columns)] for name in methods]
    terms = [[head(column), column.sentence] for column in columns if column.sentence]
    made = table_block(title, ["method", *heads], rows, marks=[_mark(name) for name in methods])
    return {**made, "terms": terms}


def _most(column: Column) -> int:
    """How many samples a column is of; cells of fewer state their number."""
    return max((found.number for found in column.means.values()), default=0)


def _missing(results: Results, metric: str, method: str) -> str:
    """Why a method has no number."""
    if any(one.metric == metric and one.method in ("", method) for one in results.failures):
        return "see Failures"
    if results.metrics[metric].get("right_only"):
        return "no picture predicted correctly"
    return "no picture with what it needs"


def _cell(column: Column, method: str, results: Results) -> dict[str, Any]:
    mean, difference = column.means.get(method), column.differences.get(method)
    if mean is None:
        why = _missing(results, column.metric, method)
        return {"text": "-", "sort": None, "notes": [{"text": why}]}
    fewer = f", n = {mean.number}" if mean.number != _most(column) else ""
    notes = [{"text": f"{mean.low:.4f} to {mean.high:.4f}{fewer}"}]
    if difference is not None:
        low, high = f"{difference.low:+.4f}", f"{difference.high:+.4f}"
        text = f"{difference.mean:+.4f} ({low} to {high})"
        notes.append({"text": text, "kind": _verdict(column, difference)})
    best = method in column.best
    return {"text": f"{mean.mean:.4f}", "sort": _number(mean.mean), "notes": notes, "best": best}


def _verdict(column: Column, difference: Estimate) -> str:
    """Whether a method is better or worse than ours, if the interval leaves no doubt."""
    if difference.number < ENOUGH or difference.low <= 0 <= difference.high:
        return ""
    return "better" if (difference.low > 0) == (column.better == "higher") else "worse"


def _curves(results: Results, columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    for column in columns:
        axes, curves = column.axes, results.curves.get(column.metric)
        if axes is None or curves is None:
            continue
        number = curves.shape[1]
        points = np.linspace(0, 1, number) if axes.from_0_to_1 else np.arange(number)
        yield {
            "kind": "curves",
            "title": column.metric,
            "note": f"{column.sentence} Mean over the samples.".strip(),
            "across": axes.horizontal,
            "up": axes.vertical,
            "points": points.tolist(),
            "lines": [
                {"name": method, "mark": _mark(method), "values": list(map(_number, curve))}
                for method, curve in zip(results.methods, curves.tolist(), strict=True)
            ],
        }


def _number(value: float) -> float | None:
    """A number that JSON can hold."""
    return float(value) if math.isfinite(value) else None


def _galleries(
    judged: Sequence[Judged], methods: Sequence[str], cards: Sequence[Card], note: str
) -> list[Mapping[str, Any]]:
    title = {
        "kind": "text",
        "title": "Best and worst pictures",
        "paragraphs": [note] if note else [],
    }
    places = {id(card): place for place, card in enumerate(cards)}
    galleries = [
        gallery_block(
            f"{method}, by {some[0].metric}",
            [
                {
                    "card": places[id(one.card)],
                    "method": method,
                    "caption": f"{'best' if one.best else 'worst'}: {one.value:.4f}",
                    "lines": [one.card.caption, one.card.title.rpartition("/")[2]],
                }
                for one in some
            ],
        )
        for method in methods
        if (some := [one for one in judged if one.method == method])
    ]
    return [title, *galleries]


def _failures(results: Results) -> dict[str, Any]:
    failures = results.failures
    if not failures:
        return {"kind": "text", "title": "Failures", "paragraphs": ["None."]}
    rows = [[one.name, one.method or "all", one.metric, one.message] for one in failures]
    rest = len(failures) - FAILURES
    note = f"{rest} more are in failures.csv." if rest > 0 else ""
    return table_block("Failures", ["sample", "method", "what", "why"], rows[:FAILURES], note)


def _configuration(results: Results) -> dict[str, Any]:
    cost, stored = results.run.cost, results.run.configuration
    text = (
        f"{cost['forwards']:,.0f} forward passes of one picture in {cost['seconds']:,.0f} s of all "
        "workers together."
    )
    lines = json.dumps(stored, indent=1, ensure_ascii=False).split("\n")
    return {"kind": "text", "title": "Configuration", "paragraphs": [text], "lines": lines}
