"""The pictures of the page: a small file and a card for each, and lists of them to link to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from ..errors import AgcamError
from ..evaluation.items import SIDES, read_truth
from ..images import open_picture
from ..maps import write_atomically
from ..values import Frame, percent
from ..viewer import SMALL, Card, MapData, MethodData, Picture, TargetData, reduced, small_file
from .against import Moved
from .findings import Findings
from .occurrences import Box, occurrences
from .values import Reason

FOLDER: Final = "pictures"
SIDE: Final = 480  # pixels of a picture's longer side
MOST: Final = 1500  # pictures of a page
EACH: Final = 24  # pictures of a list
AROUND: Final = 1  # patches shown around what is cut out


@dataclass
class Shown:
    """Cards and lists while a page is made."""

    found: Findings
    out: Path
    cards: list[Card] = field(default_factory=list)
    lists: list[dict[str, Any]] = field(default_factory=list)
    _places: dict[int, int] = field(default_factory=dict)
    _windows: dict[int, Box] = field(default_factory=dict)

    def place(self, row: int) -> int | None:
        """The place of a picture's card; None where the page has no room for more."""
        if row not in self._places:
            if len(self.cards) >= MOST:
                return None
            self.cards.append(self._card(row))
            self._places[row] = len(self.cards) - 1
        return self._places[row]

    def link(
        self,
        text: str,
        title: str,
        rows: Iterable[int],
        caption: Callable[[int], str] | None = None,
        sort: float | None = None,
    ) -> dict[str, Any]:
        """A cell that leads to a list of pictures; a text where there are none."""
        every = [int(row) for row in rows]
        items = [
            {"card": place, "caption": caption(row) if caption else ""}
            for row in every[:EACH]
            if (place := self.place(row)) is not None
        ]
        if not items:
            return {"text": text, "sort": sort}
        more = len(every) > len(items)
        note = f"{len(items)} of {len(every)}; all are in pictures.csv." if more else ""
        self.lists.append({"title": title, "note": note, "items": items})
        return {"text": text, "sort": sort, "href": f"#list-{len(self.lists) - 1}"}

    def cut(self, reason: Reason, row: int) -> Box:
        """What shows a reason in a picture: left, top, width, height, shares of the picture."""
        if reason.gains is not None:  # it is everywhere
            return 0.0, 0.0, 1.0, 1.0
        columns, rows = self.found.grid.columns, self.found.grid.rows
        left, top, right, bottom = occurrences(self.found, reason, row).boxes[0]
        side = max(right - left, bottom - top) + 2 * AROUND
        start, above, end, below = self._windows[row]
        across, down = (end - start) / columns, (below - above) / rows
        width, height = min(side * across, 1.0), min(side * down, 1.0)
        x = start + (left + right) / 2 * across - width / 2
        y = above + (top + bottom) / 2 * down - height / 2
        return float(np.clip(x, 0, 1 - width)), float(np.clip(y, 0, 1 - height)), width, height

    def _card(self, row: int) -> Card:
        found, pictures = self.found, self.found.pictures
        sample = found.sample(row)
        targets, maps = self._targets(row)
        method = found.setup.methods[0]
        card = Card(
            sample.name,
            targets=tuple(targets),
            methods=(MethodData.of(method),),
            caption=self.caption(row),
        )
        try:
            picture = reduced(open_picture(sample.address), SIDE)
        except AgcamError as error:
            return replace(card, error=str(error))
        name = f"{int(pictures.number[row]):07}.{SMALL}"
        write_atomically(self.out / FOLDER / name, small_file(picture))
        frame = found.frame(row)
        window = frame.scaled(*picture.size).window
        width, height = picture.size
        left, top, right, bottom = window
        self._windows[row] = left / width, top / height, right / width, bottom / height
        return replace(
            card,
            picture=Picture(quote(f"{FOLDER}/{name}"), width, height),
            window=window,
            maps=tuple(MapData(method.name, n, one) for n, one in enumerate(maps)),
            boxes=self._boxes(row, frame, picture.size),
        )

    def beside(self, other: Findings, moved: Moved) -> list[dict[str, Any]]:
        """Two items of a list: a picture with the map of each model, side by side."""
        row, of_other = moved.rows
        if len(self.cards) >= MOST:
            return []
        card = self._card(row)
        label = int(self.found.pictures.label[row])
        names = model_names(self.found, other)
        maps = (self.found.pictures.label_map[row], other.pictures.label_map[of_other])
        specific = self.found.setup.methods[0].class_specific
        card = replace(
            card,
            targets=(self._target(label, self.found.pictures.probability[row, 1]),),
            methods=tuple(MethodData(name, specific) for name in names),
            maps=tuple(
                MapData(name, 0, np.asarray(one)) for name, one in zip(names, maps, strict=True)
            ),
        )
        self.cards.append(card)
        place = len(self.cards) - 1
        called = (self.found.pictures.predicted[row], other.pictures.predicted[of_other])
        texts = (self.found.name(int(called[0])), other.name(int(called[1])))
        return [
            {"card": place, "method": name, "caption": f"{name}: {text}"}
            for name, text in zip(names, texts, strict=True)
        ]

    def caption(self, row: int) -> str:
        """Label and prediction of a picture."""
        pictures = self.found.pictures
        label, predicted = int(pictures.label[row]), int(pictures.predicted[row])
        called = f"predicted {self.found.name(predicted)}"
        if not pictures.labelled[row]:
            return called
        name = self.found.name(label)
        return name if label == predicted else f"{name}, {called}"

    def _targets(self, row: int) -> tuple[list[TargetData], list[NDArray[Any]]]:
        """The predicted class, and the label where it is another; and the map of each."""
        pictures, targets, maps = self.found.pictures, [], []
        label, predicted = int(pictures.label[row]), int(pictures.predicted[row])
        if predicted >= 0:
            targets.append(self._target(predicted, pictures.probability[row, 0]))
            maps.append(np.asarray(pictures.predicted_map[row]))
        if pictures.labelled[row] and label != predicted:
            targets.append(self._target(label, pictures.probability[row, 1]))
            maps.append(np.asarray(pictures.label_map[row]))
        return targets, maps

    def _target(self, number: int, probability: float) -> TargetData:
        known = None if np.isnan(probability) else float(probability)
        score = "" if known is None else percent(known)
        return TargetData(self.found.name(number), number, None, known, score, score)

    def _boxes(self, row: int, frame: Frame, size: tuple[int, int]) -> tuple[Box, ...]:
        if np.isnan(self.found.pictures.truth[row]).all():
            return ()
        sample = self.found.labelled_sample(row)
        truth = read_truth(self.found.setup.dataset.truth, sample, frame)
        if isinstance(truth, str):
            return ()
        scale = np.tile([size[0] / frame.width, size[1] / frame.height], 2)
        boxes = np.reshape(truth.boxes, (-1, SIDES)) * scale
        return tuple((a, b, c, d) for a, b, c, d in boxes.tolist())


def model_names(found: Findings, other: Findings) -> tuple[str, str]:
    """What two models are called beside each other."""
    first, second = found.setup.classifier.name, other.setup.classifier.name
    return (first, second) if first != second else (f"{first} (first)", f"{second} (second)")
