"""YOLO's text files as the tools lay them out, read from every sensible level of the folder.

The layouts are those of the tools' own documentation: ultralytics, Roboflow, CVAT (YOLO 1.1 and
Ultralytics YOLO), labelImg, Label Studio, darknet.
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

SIZE = (12, 10)
READ = DATASETS["yolo"].read
LETTERS = "abz09 _-.#%é猫()[]+&'"


def stems():
    return st.text(LETTERS, min_size=1, max_size=6).filter(
        lambda name: name.strip(" .") == name and name not in {"classes", "train", "valid"}
    )


boxes = st.builds(
    lambda label, x, y, width, height: (label, x, y, min(width, x, 1 - x), min(height, y, 1 - y)),
    st.integers(0, 2),
    *[st.integers(2, 8).map(lambda n: n / 10)] * 4,
)
parts = st.dictionaries(stems(), st.lists(boxes, max_size=3), min_size=1, max_size=3)
names = st.lists(
    st.text("abcé :-#'", min_size=1, max_size=5).map(str.strip).filter(bool),
    min_size=3,
    max_size=3,
    unique=True,
)


def write(root, folder, labels, part):
    """A part's pictures and texts; a picture without an object has an empty text."""
    for stem, lines in part.items():
        picture(root / folder / f"{stem}.jpg")
        rows = "".join(
            " ".join(map(str, (k, x, y, 2 * w, 2 * h))) + "\n" for k, x, y, w, h in lines
        )
        text(root / labels / f"{stem}.txt", rows)


def as_yaml(**content):
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in content.items())


def roboflow(root, train, valid, names):
    """data.yaml states `../train/images`, which holds from one folder below its own."""
    write(root, "train/images", "train/labels", train)
    write(root, "valid/images", "valid/labels", valid)
    stated = {"train": "../train/images", "val": "../valid/images", "test": "../test/images"}
    picture(root / "test/images/unlabelled.jpg")
    text(root / "data.yaml", as_yaml(**stated, nc=3, names=names))
    text(root / "README.roboflow.txt", "exported\n")
    both = {"train/images/": train, "valid/images/": valid}
    return {
        "": both,
        "data.yaml": both,
        "valid": {"": valid},
        "valid/images": {"": valid},
        "train": {"": train},
    }


def ultralytics(root, train, valid, names):
    write(root, "images/train", "labels/train", train)
    write(root, "images/val", "labels/val", valid)
    stated = {"path": str(root), "train": "images/train", "val": "images/val"}
    text(root / "set.yaml", as_yaml(**stated, names={str(n): name for n, name in enumerate(names)}))
    both = {"train/": train, "val/": valid}
    return {"": both, "set.yaml": both, "images": both, "images/val": {"": valid}}


def yaml_elsewhere(root, train, valid, names):
    """The file in a folder of its own names one of two data sets by `path:`."""
    write(root, "data/mine/images", "data/mine/labels", valid)
    write(root, "data/other/images", "data/other/labels", train)
    stated = {"path": "../data/mine", "train": ["images"], "val": "./images"}
    text(root / "yaml/mine.yaml", as_yaml(**stated, names=names))
    return {"yaml/mine.yaml": {"": valid}}


def yaml_of_one_of_two(root, train, valid, names):
    """Two data sets and their files in one folder; each file is of its own."""
    write(root, "mine/images", "mine/labels", valid)
    write(root, "other/images", "other/labels", train)
    text(
        root / "mine.yaml", as_yaml(train="mine/images", val=str(root / "mine/images"), names=names)
    )
    text(root / "other.yaml", as_yaml(train="other/images", val="other/images", names=names[::-1]))
    return {"mine.yaml": {"mine/images/": valid}}


def cvat(root, train, valid, names):
    write(root, "obj_train_data", "obj_train_data", train)
    write(root, "obj_valid_data", "obj_valid_data", valid)
    text(root / "obj.names", "\n".join(names) + "\n")
    text(root / "obj.data", "classes = 3\nnames = data/obj.names\ntrain = data/train.txt\n")
    text(root / "train.txt", "".join(f"data/obj_train_data/{stem}.jpg\n" for stem in train))
    both = {"obj_train_data/": train, "obj_valid_data/": valid}
    return {"": both, "obj_valid_data": {"": valid}}


def cvat_ultralytics(root, train, valid, names):
    levels = ultralytics(root, train, valid, names)
    (root / "set.yaml").unlink()
    text(root / "train.txt", "".join(f"images/train/{stem}.jpg\n" for stem in train))
    text(root / "data.yaml", as_yaml(path="./", train="train.txt", names=names))
    levels["data.yaml"] = levels.pop("set.yaml")
    return levels


def labelimg(root, train, valid, names):
    """Beside the pictures, or in a folder of their own with the classes in it."""
    write(root, "beside", "beside", train)
    text(root / "beside/classes.txt", "\n".join(names))
    write(root, "two/images", "two/labels", valid)
    text(root / "two/labels/classes.txt", "\n".join(names) + "\n\n")
    return {"beside": {"": train}, "two": {"": valid}, "two/images": {"": valid}}


def label_studio(root, train, valid, names):
    part = {**train, **valid}
    write(root, "images", "labels", part)
    text(root / "classes.txt", "\n".join(names) + "\n")
    kinds = [{"id": number, "name": name} for number, name in enumerate(names)]
    text(root / "notes.json", json.dumps({"categories": kinds, "info": {"year": 2026}}))
    return {"": {"": part}, "images": {"": part}}


