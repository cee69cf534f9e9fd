"""Mean curves of a run as SVG, drawn by matplotlib without a window system."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..values import Axes
from .results import OURS, RANDOM_BASELINES, Results
from .summary import Column

SALT: Final = "agcam"  # names inside the SVG follow from it, so that a report can be made twice


class Chart(NamedTuple):
    """One drawing: a title and an SVG element."""

    title: str
    svg: str


def charts(results: Results, columns: Sequence[Column]) -> list[Chart]:
    """The mean curves of the metrics whose curves are drawn."""
    return [
        Chart(column.metric, _svg(results.methods, results.curves[column.metric], column.axes))
        for column in columns
        if column.axes is not None and column.metric in results.curves
    ]


def _svg(methods: Sequence[str], curves: NDArray[np.float64], drawn: Axes) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": SALT, "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        number = curves.shape[1]
        points = np.linspace(0, 1, number) if drawn.from_0_to_1 else np.arange(number)
        for method, curve in zip(methods, curves, strict=True):
            axes.plot(points, curve, label=method, **_style(method))
        axes.set(xlabel=drawn.horizontal, ylabel=drawn.vertical)
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
