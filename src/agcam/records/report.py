"""A run as one HTML page that holds everything: tables, curves, pictures, what failed, how made."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from ..wording import printable, shown_on_pages
from .draw import charts
from .results import OURS, RANDOM_BASELINES, Results
from .summary import Column, Estimate
from .tables import grouped, head

FAILURES: Final = 200  # shown on the page; the export has all
ENOUGH: Final = 10  # pictures; an interval of fewer decides nothing


@dataclass(frozen=True)
class Shown:
    """One of a method's best or worst pictures: `jpeg` is the picture with map and boxes."""

    method: str
    metric: str
    best: bool
    name: str
    value: float
    jpeg: bytes


def render_report(
    results: Results, columns: Sequence[Column], shown: Sequence[Shown] = (), note: str = ""
) -> str:
    """The page; `columns` are its summary; `note` says why there are no pictures, if none are."""
    methods = _ordered(results.methods)
    run = results.run
    return _template().render(
        run=run,
        said=run.configuration,
        key=run.key[:12],
        judged=len(results.samples),
        right=sum(sample.label == sample.prediction for sample in results.samples),
        tables=[_table(title, some, methods) for title, some in grouped(columns)],
        charts=charts(results, columns),
        galleries=_galleries(shown, methods),
        note=note,
        failures=results.failures[:FAILURES],
        failed=len(results.failures),
        enough=ENOUGH,
        ours=OURS,
        random_baselines=RANDOM_BASELINES,
        configuration=_lines(json.dumps(run.configuration, indent=1, ensure_ascii=False)),
    )


def _lines(text: str) -> Markup:
    """Text of several lines, each of them printable."""
    return Markup("\n").join(map(printable, text.split("\n")))


def _ordered(methods: Sequence[str]) -> list[str]:
    """Ours first, the random baselines last."""
    ours = [name for name in methods if name == OURS]
    random = [name for name in methods if name in RANDOM_BASELINES]
    return [*ours, *(name for name in methods if name not in (OURS, *random)), *random]


def _table(title: str, columns: Sequence[Column], methods: Sequence[str]) -> dict[str, Any]:
    return {
        "title": title,
        "heads": [
            {"name": head(column), "number": _most(column), "sentence": column.sentence}
            for column in columns
        ],
        "rows": [
            {
                "method": method,
                "cells": [
                    {
                        "metric": column.metric,
                        "mean": column.means.get(method),
                        "most": _most(column),
                        "best": method in column.best,
                        "difference": column.differences.get(method),
                        "verdict": _verdict(column, column.differences.get(method)),
                    }
                    for column in columns
                ],
            }
            for method in methods
        ],
    }


def _most(column: Column) -> int:
    """How many samples a column is of; cells of fewer say so."""
    return max((found.number for found in column.means.values()), default=0)


def _verdict(column: Column, difference: Estimate | None) -> str:
    """Whether a method is better or worse than ours, where the interval leaves no doubt."""
    if difference is None or difference.number < ENOUGH:
        return ""
    if difference.low <= 0 <= difference.high:
        return ""
    higher = difference.low > 0
    return "better" if higher == (column.better == "higher") else "worse"


def _galleries(shown: Sequence[Shown], methods: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "method": method,
            "metric": some[0].metric,
            "pictures": [
                {"shown": one, "data": base64.b64encode(one.jpeg).decode()} for one in some
            ],
        }
        for method in methods
        if (some := [one for one in shown if one.method == method])
    ]


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown_on_pages,
    )
    environment.filters["short"] = lambda number: f"{number:.4f}"
    text = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(text)