def darknet(root, train, valid, names):
    write(root, "train", "train", train)
    write(root, "valid", "valid", valid)
    for part in ("train", "valid"):
        text(root / part / "_darknet.labels", "\n".join(names))
    return {"": {"train/": train, "valid/": valid}, "valid": {"": valid}}


WRITERS = [
    roboflow,
    ultralytics,
    yaml_elsewhere,
    yaml_of_one_of_two,
    cvat,
    cvat_ultralytics,
    labelimg,
    label_studio,
    darknet,
]


def expected(level, names):
    """Sample's name -> class and boxes in pixels."""
    found = {}
    for prefix, part in level.items():
        for stem, lines in part.items():
            for label in {line[0] for line in lines}:
                mine = [
                    [(x - w) * 12, (y - h) * 10, (x + w) * 12, (y + h) * 10]
                    for kind, x, y, w, h in lines
                    if kind == label
                ]
                found[f"{prefix}{stem}.jpg#{names[label]}"] = (names[label], mine)
    return found


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
@settings(max_examples=25)
@given(train=parts, valid=parts, names=names, above=stems())
def test_a_tools_layout_is_read_from_each_level(writer, train, valid, names, above):
    """The folder above may be called anything, as may pictures and classes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, above)
        for level, content in writer(root, train, valid, names).items():
            wanted = expected(content, names)
            if not wanted:
                with pytest.raises(agcam.DataSetError, match="no picture in it has a label"):
                    READ(str(root / level))
                continue
            data = READ(str(root / level))
            assert data.classes == tuple((name,) for name in names)
            assert {sample.name for sample in data.samples} == set(wanted)
            for sample in data.samples:
                name, mine = wanted[sample.name]
                assert data.classes[sample.label] == (name,)
                assert np.allclose(data.truth(sample).boxes, mine)


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
def test_a_zip_file_reads_the_same(writer, tmp_path):
    """What a tool exports is a zip file; a YAML file's own absolute paths are not in it."""
    part, names = {"a b": [(1, 0.5, 0.4, 0.25, 0.2)]}, ["cat", "dog", "no"]
    levels = writer(tmp_path / "set", part, part, names)
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "set")
    for level, content in levels.items():
        if str(tmp_path) in ((tmp_path / "set" / level).read_text() if "." in level else ""):
            continue
        data = READ(f"zip://{level}::{archive}")
        wanted = expected(content, names)
        assert {sample.name for sample in data.samples} == set(wanted)
        for sample in data.samples:
            assert np.allclose(data.truth(sample).boxes, wanted[sample.name][1])


PART = {"a": [(1, 0.5, 0.4, 0.25, 0.2)]}


def test_a_folder_called_images_far_above_is_not_the_sets(tmp_path):
    root = tmp_path / "images/mine"
    write(root, "", "", PART)
    text(root / "classes.txt", "cat\ndog\n")
    assert [sample.name for sample in READ(str(root)).samples] == ["a.jpg#dog"]
    write(tmp_path / "images/other", "images", "labels", PART)
    (tmp_path / "labels").mkdir()
    text(tmp_path / "images/other/classes.txt", "cat\ndog\n")
    found = READ(str(tmp_path / "images/other/images"))
    assert [sample.name for sample in found.samples] == ["a.jpg#dog"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("compose.yaml", "services: &a [1]\nother: *a\n"),
        ("more.yaml", "path: ../elsewhere\n"),
        ("notes.json", "{}"),
    ],
)
def test_files_that_name_no_class_are_passed_over(tmp_path, file, content):
    write(tmp_path / "set", "images", "labels", PART)
    text(tmp_path / "set" / file, content)
    text(tmp_path / "obj.names", "cat\ndog\n")
    assert READ(str(tmp_path / "set")).classes == (("cat",), ("dog",))


def refusal(root):
    with pytest.raises(agcam.DataSetError) as caught:
        READ(str(root))
    return str(caught.value)


def test_what_cannot_be_known_is_refused_with_its_cause(tmp_path):
    """Each by what is missing, where it was looked for and what to write."""
    root = tmp_path / "far/set"
    write(root, "train/images", "train/labels", PART)
    text(tmp_path / "classes.txt", "of\nsomething\nelse\n")
    assert "nothing names its classes" in refusal(root)
    assert "Write classes.txt" in refusal(root)
    text(root / "classes.txt", "cat\ndog\n")
    text(root / "obj.names", "dog\ncat\n")
    why = refusal(root)
    assert "classes.txt and " in why
    assert "name the classes differently; keep one of them" in why
    (root / "obj.names").unlink()
    (root / "train/labels").rename(root / "train/texts")
    assert "none of its 1 pictures has a .txt with labels: that of train/images/a.jpg" in refusal(
        root
    )
    assert "a picture, in images/ or elsewhere, is missing" in refusal(root / "train/texts")
    assert "has no `names:`" in refusal(_put(root / "data.yaml", "train: train/images\n"))
    text(root / "data.yaml", as_yaml(train="/data/images", names=["cat"]))
    assert "the pictures that it names, /data/images, are not in" in refusal(root / "data.yaml")
    assert "does not exist" in refusal(root / "other.yaml")


def _put(path, content):
    text(path, content)
    return path
