"""FiftyOne's own layout: samples.json, the objects of each picture with their masks."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from .annotation import reading
from .checked import BadValueError, from_json, json_list, json_numbers, json_text
from .drawn import Drawn, DrawnOn, listing
from .named_pictures import addresses
from .reader import Listing, bad, missing, reader

_LAYOUT = (
    "samples.json of a FiftyOneDataset or LegacyFiftyOneDataset, with a field of Detections in "
    "its samples, and the pictures that their `filepath` names"
)
_FILE: Final = "samples.json"
_BOXES: Final = "Detections"
_MOST: Final = 2**28  # pixels of a mask
MOST_JSON: Final = 2**31  # bytes


def read(root: str) -> Listing:
    """Samples `images/1.jpg#cat`: one for each picture and label; classes by name.

    Objects are those of the one field of Detections; of several, `ground_truth`. A mask is there
    where every object of the class has one.
    """
    place = Place(root)
    if not place.has(_FILE):
        raise missing(place, _FILE)
    with reading(place.at(_FILE)):
        content = from_json(place.text(_FILE, MOST_JSON))
        samples = json_list(content.get("samples"), "samples")
        field = _field(samples)
    found: list[tuple[str, dict[str, list[Drawn]]]] = []
    problems = []
    for number, sample in enumerate(samples):
        try:
            found.append((json_text(sample.get("filepath")), _objects(sample.get(field))))
        except (ValueError, TypeError, AttributeError) as error:
            where = f"samples[{number}]"
            problems.append(bad(where, f"{where} of {_FILE}: {error}"))
    known = addresses(place, _FILE, [path for path, objects in found if objects])
    drawn = [DrawnOn(path, known.get(path, path), objects) for path, objects in found]
    return listing(drawn, problems, shares=True)


def _field(samples: list[Any]) -> str:
    """The field that holds the objects. Raises DataSetError where there is none, or several."""
    names: set[str] = {
        name
        for sample in samples
        for name, value in sample.items()
        if isinstance(value, dict) and value.get("_cls") == _BOXES
    }
    wanted = names if len(names) == 1 else names & {"ground_truth"}
    if len(wanted) == 1:
        return wanted.pop()
    has = f"has several fields of {_BOXES}: {', '.join(sorted(names))}; call one `ground_truth`"
    raise DataSetError(f"{_FILE} {has if names else f'has no field of {_BOXES}'}")


def _objects(field: Mapping[str, Any] | None) -> dict[str, list[Drawn]]:
    found: dict[str, list[Drawn]] = {}
    for one in json_list(field.get("detections"), "detections") if field else ():
        found.setdefault(json_text(one.get("label")), []).append(_drawn(one))
    return found


def _drawn(one: Mapping[str, Any]) -> Drawn:
    try:
        left, top, width, height = json_numbers(one.get("bounding_box"), 4)
    except ValueError as error:
        return Drawn(problem=str(error))
    box = (left, top, left + width, top + height)
    mask = one.get("mask")
    if mask is None:
        return Drawn(box=box)
    held = mask.get("$binary", "")
    text = held.get("base64", "") if isinstance(held, dict) else held
    return Drawn(box=box, pixels=partial(_array, text))


def _array(text: str) -> NDArray[np.bool_]:
    """A compressed .npy file; one that unpacks to more than a picture may have is refused."""
    unpacking = zlib.decompressobj()
    packed = unpacking.decompress(base64.b64decode(text), _MOST)
    if unpacking.unconsumed_tail:
        raise BadValueError(f"a mask has more than {_MOST:,} bytes")
    array = np.load(io.BytesIO(packed), allow_pickle=False)
    if array.ndim != 2:
        raise BadValueError(f"a mask has {array.ndim} dimensions")
    return np.asarray(array).astype(np.bool_)


READER = reader("fiftyone", read, _LAYOUT, "FiftyOne, docs.voxel51.com")
