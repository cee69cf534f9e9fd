"""Mean curves of a run as SVG, drawn by matplotlib without a window system."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .results import OURS, RANDOM_BASELINES, Results

SALT: Final = "agcam"  # names inside the SVG follow from it, so that a report can be made twice
_AXES: Final = {
    "curves": ("share of the pixels removed", "probability of the label"),
    "boxes": ("threshold on the min-max map", "IoU of the best box"),
    "randomization": ("stages randomized, from the classifier down", "rank correlation"),
}
_SHARES: Final = {"curves", "boxes"}  # whose points run from 0 to 1


class Chart(NamedTuple):
    """One drawing: a title and an SVG element."""

    title: str
    svg: str


def charts(results: Results) -> list[Chart]:
    """MoRF and LeRF of each fill, the threshold sweep, the stages of randomization."""
    return list(_charts(results))


def _charts(results: Results) -> Iterator[Chart]:
    for metric, curves in results.curves.items():
        measure = results.measures[metric]
        name = metric.removesuffix(f"_{measure['fill']}")
        if measure["test"] not in _AXES or name in {"abpc", "deletion", "insertion"}:
            continue
        across, up = _AXES[measure["test"]]
        if name.endswith("accuracy"):
            up = "accuracy"
        yield Chart(metric, _svg(results.methods, curves, across, up, measure["test"] in _SHARES))


def _svg(
    methods: Sequence[str], curves: NDArray[np.float64], across: str, up: str, share: bool
) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": SALT, "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        points = np.linspace(0, 1, curves.shape[1]) if share else np.arange(curves.shape[1])
        for method, curve in zip(methods, curves, strict=True):
            axes.plot(points, curve, label=method, **_style(method))
        axes.set(xlabel=across, ylabel=up)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=7, frameon=False)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return re.sub(r' (width|height)="[\d.]+pt"', "", text[text.index("<svg") :], count=2)


def _style(method: str) -> dict[str, Any]:
    if method == OURS:
        return {"linewidth": 2.4, "color": "#b3261e", "zorder": 3}
    if method in RANDOM_BASELINES:
        return {
            "linewidth": 1.0,
            "color": "#777777",
            "linestyle": ":" if method == "random" else "--",
        }
    return {"linewidth": 1.2}
