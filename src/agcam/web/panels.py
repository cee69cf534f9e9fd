"""The parts of the page as HTML: every text is escaped, every picture is a data: address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from ..explanation import Explanation
from ..maps import colour_table, heat_map, overlay, resize_map
from ..metrics.localization import predicted_boxes
from ..values import MEANING, BoxCase, percent, preparation_text
from .api import said as top_of
from .examples import Example, jpeg_address
from .offered import OFFERED
from .pictures import FILES

TALLEST: Final = 560  # CSS pixels of the picture on the page
COMPARED_SIDE: Final = 360
PROTOCOL_SIDE: Final = 224
NO_BOXES: Final = np.zeros((0, 4))


@dataclass(frozen=True)
class Look:
    """How the page shows a map."""

    threshold: float
    opacity: float
    boxes: bool


def told(text: str) -> str:
    """An error in words."""
    return _panel("told", text=text)


def drop(examples: Sequence[Example], upload_bytes: int) -> str:
    """Where a picture is given."""
    return _panel("drop", examples=examples, megabytes=upload_bytes // 1_000_000)


def said(explanation: Explanation) -> str:
    """The most probable classes as bars to press; the one asked about is marked."""
    chosen = int(explanation.target[0, 0])
    rows = [
        {
            "target": row.target,
            "name": row.name,
            "percent": row.score,
            "width": f"{100 * (row.probability or 0):.2f}",
        }
        for row in top_of(explanation)
    ]
    return _panel("said", rows=rows, chosen=chosen, note=MEANING[explanation.scores])


def view(explanation: Explanation, look: Look) -> str:
    """The heat map over the picture, and the boxes around what is above the threshold."""
    values = explanation.pixel_map[0].normalized()[0]
    picture = explanation.pictures[0]
    caption = explanation.caption()
    shown = {
        "source": jpeg_address(overlay(picture, values, alpha=look.opacity)),
        "width": picture.width,
        "height": picture.height,
        "widest": max(120, round(TALLEST * picture.width / picture.height)),
        "boxes": boxes_of(explanation, look.threshold).round(1).tolist() if look.boxes else [],
        "caption": caption,
        "name": explanation.answers[0][0].name,
        "judged": explanation.answers[0][0].judged,
        "method": explanation.method,
        "class_specific": explanation.class_specific,
        "guess": explanation.preparation is not None and explanation.preparation.guess,
        "hatched": bool(np.isnan(values).any()),
        "gradient": _gradient(),
        "text": f"{_title(explanation)}: {where(values)}",
    }
    return _panel("view", it=shown)


def _title(explanation: Explanation) -> str:
    """What a map is, for those who do not see it."""
    if not explanation.class_specific:
        return f"{explanation.method} heat map, the same for every class"
    answer = explanation.answers[0][0]
    return f"{explanation.method} heat map for {answer.name}, {answer.judged}"


def boxes_of(explanation: Explanation, threshold: float) -> NDArray[Any]:
    """The paper's boxes, found at 224 x 224, on the part of the shown picture that was seen."""
    frame = explanation.frames[0]
    left, top, right, bottom = frame.window
    relevance = resize_map(explanation.grid_map[0, 0].numpy(), PROTOCOL_SIDE)
    found = predicted_boxes(BoxCase(relevance, NO_BOXES), threshold) / PROTOCOL_SIDE
    placed = found * np.tile([right - left, bottom - top], 2) + np.tile([left, top], 2)
    return np.asarray(placed.clip(0, np.tile([frame.width, frame.height], 2)))


def where(values: NDArray[Any]) -> str:
    """Where the map is highest, in words, for those who do not see it."""
    top = np.unravel_index(np.nanargmax(values), values.shape)
    height, width = values.shape
    vertical = ("upper", "middle", "lower")[min(2, int(3 * top[0] / height))]
    horizontal = ("left", "centre", "right")[min(2, int(3 * top[1] / width))]
    return f"highest in the {vertical} {horizontal} of the picture"


def downloads(explanation: Explanation, address: str, query: dict[str, Any], share: str) -> str:
    """Files of this map, and the link that holds the state of the page."""
    links = [
        {"name": name, "text": text, "address": f"{address}/{name}?{urlencode(query)}"}
        for name, (text, _, _) in FILES.items()
    ]
    uploaded = "example=" not in share
    return _panel("downloads", links=links, share=share, uploaded=uploaded)


def compared(explanations: Sequence[Explanation | tuple[str, str]], look: Look) -> str:
    """One small map a method, side by side; a pair is a method's name and why it has none."""
    views: list[dict[str, str]] = []
    for item in explanations:
        if isinstance(item, tuple):
            views.append({"method": item[0], "error": item[1], "note": ""})
            continue
        values = item.pixel_map[0].normalized()[0]
        small = overlay(item.pictures[0], values, alpha=look.opacity)
        small.thumbnail((COMPARED_SIDE, COMPARED_SIDE))
        note = "" if item.class_specific else "the same for every class"
        text = f"{_title(item)}: {where(values)}"
        views.append(
            {
                "method": item.method,
                "error": "",
                "source": jpeg_address(small),
                "text": text,
                "note": note,
            }
        )
    return _panel("compared", views=views)


def heads(name: str, maps: NDArray[Any]) -> str:
    """A grid of maps (block, head, row, column), one scale of colours for all heads."""
    whole = max(float(maps.sum()), 1e-12)
    brightest = max(float(maps.max()), 1e-12)
    blocks = maps.sum(axis=1)
    brightest_block = max(float(blocks.max()), 1e-12)
    rows = [
        {
            "percent": percent(float(block.sum()) / whole),
            "source": _tiny(block / brightest_block),
            "heads": [
                {"percent": percent(float(head.sum()) / whole), "source": _tiny(head / brightest)}
                for head in own
            ],
        }
        for block, own in zip(blocks, maps, strict=True)
    ]
    return _panel("heads", name=name, rows=rows)


def how(explanation: Explanation, milliseconds: float) -> str:
    """What the map is, with what it was made, and why it can be believed."""
    entry = explanation.manifest()["targets"][0]
    row = OFFERED[explanation.method]
    shown = {
        "model": explanation.model,
        "method": explanation.method,
        "cite": row.cite,
        "name": entry["name"],
        "rows": explanation.grid.rows,
        "columns": explanation.grid.columns,
        "tracer": explanation.tracer,
        "class_specific": explanation.class_specific,
        "preparation": preparation_text(explanation.preparation),
        "weights": explanation.weights_hash,
        "lowest": f"{entry['relevance']['lowest']:.3g}",
        "highest": f"{entry['relevance']['highest']:.3g}",
        "versions": ", ".join(f"{name} {v}" for name, v in explanation.versions.items()),
        "milliseconds": f"{milliseconds:.0f}",
        "notes": explanation.notes,
    }
    return _panel("how", it=shown)


def _tiny(values: NDArray[Any]) -> str:
    import base64

    from ..maps import png_bytes

    picture = heat_map(np.clip(values, 0, 1)).quantize(64, Image.Quantize.FASTOCTREE)
    return f"data:image/png;base64,{base64.b64encode(png_bytes(picture)).decode()}"


def _gradient() -> str:
    stops = ("#{:02x}{:02x}{:02x}".format(*colour_table("turbo")[i]) for i in range(0, 256, 51))
    return f"linear-gradient(90deg, {', '.join(stops)})"


@cache
def _macros() -> Any:
    source = files(__package__).joinpath("panels.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).module


def _panel(kind: str, **values: Any) -> str:
    return str(getattr(_macros(), kind)(**values)).strip()
