"""What is bad in an annotation file fails its own sample, with file and line; the rest stays."""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from annotation_attacks import ATTACKS
from hypothesis import given
from hypothesis import strategies as st
from layouts import WRITERS, picture, text

import agcam
from agcam.addresses import Place
from agcam.datasets import DATASETS
from agcam.datasets.checked import integer, number
from agcam.datasets.csv_rows import csv_rows
from agcam.datasets.outlines import filled

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Of all attacks, from one child process of a gigabyte."""
    folder = tmp_path_factory.mktemp("attacks")
    done = subprocess.run(
        [sys.executable, HERE / "annotation_attacks.py", folder],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fails_its_own_sample_or_is_one_sentence(name, outcomes, tmp_path):
    found, (layout, _, wanted) = outcomes[name], ATTACKS[name]
    assert "fault" not in found, found
    assert found["seconds"] < 10  # of the processor
    for sentence in (found["set"], *found["failed"].values()):
        assert len(sentence.splitlines()) <= 1
        assert len(sentence) < 500
    if wanted == "set":
        assert found["set"]
        return
    if wanted is None:  # one or the other
        assert found["set"] or found["failed"]
        return
    assert not found["set"]
    assert sorted(found["failed"]) == sorted(wanted)
    for sample, reason in wanted.items() if isinstance(wanted, dict) else ():
        assert re.search(reason, found["failed"][sample])
    data = DATASETS[layout].read(WRITERS[layout](tmp_path / "data").root)
    for sample in data.samples:
        if sample.name in found["sound"]:
            assert found["sound"][sample.name][0] == data.truth(sample).boxes.tolist()
    lost = {sample.name for sample in data.samples} - set(found["sound"])
    assert len(lost) <= len(wanted), "one bad value cost more than its own sample"


# The doors one by one


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_read(value):
    assert number(repr(value)) == value


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-Infinity", "1_0", "٣", "", " ", "0x1", "1e999", "1,5"]
)
def test_what_is_no_number_is_none(text):
    with pytest.raises(ValueError, match="is not a number"):
        number(text)
    with pytest.raises(ValueError, match="is not a whole number"):
        integer(text)


@given(st.binary(min_size=1, max_size=400), st.integers(1, 30), st.integers(1, 30))
def test_run_lengths_are_those_of_pycocotools(pixels, height, width):
    """Plain and packed, by the library that everybody writes them with."""
    coco = pytest.importorskip("pycocotools.mask")
    mask = np.resize(np.frombuffer(pixels, np.uint8) & 1, (height, width)).astype(np.uint8)
    packed = coco.encode(np.asfortranarray(mask))["counts"].decode()
    turned = mask.T.ravel()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], turned]))).tolist()
    plain = np.diff([0, *edges, turned.size]).tolist()
    for counts in (packed, plain):
        found = filled({"counts": counts, "size": [height, width]}, (width, height))
        assert np.array_equal(found, mask == 1)


@given(st.text("0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmno~ é", max_size=30))
def test_garbage_in_run_lengths_is_never_drawn_beyond_the_picture(text):
    with suppress(ValueError):
        assert filled({"counts": text, "size": [5, 4]}, (4, 5)).shape == (5, 4)


CELL = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.tuples(CELL, CELL), max_size=6), st.integers(0, 6))
def test_an_open_quote_takes_no_other_line_with_it(rows, at):
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[f"p{n}", *row] for n, row in enumerate(rows)])
    lines = text.getvalue().split("\n")
    sound = [(n + 1, row) for n, row in enumerate(csv.reader(io.StringIO(text.getvalue())))]
    assert [(row.line, row.cells) for row in csv_rows(lines)] == sound
    at = min(at, len(rows))
    lines.insert(at, 'bad,"open,cell')
    found = list(csv_rows(lines))
    assert [row.line for row in found if row.problem] == [at + 1]
    assert [list(row.cells) for row in found if not row.problem] == [row for _, row in sound]


def test_a_path_with_a_line_break_is_one_row():
    rows = list(csv_rows(["path,label", '"a', 'b.jpg",cat', "c.jpg,cat"]))
    assert [list(row.cells) for row in rows][1:] == [["a\nb.jpg", "cat"], ["c.jpg", "cat"]]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_line_ends_end_lines(mark, tmp_path):
    """Python's splitlines would cut a name in two."""
    picture(tmp_path / "a.jpg")
    text(tmp_path / "mine.csv", f"path,label\r\na.jpg,cup{mark}cake\r\n")
    data = DATASETS["csv"].read(str(tmp_path / "mine.csv"))
    assert [data.classes[s.label] for s in data.samples] == [(f"cup{mark}cake",)]


