"""COCO files as the tools lay them out: Roboflow, CVAT, Label Studio, FiftyOne, COCO itself.

Outlines are polygons, run lengths and packed run lengths (pycocotools packs them); what must come
back is the mask that was drawn.
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import picture, text

import agcam
from agcam.datasets import DATASETS

packing = pytest.importorskip("pycocotools.mask")
READ = DATASETS["coco"].read
WIDTH, HEIGHT = 12, 10
RECTANGLE = st.tuples(
    st.integers(0, 7), st.integers(0, 5), st.integers(1, 4), st.integers(1, 4)
)  # left, top, width, height
KINDS = ("polygon", "runs", "packed")


def drawn(rectangle):
    left, top, width, height = rectangle
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top : top + height, left : left + width] = 1
    return mask


def outline(kind, rectangle):
    left, top, width, height = rectangle
    if kind == "polygon":
        right, bottom = left + width, top + height
        return [[left, top, right, top, right, bottom, left, bottom]]
    packed = packing.encode(np.asfortranarray(drawn(rectangle)))
    if kind == "packed":
        return {"size": [HEIGHT, WIDTH], "counts": packed["counts"].decode()}
    flat = np.concatenate([[0], drawn(rectangle).T.ravel(), [2]])
    edges = np.flatnonzero(np.diff(flat)).tolist()
    return {"size": [HEIGHT, WIDTH], "counts": np.diff([0, *edges]).tolist()}


stems = st.text("ab09 _-.é#", min_size=1, max_size=5).filter(lambda name: name.strip(" .") == name)
objects = st.lists(st.tuples(st.integers(0, 2), RECTANGLE, st.sampled_from(KINDS)), max_size=4)
sets = st.dictionaries(stems, objects, min_size=1, max_size=3)


def content(some, file, categories, ids, crowd=False):
    """The JSON of some pictures; `file` makes the name that it states of a picture's stem."""
    images = [
        {"id": number, "file_name": file(stem), "width": WIDTH, "height": HEIGHT}
        for number, stem in enumerate(some)
    ]
    annotations = [
        {
            "image_id": image,
            "category_id": ids[label],
            "bbox": list(rectangle),
            "segmentation": outline(kind, rectangle),
            "iscrowd": int(crowd),
        }
        for image, stem in enumerate(some)
        for label, rectangle, kind in some[stem]
    ]
    numbered = [{"id": number, **entry} for number, entry in enumerate(annotations, 1)]
    return json.dumps({"images": images, "categories": categories, "annotations": numbered})


def categories(names, ids, over="none"):
    return [
        {"id": number, "name": name, "supercategory": over}
        for number, name in zip(ids, names, strict=True)
    ]


def roboflow(root, some, names):
    """A category of number 0 above all, here with the name of one of them; pictures beside."""
    ids = [1, 2, 3]
    kinds = [
        {"id": 0, "name": names[1], "supercategory": "none"},
        *categories(names, ids, names[1]),
    ]
    for part, pictures in (("train", {"other": some[next(iter(some))]}), ("valid", some)):
        for stem in pictures:
            picture(root / part / f"{stem}.jpg")
        made = content(pictures, "{}.jpg".format, kinds, ids)
        text(root / part / "_annotations.coco.json", made)
    return {"": "", "valid": "", "valid/_annotations.coco.json": ""}


def cvat(root, some, names):
    """The subset `default`, pictures in folders of the task, masks as crowds."""
    ids = [2, 7, 90]
    for stem in some:
        picture(root / f"images/default/task 1/{stem}.jpg")
    made = content(some, "task 1/{}.jpg".format, categories(names, ids, ""), ids, crowd=True)
    text(root / "annotations/instances_default.json", made)
    return dict.fromkeys(("", "images/default", "annotations/instances_default.json"), "task 1/")


def label_studio(root, some, names):
    """One file beside images/, with the separators of Windows."""
    ids = [0, 1, 2]
    for stem in some:
        picture(root / f"images/{stem}.jpg")
    text(root / "result.json", content(some, "images\\{}.jpg".format, categories(names, ids), ids))
    return {"": "images\\", "result.json": "images\\"}


def fiftyone(root, some, names):
    ids = [1, 2, 3]
    for stem in some:
        picture(root / f"data/{stem}.jpg")
    text(root / "labels.json", content(some, "{}.jpg".format, categories(names, ids), ids))
    return {"": "", "labels.json": ""}


