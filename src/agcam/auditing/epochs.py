"""An audit of a fixed small set after each epoch, logged where the training logs."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import nn

from ..errors import AgcamError
from ..families import load
from ..images import open_picture
from .findings import Findings
from .result import Audit
from .run import SCANS, audit
from .shown import Shown

REASONS = 4  # of a sheet
CROPS = 6  # of a reason
SIDE = 96  # pixels of a crop


@dataclass(frozen=True)
class Epochs:
    """What is audited after an epoch, and where its page goes.

    Attributes:
        data: As in `agcam.audit`.
        out: A folder; each epoch has a folder in it.
        classes: As in `agcam.load`.
        preparation: As in `agcam.load`.
        layout: As in `agcam.audit`.
        limit: So many pictures, always the same.
        every: After every so many epochs.
        part: What of the trained module is the classifier: all of it by default.
    """

    data: str | Path
    out: str | Path
    classes: Any = None
    preparation: Any = None
    layout: str = "folder"
    limit: int = 64
    every: int = 1
    part: Callable[[Any], nn.Module] = lambda module: module

    def run(
        self, module: Any, epoch: int, step: Mapping[str, int], writers: Iterable[Any]
    ) -> dict[str, float] | None:
        """Audit the module as it is, and log; None where it is not this epoch's turn, or failed.

        The module is left as it was. What agcam refuses is logged as a warning: training goes on.
        `step` is the training's, by the name that it has in a run of W&B.
        """
        if (epoch + 1) % self.every:
            return None
        folder = Path(self.out) / f"epoch-{epoch:04}"
        try:
            made = self._audit(module, folder)
        except AgcamError as error:
            logging.getLogger("agcam").warning("no audit of epoch %d: %s", epoch, error)
            return None
        numbers = {
            "audit/accuracy": float(made.found.accuracy().mean),
            "audit/suspicious": float(made.summary["suspicious"]),
        }
        sheet = crop_sheet(made.found, folder)
        for writer in writers:
            log(writer, numbers, sheet, step)
        shutil.rmtree(folder / SCANS)
        return numbers

    def _audit(self, module: Any, folder: Path) -> Audit:
        given = load(self.part(module), classes=self.classes, preparation=self.preparation)
        options: dict[str, Any] = {
            "layout": self.layout,
            "limit": self.limit,
            "tests": 0,
            "workers": 1,
        }
        return audit(self.data, given, out=folder, **options)


def crop_sheet(found: Findings, folder: Path) -> Image.Image:
    """The most suspicious reasons as rows of crops."""
    chosen, shown = found.ranked[:REASONS], Shown(found, folder)
    sheet = Image.new("RGB", (CROPS * SIDE, max(len(chosen), 1) * SIDE), "white")
    for line, reason in enumerate(chosen):
        for column, row in enumerate(found.rows_of(reason)[:CROPS].tolist()):
            if shown.place(row) is None or shown.cards[-1].picture is None:
                continue
            picture = open_picture(found.sample(row).address)
            cut = np.array(shown.cut(reason, row)) * [*picture.size, *picture.size]
            left, top, width, height = cut.tolist()
            part = picture.resize((SIDE, SIDE), box=(left, top, left + width, top + height))
            sheet.paste(part, (column * SIDE, line * SIDE))
    return sheet


def log(
    writer: Any, numbers: dict[str, float], sheet: Image.Image, step: Mapping[str, int]
) -> None:
    """Write numbers and crops to a TensorBoard writer or a run of W&B; others get nothing.

    A run of W&B counts steps by itself, and drops what has an earlier one: trainers log theirs as a
    number, and so does this.
    """
    if hasattr(writer, "add_scalar") and hasattr(writer, "add_image"):
        (number,) = step.values()
        for name, value in numbers.items():
            writer.add_scalar(name, value, number)
        writer.add_image("audit/reasons", np.asarray(sheet), number, dataformats="HWC")
    elif type(writer).__module__.startswith("wandb"):
        import wandb

        writer.log({**numbers, "audit/reasons": wandb.Image(sheet), **step})
