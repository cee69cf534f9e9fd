"""Label Studio's tasks: the JSON that it exports, and that `annotate` writes for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, radians, sin
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from ..addresses import Place, is_address
from ..errors import DataSetError
from .annotation import reading
from .checked import (
    BadValueError,
    from_json,
    json_integer,
    json_list,
    json_number,
    json_numbers,
    json_text,
)
from .drawn import Drawn, DrawnOn, listing
from .named_pictures import addresses
from .reader import LayoutError, Listing, bad, missing, parent, reader

_LAYOUT = (
    "label_studio.json, or another .json of tasks as Label Studio exports them (or that file as "
    "the root), with its pictures beside it or in images/"
)
_OWN: Final = "label_studio.json"
_LABELS: Final = ("polygonlabels", "rectanglelabels", "ellipselabels")
MOST_JSON: Final = 2**30  # bytes


def read(root: str) -> Listing:
    """Samples `images/1.jpg#cat`: one for each picture and label; classes by name.

    What a person drew goes before predictions. A task with the work of several people is judged by
    the one that is marked as ground truth, or fails. Polygons have masks; rectangles, turned or
    not, and ellipses are boxes. Brushes fail: export them as COCO.
    """
    place, name = _file(root)
    with reading(place.at(name)):
        content = from_json(place.text(name, MOST_JSON))
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise LayoutError(f"{place.at(name)} is not a list of Label Studio's tasks")
    tasks: list[tuple[str, Mapping[str, list[Drawn]]]] = []
    problems = []
    for number, task in enumerate(content):
        try:
            tasks.append((_path(task), _objects(_results(task))))
        except (DataSetError, ValueError, TypeError, AttributeError) as error:
            where = f"task {number} of {name}"
            problems.append(bad(where, f"{where}: {error}"))
    local = [path for path, objects in tasks if objects and not is_address(path)]
    known = addresses(place, name, local) if local else {}
    drawn = [DrawnOn(path, known.get(path, path), objects) for path, objects in tasks]
    return listing(drawn, problems, shares=True)


def _file(root: str) -> tuple[Place, str]:
    if root.split("::")[0].lower().endswith(".json"):
        return parent(root)
    place = Place(root)
    names = [name for name in place.contents() if name.lower().endswith(".json")]
    if _OWN in names or len(names) == 1:
        return place, _OWN if _OWN in names else names[0]
    raise missing(place, f"one of {', '.join(names[:9])} as the root" if names else _OWN)


def _path(task: Mapping[str, Any]) -> str:
    """The picture of a task: a path below the root of its storage, or an address."""
    data = task.get("data", {})
    texts = [value for value in data.values() if isinstance(value, str)]
    text = json_text(data.get("image", texts[0] if len(texts) == 1 else None))
    parts = urlsplit(text)
    inside = parse_qs(parts.query).get("d", [""])[0]
    if inside:  # /data/local-files/?d=images/1.jpg
        return inside.replace("\\", "/")
    return text if is_address(text) else text.removeprefix("/data/").lstrip("/")


def _results(task: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """What was drawn on a picture, by the one person or prediction that counts."""
    done = [one for one in task.get("annotations") or () if not one.get("was_cancelled")]
    some = done or list(task.get("predictions") or ())
    best = [one for one in some if one.get("ground_truth")]
    chosen = best if len(best) == 1 else some
    if len(chosen) > 1:
        raise DataSetError(
            f"it has {len(chosen)} annotations: mark one of them as ground truth in Label Studio"
        )
    return json_list(chosen[0].get("result"), "result") if chosen else ()


def _objects(results: Sequence[Mapping[str, Any]]) -> dict[str, list[Drawn]]:
    found: dict[str, list[Drawn]] = {}
    for result in results:
        value = result.get("value", {})
        kind = str(result.get("type"))
        for label in value.get(kind) or () if kind.endswith("labels") else ():
            found.setdefault(json_text(label), []).append(_drawn(kind, value, result))
    return found


def _drawn(kind: str, value: Mapping[str, Any], result: Mapping[str, Any]) -> Drawn:
    """An object in shares of its picture; Label Studio has hundredths."""
    try:
        if kind not in _LABELS:
            return Drawn(problem=f"{kind} are not read: export them from Label Studio as COCO")
        if kind == "polygonlabels":
            points = [json_numbers(point, 2) for point in json_list(value.get("points"), "points")]
            return Drawn(([side / 100 for point in points for side in point],))
        return Drawn(box=_box(kind, value, result))
    except ValueError as error:
        return Drawn(problem=str(error))


def _box(kind: str, value: Mapping[str, Any], result: Mapping[str, Any]) -> list[float]:
    """The box around a rectangle, which is turned about its first corner, or an ellipse."""
    turned = radians(json_number(value.get("rotation", 0)))
    x, y = json_number(value.get("x")), json_number(value.get("y"))
    if kind == "ellipselabels":
        if turned:
            raise BadValueError("an ellipse that is turned is not read")
        wide, high = json_number(value.get("radiusX")), json_number(value.get("radiusY"))
        return [side / 100 for side in (x - wide, y - high, x + wide, y + high)]
    wide, high = json_number(value.get("width")), json_number(value.get("height"))
    if not turned:
        return [side / 100 for side in (x, y, x + wide, y + high)]
    shape = json_integer(result.get("original_width")), json_integer(result.get("original_height"))
    if not all(shape):
        raise BadValueError("a rectangle is turned, but its picture's original_width is 0")
    ratio = shape[0] / shape[1]  # a turn is one of pixels, not of shares
    across = [0, wide * cos(turned), -high * sin(turned) / ratio]
    down = [0, wide * sin(turned) * ratio, high * cos(turned)]
    across.append(across[1] + across[2])
    down.append(down[1] + down[2])
    sides = (x + min(across), y + min(down), x + max(across), y + max(down))
    return [side / 100 for side in sides]


READER = reader("label_studio", read, _LAYOUT, "Label Studio's JSON, labelstud.io/guide/export")
