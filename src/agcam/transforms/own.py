"""Make a Transform of a user's program; black and white pictures show its mean and std."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import torch
from PIL import Image

from ..errors import ModelError
from ..values import Transform
from .measure import Ruler
from .run import name_of, run

SIDE: Final = 512  # of the pictures that the numbers are read from
LETTERS: Final = 300  # of a program's own description in a manifest


def transform_of(program: Any) -> Transform:
    """A torchvision, timm or albumentations transform, an image processor, or any function.

    It is run as it is, on RGB pictures. Raises ModelError where it cannot be called, PictureError
    where it fails or gives no pixels.
    """
    preset = getattr(program, "transforms", None)
    if not callable(program) and callable(preset):  # torchvision's weights bring theirs along
        program = preset
    if isinstance(program, partial) and isinstance(program.func, type):  # `weights.transforms`
        program = program()
    if isinstance(program, type):
        raise ModelError(f"{program.__name__} is a class; make one: {program.__name__}(...).")
    if not callable(program):
        raise ModelError(
            "a preparation is an agcam.Preparation, a transform or an image processor, not "
            f"{type(program).__name__}."
        )
    call = partial(run, program)
    black, white = (call(Image.new("RGB", (SIDE, SIDE), colour)) for colour in ("black", "white"))
    height, width = black.shape[-2:]
    dark, light = (
        pixels[:, height // 2, width // 2].to(torch.float64) for pixels in (black, white)
    )
    spread = light - dark
    seen = torch.isfinite(spread) & (spread != 0)  # nothing, where each picture is standardized
    std = torch.where(seen, 1 / torch.where(seen, spread, 1), 1)
    mean = torch.where(torch.isfinite(dark), -dark, 0) * std
    return Transform(
        run=call,
        frame=Ruler(call, name_of(program)),
        size=(height, width),
        mean=tuple(round(value, 6) + 0.0 for value in mean.tolist()),  # never -0
        std=tuple(round(value, 6) for value in std.tolist()),
        source=f"the user's own, run as it is: {described(program)}",
    )


def described(program: Any) -> str:
    """A program in one line."""
    text = " ".join(repr(program).split())
    if " at 0x" in text:  # an address says nothing to the next reader
        text = name_of(program)
    return text if len(text) <= LETTERS else text[: LETTERS - 4] + " ..."
