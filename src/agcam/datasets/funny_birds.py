"""FunnyBirds: rendered birds, and the same pictures without one of a bird's parts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from ..addresses import Place
from ..errors import DataSetError
from ..values import Part, Sample
from .annotation import Annotation, read_colours, reading
from .checked import from_json, json_integer, json_list, json_text
from .classes import Classes
from .reader import Listing, bad, reader, require

_LAYOUT = (
    "dataset_test.json, classes.json, parts.json, test/CLASS/NUMBER.png, "
    "test_part_map/CLASS/NUMBER.png and test_interventions/CLASS/NUMBER/body_PARTS.png"
)
_COLOURS: Final = {
    "eye": ((255, 255, 253), (255, 255, 254)),
    "beak": ((255, 255, 0),),
    "foot": ((255, 0, 1), (255, 0, 2)),
    "wing": ((0, 255, 1), (0, 255, 2)),
    "tail": ((0, 0, 255),),
}


def read(root: str) -> Listing:
    """The pictures of dataset_test.json by number; classes are called by their numbers.

    A part's mask is where the part map has its colours; the picture without it is the one whose
    name has all other parts.
    """
    place = Place(root)
    require(place, "dataset_test.json", "classes.json", "parts.json")
    birds = json_list(_json(place, "dataset_test.json"), "dataset_test.json")
    known = [
        json_integer(_value(one, "class_idx", "classes.json"))
        for one in json_list(_json(place, "classes.json"), "classes.json")
    ]
    parts = _json(place, "parts.json")
    unknown = sorted(set(parts) - set(_COLOURS)) if isinstance(parts, dict) else ["no table"]
    if unknown:
        raise DataSetError(f"parts.json: the part map has no colour for {', '.join(unknown)}")
    names = tuple(json_text(name) for name in parts)
    if known != list(range(len(known))):
        raise DataSetError("classes.json: class_idx does not count from 0")
    samples = [_sample(place, number, bird) for number, bird in enumerate(birds)]
    classes = Classes([(str(number),) for number in known])
    return Listing(classes, samples, partial(_annotate, place=place, names=names))


def _json(place: Place, name: str) -> Any:
    with reading(place.at(name)):
        return from_json(place.text(name))


def _value(entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, Mapping) or key not in entry:
        raise DataSetError(f"{where}: an entry has no {key}")
    return entry[key]


def _sample(place: Place, number: int, bird: Any) -> Sample:
    name = f"{number:06d}"
    try:
        label = json_integer(_value(bird, "class_idx", f"entry {number} of dataset_test.json"))
    except ValueError as error:
        return bad(name, f"entry {number} of dataset_test.json: {error}")
    except DataSetError as error:
        return bad(name, error)
    return Sample(f"{label}/{name}.png", place.at(f"test/{label}/{name}.png"), label)


def _annotate(sample: Sample, *, place: Place, names: tuple[str, ...]) -> Annotation:
    colours = read_colours(place.at(f"test_part_map/{sample.name}"))
    folder = place.folder(f"test_interventions/{sample.name.removesuffix('.png')}")
    parts = []
    for name in names:
        shades = [(colours == np.array(shade)).all(-1) for shade in _COLOURS[name]]
        left = "_".join(sorted(set(names) - {name}))
        parts.append(Part(name, np.logical_or.reduce(shades), folder.at(f"body_{left}.png")))
    return Annotation(parts=parts)


READER = reader(
    "funny_birds",
    read,
    _LAYOUT,
    "Hesse, Schaub-Meyer and Roth, FunnyBirds, ICCV 2023, arXiv 2308.06248",
)
