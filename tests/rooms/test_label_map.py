"""CVAT's labelmap.txt beside VOC's layout: names and colours of masks, with XML files and without.

The colours of lines that state none are VOC's, written again as its development kit computes them.
"""

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import picture, text, xml
from PIL import Image

import agcam
from agcam.datasets import DATASETS

READ = DATASETS["pascal_voc"].read
WIDTH, HEIGHT = 12, 10
NAMES = ["cat", "a:b", "no thing"]
RECTANGLE = st.tuples(
    st.integers(0, 7), st.integers(0, 5), st.integers(2, 4), st.integers(2, 4)
)  # left, top, width, height
colours = st.lists(
    st.none() | st.tuples(*[st.integers(1, 120)] * 3),
    min_size=3,
    max_size=3,
    unique_by=lambda one: one or object(),
)
pictures = st.dictionaries(
    st.text("ab0 .-é", min_size=1, max_size=4).filter(lambda name: name.strip(" .") == name),
    st.tuples(st.integers(0, 2), RECTANGLE),
    min_size=1,
    max_size=3,
)


def of_number(number):
    """VOC's colour, bit by bit."""
    red = green = blue = 0
    for shift in range(7, -1, -1):
        red |= (number & 1) << shift
        green |= (number >> 1 & 1) << shift
        blue |= (number >> 2 & 1) << shift
        number >>= 3
    return red, green, blue


def paint(path, values, palette, mode):
    """Numbers in a mode: with a palette, as colours, or as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == "L":
        Image.fromarray(values).save(path)
        return
    image = Image.fromarray(values)
    image.putpalette([side for colour in palette for side in colour])
    image.convert(mode).save(path)


def write(root, some, stated, mode, part="default", noted=True, folder="Main"):
    """A set as CVAT exports it; the top left pixel of each mask is not judged."""
    lines = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    lines += [
        f"{name}:{'' if one is None else ','.join(map(str, one))}::"
        for name, one in zip(NAMES, stated, strict=True)
    ]
    text(root / "labelmap.txt", "\n".join(lines) + "\n")
    palette = [(0, 0, 0)] + [one or of_number(n) for n, one in enumerate(stated, 1)]
    palette += [(0, 0, 0)] * (255 - len(palette)) + [(224, 224, 192)]
    for stem, (label, (left, top, width, height)) in some.items():
        picture(root / f"JPEGImages/{stem}.jpg")
        values = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        values[top : top + height, left : left + width] = label + 1
        values[0, 0] = 255
        paint(root / f"SegmentationClass/{stem}.png", values, palette, mode)
        objects = np.where(values == 255, 0, (values > 0) * 1).astype(np.uint8)
        paint(root / f"SegmentationObject/{stem}.png", objects, [(0, 0, 0), (9, 8, 7)], mode)
        if noted:
            box = (left, top, left + width, top + height)
            xml(root / f"Annotations/{stem}.xml", [(NAMES[label], box)])
    text(root / f"ImageSets/{folder}/{part}.txt", "".join(f"{stem}\n" for stem in some))


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
@settings(max_examples=25)
@given(some=pictures, stated=colours)
def test_masks_have_the_names_and_colours_of_the_label_map(mode, noted, some, stated):
    with tempfile.TemporaryDirectory() as folder:
        kind = "Main" if noted else "Segmentation"
        write(Path(folder), some, stated, mode, "default", noted, kind)
        data = READ(folder)
        assert data.classes == tuple((name,) for name in NAMES)
        assert {sample.name for sample in data.samples} == set(some)
        for sample in data.samples:
            label, (left, top, width, height) = some[sample.name]
            assert sample.label == label
            wanted = np.zeros((HEIGHT, WIDTH), dtype=int)
            wanted[top : top + height, left : left + width] = 1
            wanted[0, 0] = -1
            truth = data.truth(sample)
            assert np.array_equal(truth.mask, wanted)
            rows, columns = np.nonzero(wanted == 1)
            of_mask = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            box = [left, top, left + width, top + height] if noted else of_mask
            assert truth.boxes.tolist() == [box]


PART = {"a b": (1, (2, 3, 4, 4)), "c": (0, (1, 1, 2, 2))}
STATED = [(1, 2, 3), None, (9, 9, 9)]


def read_all(root):
    data = READ(str(root))
    return [data.truth(sample) for sample in data.samples]


def refusal(root):
    with pytest.raises(agcam.DataSetError) as caught:
        read_all(root)
    return str(caught.value)


def test_of_several_lists_one_is_named(tmp_path):
    for part in ("train", "test", "cat_train"):
        write(tmp_path, PART, STATED, "RGB", part)
    why = refusal(tmp_path)
    assert "one of ImageSets/Main/test.txt, ImageSets/Main/train.txt as the root is missing" in why
    found = READ(str(tmp_path / "ImageSets/Main/test.txt"))
    assert [sample.name for sample in found.samples] == ["a b", "c"]
    write(tmp_path, {"a b": PART["a b"]}, STATED, "RGB", "val")
    assert [sample.name for sample in READ(str(tmp_path)).samples] == ["a b"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("other 1,2,3", "line 6 of .*labelmap.txt: 'other 1,2,3' is not NAME:RED,GREEN,BLUE"),
        ("cat:7,7,7::", "line 6 of .*labelmap.txt: 'cat' is there twice"),
        ("other:1,2,3::", r"has the colour 1,2,3, which is that of no name in labelmap.txt, or of"),
    ],
)
def test_a_label_map_that_cannot_be_right_is_refused(tmp_path, line, why):
    write(tmp_path, PART, STATED, "RGB")
    text(tmp_path / "labelmap.txt", (tmp_path / "labelmap.txt").read_text() + line + "\n")
    assert re.search(why, refusal(tmp_path))


def test_a_colour_that_is_not_listed_is_refused(tmp_path):
    write(tmp_path, PART, STATED, "RGB")
    content = (tmp_path / "labelmap.txt").read_text()
    text(tmp_path / "labelmap.txt", content.replace("1,2,3", "3,2,1"))
    assert "has the colour 1,2,3, which is that of no name" in refusal(tmp_path)
