"""A map over a spectrogram, with its axes: seconds and Hz."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from ..values import Sound

SIZE: Final = (9.0, 3.6)  # inches
DOTS: Final = 150  # an inch
TICKS: Final = 6  # of frequencies


def with_axes(drawn: Image.Image, sound: Sound) -> Image.Image:
    """A picture of a spectrogram with time and frequency beside it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DOTS, layout="constrained")
    axes = figure.add_subplot()
    rows = len(sound.frequencies) or 1
    axes.imshow(drawn, extent=(0, sound.time(1), 0, rows), aspect="auto", interpolation="nearest")
    axes.set_xlabel("column of the spectrogram" if sound.step is None else "seconds")
    if sound.frequencies:
        places = np.linspace(0, rows - 1, TICKS).round().astype(int)
        labels = [f"{sound.frequencies[place]:,.0f}" for place in places]
        axes.set_yticks(places + 0.5, labels)
        axes.set_ylabel("Hz")
    else:
        axes.set_yticks([])
    if sound.length is not None and sound.length < sound.time(1):
        axes.axvline(sound.length, color="white", linewidth=1, linestyle=":")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return Image.open(buffer).convert("RGB")
