"""What several methods made of one picture, and what each cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..explanation import file_names
from ..maps import PatchMaps, Sheet, SheetColumn, sheet_png, write_atomically
from ..values import (
    MEANING,
    Answer,
    Frame,
    Method,
    Preparation,
    Scores,
    SoundPreparation,
    Transform,
    preparation_text,
)
from ..viewer import reduced
from .meter import Cost
from .view import comparison_page

SHEET_SIDE: Final = 640  # pixels of the longer side of a picture on the sheet
HEADER: Final = ("method", "seconds", "x forward", "peak MB")
COSTS: Final = (
    "A method's time is what it would take alone: the recorded pass and the evidence that it "
    "shares with others (made once here) and its own work. Peak memory is above what was held "
    "before, weights and all."
)


@dataclass(frozen=True, eq=False)
class Column:
    """What one method made of the picture, or the sentence that refused it.

    Attributes:
        maps: The relevance of each patch, for each target, and how it comes onto pixels.
        cost: What the method would cost alone: the recording, its kind of evidence and its own
            work, though the first two are made once and shared.
        refusal: Why the model does not admit the method.
    """

    method: Method
    maps: PatchMaps | None = None
    cost: Cost | None = None
    refusal: str | None = None

    @property
    def grid_map(self) -> Float[Tensor, "target *time rows columns"] | None:
        """The relevance of each patch, for each target; the mean of all views."""
        return None if self.maps is None else torch.from_numpy(self.maps.grid)


@dataclass(frozen=True, eq=False)
class Comparison:
    """One picture explained for some targets by several methods, all from one recording.

    Attributes:
        picture: The picture as it is; of a clip its contact sheet.
        source: Its file or name.
        frame: Which part of it the model saw.
        model: The model's name.
        scores: How its logits become probabilities.
        answers: What the model gives for the targets.
        top: Its best classes.
        columns: One for each method.
        forward: The cost of a plain pass.
        recording: The cost of the recorded pass that all methods share.
        preparation: How the picture was prepared.
        notes: What else should be known.
    """

    picture: Image.Image
    source: str
    frame: Frame
    model: str
    scores: Scores
    answers: tuple[Answer, ...]
    top: tuple[Answer, ...]
    columns: tuple[Column, ...]
    forward: Cost
    recording: Cost
    preparation: Preparation | Transform | SoundPreparation | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line."""
        targets = ", ".join(answer.name for answer in self.answers)
        methods = ", ".join(
            f"{column.method.name} (refused)" if column.refusal else column.method.name
            for column in self.columns
        )
        return f"<Comparison of {methods}: {self.source} by {self.model}, {targets}>"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row for each method: what it cost, or why it was refused."""
        return [
            {
                "method": column.method.name,
                "seconds": None if column.cost is None else column.cost.seconds,
                "peak_bytes": None if column.cost is None else column.cost.memory,
                "refusal": column.refusal,
            }
            for column in self.columns
        ]

    def summary(self) -> list[tuple[str, ...]]:
        """The costs as texts, the header first: of a plain pass, the recording, each method."""
        costs = {"(a plain forward)": self.forward, "(the recorded pass)": self.recording}
        rows = [HEADER, *(self._texts(name, cost) for name, cost in costs.items())]
        return [*rows, *(self._texts(column.method.name, column.cost) for column in self.columns)]

    def _texts(self, name: str, cost: Cost | None) -> tuple[str, ...]:
        if cost is None:
            return name, "refused", "", ""
        memory = "-" if cost.memory is None else f"{cost.memory / 2**20:.0f}"
        return name, f"{cost.seconds:.2f}", f"{cost.seconds / self.forward.seconds:.1f}", memory

    def report(
        self, folder: str | Path = "compared", *, alpha: float = 0.5, colormap: str = "turbo"
    ) -> tuple[Path, Path]:
        """Write the maps side by side as a PNG file, and as a page with the costs.

        Args:
            folder: Where to; it is made if it is not there.
            alpha: Weight of the maps over the picture.
            colormap: Any of matplotlib's.

        Returns:
            The PNG file and the page.
        """
        top = ", ".join(f"{one.name} {one.score}" for one in self.top[:3])
        predicted = f"{self.model} predicted {top}. " if top else ""
        if MEANING[self.scores]:
            predicted += f"Note: {MEANING[self.scores]}. "
        colours = f"Colours: {colormap}, from a column's lowest relevance to its highest."
        preparation = f"Preparation: {preparation_text(self.preparation)}."
        page = comparison_page(
            self, self.summary(), f"{predicted}{COSTS} {preparation}", alpha, colormap
        )
        stem = Path(folder) / f"{file_names([self.source])[0]}.compare"
        png, html = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.html")
        write_atomically(png, sheet_png(self.sheet(), predicted + colours, alpha, colormap))
        write_atomically(html, page.encode())
        return png, html

    def sheet(self) -> Sheet:
        """The maps on the pixels of the picture, made small, ready to be drawn."""
        picture = reduced(self.picture, SHEET_SIDE)
        frame = self.frame.scaled(*picture.size)
        columns = tuple(_drawn(column, frame, picture) for column in self.columns)
        return Sheet(self.source, picture, self.answers, columns)


def _drawn(column: Column, frame: Frame, picture: Image.Image) -> SheetColumn:
    method = column.method
    maps = None if column.maps is None else column.maps.on_pixels(frame, picture)
    return SheetColumn(method.name, maps, method.class_specific, column.refusal)
