"""COCO, labelme and Label Studio: objects as polygons in JSON, exact where only programs read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from .outline import outline, simple_outline
from .record import PICTURES, Annotated, Annotations, Record

LABELME: Final = "5.5.0"


def coco(given: Annotations) -> Iterator[tuple[str, Iterable[bytes]]]:
    """COCO's instances; `score` and `probability` are further keys of an annotation."""
    yield "annotations/instances_train.json", _coco(given)


def _coco(given: Annotations) -> Iterator[bytes]:
    kinds = [{"id": n, "name": name} for n, name in enumerate(given.classes, 1)]
    info = {"description": "pseudo-labels from class activation maps", **given.manifest}
    yield b'{"info": ' + as_bytes(info) + b',\n"licenses": [],\n"categories": ' + as_bytes(kinds)
    yield b',\n"images": ['
    yield from joined(map(_image, enumerate(given.records, 1)))
    yield b'],\n"annotations": ['
    entries = (
        _annotation(image, record, one)
        for image, record in enumerate(given.records, 1)
        for one in record.objects
    )
    yield from joined({"id": number, **entry} for number, entry in enumerate(entries, 1))
    yield b"]}\n"


def _image(numbered: tuple[int, Record]) -> dict[str, Any]:
    number, record = numbered
    width, height = record.size
    return {"id": number, "file_name": record.file(PICTURES), "width": width, "height": height}


def _annotation(image: int, record: Record, one: Annotated) -> dict[str, Any]:
    left, top, right, bottom = one.box
    mask = one.mask(record.size)
    return {
        "image_id": image,
        "category_id": one.label + 1,
        "bbox": [left, top, right - left, bottom - top],
        "area": int(mask.sum()),
        "segmentation": [[side for corner in outline(mask) for side in corner]],
        "iscrowd": 0,
        "score": one.score,
        "probability": one.probability,
    }


def labelme(given: Annotations) -> Iterator[tuple[str, Iterable[bytes]]]:
    """A file of labelme's for each picture; the score is in the description of a shape."""
    for record in given.records:
        content: dict[str, Any] = {
            "version": LABELME,
            "flags": {},
            "shapes": [_shape(record, one, given.classes) for one in record.objects],
            "imagePath": f"../images/{record.file(PICTURES)}",
            "imageData": None,
            "imageHeight": record.size[1],
            "imageWidth": record.size[0],
        }
        yield f"labelme/{record.stem}.json", [as_bytes(content)]


def _shape(record: Record, one: Annotated, classes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "label": classes[one.label],
        "points": simple_outline(one.mask(record.size)),
        "group_id": None,
        "description": f"score {one.score:.4f}",
        "shape_type": "polygon",
        "flags": {},
        "mask": None,
    }


def label_studio(given: Annotations) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Label Studio's tasks with predictions, and the configuration that shows them.

    Pictures are those of a local storage at the output folder.
    """
    yield "label_studio.json", _tasks(given, lambda record: _task(record, given))
    labels = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in given.classes)
    config = (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <PolygonLabels name="label" toName="image">\n{labels}  </PolygonLabels>\n</View>\n'
    )
    yield "label_config.xml", [config.encode()]


def _tasks(given: Annotations, task: Callable[[Record], Any]) -> Iterator[bytes]:
    yield b"["
    yield from joined(map(task, given.records))
    yield b"]\n"


def _task(record: Record, given: Annotations) -> dict[str, Any]:
    width, height = record.size
    results = [
        {
            "id": f"{record.stem}-{number}",
            "type": "polygonlabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "score": one.score,
            "value": {
                "points": [
                    [100 * x / width, 100 * y / height]
                    for x, y in simple_outline(one.mask(record.size))
                ],
                "polygonlabels": [given.classes[one.label]],
                "closed": True,
            },
        }
        for number, one in enumerate(record.objects, 1)
    ]
    prediction = {
        "model_version": str(given.manifest.get("method", "agcam")),
        "score": max((one.score for one in record.objects), default=0.0),
        "result": results,
    }
    image = f"/data/local-files/?d=images/{quote(record.file(PICTURES))}"
    return {"data": {"image": image}, "predictions": [prediction]}


def joined(entries: Iterable[Any]) -> Iterator[bytes]:
    """Entries of a list, each on a line of its own."""
    for number, entry in enumerate(entries):
        yield (b",\n" if number else b"\n") + as_bytes(entry)


def as_bytes(content: Any) -> bytes:
    """JSON's bytes; what UTF-8 cannot hold becomes JSON's escape of it."""
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")
