"""One sheet as a PNG: rows are targets, columns are methods."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..values import Answer
from ..wording import printable
from .pixels import PixelMap
from .render import colour_table, overlay

SIDE: Final = 2.1  # inches of a picture's longer side in the PNG
DOTS: Final = 150  # an inch
WRAPPED: Final = 30  # characters of a line of a refusal


@dataclass(frozen=True, eq=False)
class SheetColumn:
    """One method: a map a target (target, height, width), or the sentence that refused it."""

    method: str
    maps: PixelMap | None
    class_specific: bool
    refusal: str | None = None

    @property
    def kind(self) -> str:
        """What a reader must know beside the name."""
        if self.refusal is not None:
            return "refused"
        return "" if self.class_specific else "class-agnostic: the same map for every class"

    def scale(self) -> tuple[float, float]:
        """Lowest and highest relevance of all the column's maps: one colour scale for all."""
        values = np.asarray(self.maps)
        return float(np.nanmin(values)), float(np.nanmax(values))

    def scaled(self) -> NDArray[Any]:
        """The maps on the column's scale, within [0, 1]; NaN where the model saw nothing."""
        low, high = self.scale()
        spread = high - low if high > low else 1.0
        return np.clip((np.asarray(self.maps, dtype=np.float64) - low) / spread, 0, 1)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A picture, what the model gives for the targets, and a column a method."""

    title: str
    picture: Image.Image
    targets: tuple[Answer, ...]
    columns: tuple[SheetColumn, ...]

    def overlays(self, column: SheetColumn, alpha: float, colormap: str) -> Iterator[Image.Image]:
        """The column's maps over the picture, one a target."""
        for values in column.scaled():
            yield overlay(self.picture, values, alpha, colormap)


def sheet_png(sheet: Sheet, footer: str = "", alpha: float = 0.5, colormap: str = "turbo") -> bytes:
    """The sheet as a PNG file; raises UnknownNameError for an unknown colormap."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    share = SIDE / max(sheet.picture.size)
    width, height = (max(0.8, side * share) for side in sheet.picture.size)
    columns, rows = len(sheet.columns) + 1, len(sheet.targets)
    size = (columns * (width + 0.15), rows * (height + 0.12) + 1.35)
    figure = Figure(figsize=size, dpi=DOTS, layout="constrained")
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[height] * rows + [0.09])
    picture = sheet.picture.convert("RGB")
    for row, answer in enumerate(sheet.targets):
        axes = figure.add_subplot(grid[row, 0])
        _show(axes, picture)
        axes.set_title(_wrapped(answer.caption, 30), fontsize=8, parse_math=False)
    for place, column in enumerate(sheet.columns, 1):
        overs = [] if column.maps is None else list(sheet.overlays(column, alpha, colormap))
        for row in range(rows):
            axes = figure.add_subplot(grid[row, place])
            _show(axes, overs[row] if overs else None)
            if row == 0:
                title = f"{column.method}\n{_wrapped(column.kind, 24)}".rstrip("\n")
                axes.set_title(title, fontsize=8, parse_math=False)
            if column.refusal is not None and row == 0:
                _write_refusal(axes, column.refusal)
        if overs:
            _draw_scale(figure.add_subplot(grid[rows, place]), column.scale(), colormap)
    if footer:
        text = _wrapped(footer, int(size[0] * 16))
        figure.supxlabel(text, fontsize=7, parse_math=False)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _show(axes: Any, picture: Image.Image | None) -> None:
    axes.axis("off")
    if picture is not None:
        axes.imshow(picture)


def _write_refusal(axes: Any, refusal: str) -> None:
    text = "\n".join(_wrapped(refusal, WRAPPED).split("\n")[:14])
    style = {"fontsize": 5.5, "va": "top", "color": "#9d3326", "parse_math": False}
    axes.text(0, 1, text, transform=axes.transAxes, **style)


def _wrapped(text: str, width: int) -> str:
    """Printable text in lines; a dollar in it is a dollar, not the beginning of a formula."""
    return "\n".join(textwrap.wrap(printable(text), width))


def _draw_scale(axes: Any, scale: tuple[float, float], colormap: str) -> None:
    axes.imshow(colour_table(colormap)[None], aspect="auto", extent=(0, 1, 0, 1))
    axes.set_yticks([])
    axes.set_xticks([0, 1], [f"{value:.2g}" for value in scale], fontsize=6)
    for label, side in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
        label.set_horizontalalignment(side)
    axes.tick_params(length=0, pad=2)