def another_machine(root, some, names):
    """The paths of the machine on which the labels were made."""
    ids = [5, 6, 8]
    for stem in some:
        picture(root / f"JPEGImages/{stem}.jpg")
    made = content(some, "/home/them/set/{}.jpg".format, categories(names, ids), ids)
    text(root / "JPEGImages/annotations.json", made)
    return {"JPEGImages": "/home/them/set/"}


def official(root, some, names):
    ids = [1, 18, 90]
    for part in ("train2017", "val2017"):
        for stem in some:
            picture(root / f"{part}/{stem}.jpg")
        made = content(some, "{}.jpg".format, categories(names, ids, "any"), ids)
        text(root / f"annotations/instances_{part}.json", made)
        text(root / f"annotations/captions_{part}.json", "{}")
    return {"": "", "val2017": "", "train2017": "", "annotations/instances_val2017.json": ""}


WRITERS = (roboflow, cvat, label_studio, fiftyone, another_machine, official)
NAMES = ["cat", "the dog", "C#"]


def assert_read(data, some, prefix):
    wanted = {
        (f"{prefix}{stem}.jpg#{NAMES[label]}"): (stem, label)
        for stem, listed in some.items()
        for label, _, _ in listed
    }
    assert {sample.name for sample in data.samples} == set(wanted)
    for sample in data.samples:
        stem, label = wanted[sample.name]
        mine = [rectangle for kind, rectangle, _ in some[stem] if kind == label]
        truth = data.truth(sample)
        assert data.classes[sample.label] == (NAMES[label],)
        assert truth.boxes.tolist() == [[x, y, x + w, y + h] for x, y, w, h in mine]
        assert np.array_equal(truth.mask, np.max([drawn(one) for one in mine], axis=0))


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
@settings(max_examples=25)
@given(some=sets)
def test_a_tools_layout_is_read_from_each_level(writer, some):
    with tempfile.TemporaryDirectory() as folder:
        for level, prefix in writer(Path(folder), some, NAMES).items():
            if any(some.values()):
                data = READ(str(Path(folder, level)))
                assert data.classes == tuple((name,) for name in NAMES)
                assert_read(data, some, prefix)
            else:
                with pytest.raises(agcam.DataSetError, match="no picture in it has a label"):
                    READ(str(Path(folder, level)))


PART = {"a b": [(2, (1, 2, 3, 4), "polygon"), (0, (0, 0, 4, 4), "runs")]}


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_a_zip_file_reads_the_same(writer, tmp_path):
    levels = writer(tmp_path / "set", PART, NAMES)
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "set")
    for level, prefix in levels.items():
        assert_read(READ(f"zip://{level}::{archive}"), PART, prefix)


def test_a_crowd_among_objects_is_left_out_as_before(tmp_path):
    """Where a file has both, crowds are COCO's: groups that nobody took apart."""
    fiftyone(tmp_path, PART, NAMES)
    made = json.loads((tmp_path / "labels.json").read_text())
    made["annotations"][1]["iscrowd"] = 1
    text(tmp_path / "labels.json", json.dumps(made))
    assert [sample.name for sample in READ(str(tmp_path)).samples] == ["a b.jpg#C#"]


def test_a_category_above_others_that_has_objects_is_a_class(tmp_path):
    fiftyone(tmp_path, PART, NAMES)
    made = json.loads((tmp_path / "labels.json").read_text())
    for kind in made["categories"]:
        kind["supercategory"] = NAMES[2]
    text(tmp_path / "labels.json", json.dumps(made))
    assert READ(str(tmp_path)).classes == tuple((name,) for name in NAMES)


def refusal(root):
    with pytest.raises(agcam.DataSetError) as caught:
        READ(str(root))
    return str(caught.value)


def test_what_cannot_be_known_is_refused_with_its_cause(tmp_path):
    another_machine(tmp_path, {"a": PART["a b"], "b": PART["a b"]}, NAMES)
    root = tmp_path / "JPEGImages"
    made = (root / "annotations.json").read_text()
    text(root / "annotations.json", made.replace("set/b.jpg", "other/a.jpg"))
    why = refusal(root)  # which of the two is a.jpg?
    assert "its picture /home/them/set/a.jpg is missing: it is in none of" in why
    assert "Put the .json beside the pictures" in why
    text(root / "more.json", made)
    assert "one of annotations.json, more.json as the root is missing" in refusal(root)