def test_a_csv_may_name_any_file(tmp_path):
    name = b"caf\xe9 \xff.jpg"
    picture(tmp_path / os.fsdecode(name))
    (tmp_path / "mine.csv").write_bytes(b"path,label\n" + name + b",cup\n")
    data = DATASETS["csv"].read(str(tmp_path / "mine.csv"))
    assert os.fsencode(data.samples[0].name) == name
    assert data.truth(data.samples[0]).boxes.shape == (0, 4)


def test_classes_of_one_name_are_told_apart_and_match_nothing(tmp_path):
    for file in ("a", "b", "c"):
        picture(tmp_path / f"images/{file}.jpg")
    box = "0.5 0.4 0.5 0.4\n"
    for number_, file in enumerate("abc"):
        text(tmp_path / f"labels/{file}.txt", f"{number_} {box}")
    text(tmp_path / "data.yaml", "names: [crane, crane, no]\n")
    data = DATASETS["yolo"].read(str(tmp_path))
    assert data.classes == (("crane (class 0)",), ("crane (class 1)",), ("no",))
    assert [sample.label for sample in data.samples] == [0, 1, 2]
    assert len({sample.name for sample in data.samples}) == 3
    from agcam.datasets import match_classes

    assert match_classes(data.classes, ["crane", "no"]) == (None, None, 1)


# Folders


@pytest.fixture
def pictures(tmp_path):
    for name in ("cat/1.jpg", "cat/inner/2.jpg", "dog/3.jpg"):
        picture(tmp_path / "set" / name)
    return tmp_path / "set"


def test_a_folder_is_read_once_whatever_links_lead_to_it(pictures):
    """Loops, links to each other, links to a folder above: each is reported."""
    (pictures / "cat/loop").symlink_to(pictures)
    (pictures / "cat/self").symlink_to(pictures / "cat/self")
    (pictures / "dog/cats").symlink_to(pictures / "cat")
    (pictures / "cat/dogs").symlink_to(pictures / "dog")
    (pictures / "again").symlink_to(pictures / "dog")
    data = DATASETS["folder"].read(str(pictures))
    sound = [sample.name for sample in data.samples if not sample.problem]
    assert sound == ["cat/1.jpg", "cat/inner/2.jpg", "dog/3.jpg"]
    reported = {sample.name: sample.problem for sample in data.samples if sample.problem}
    assert set(reported) == {"again/", "cat/dogs/", "cat/loop/", "dog/cats/"}
    assert all("is a link to a folder that is read already" in why for why in reported.values())


def test_a_link_to_a_folder_elsewhere_is_followed(pictures, tmp_path):
    picture(tmp_path / "elsewhere/4.jpg")
    (pictures / "bird").symlink_to(tmp_path / "elsewhere")
    data = DATASETS["folder"].read(str(pictures))
    assert data.samples[0].name == "bird/4.jpg"
    assert not any(sample.problem for sample in data.samples)


def test_many_folders_that_link_to_each_other_end(tmp_path):
    """Without a memory of what was read this is 12! folders."""
    names = [f"f{number}" for number in range(12)]
    for name in names:
        picture(tmp_path / name / "1.jpg")
        for other in names:
            (tmp_path / name / other).symlink_to(tmp_path / other)
    found, passed = Place(str(tmp_path)).walk("", (".jpg",))
    assert found == [f"{name}/1.jpg" for name in sorted(names)]
    assert len(passed) == 144


def unreadable(monkeypatch, folder):
    scan = os.scandir

    def refused(path):
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)


def test_a_folder_that_cannot_be_read_is_reported_and_the_rest_goes_on(pictures, monkeypatch):
    unreadable(monkeypatch, pictures / "cat/inner")
    data = DATASETS["folder"].read(str(pictures))
    assert [s.name for s in data.samples] == ["cat/1.jpg", "dog/3.jpg", "cat/inner/"]
    with pytest.raises(agcam.DataSetError, match="inner was not read: Permission denied"):
        data.truth(data.samples[2])


def test_labels_that_cannot_be_read_are_not_taken_for_none(tmp_path, monkeypatch):
    written = WRITERS["yolo"](tmp_path)
    unreadable(monkeypatch, tmp_path / "labels/train")
    with pytest.raises(agcam.DataSetError, match="cannot be read: Permission denied"):
        DATASETS["yolo"].read(written.root)
