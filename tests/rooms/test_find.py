"""Names of pictures: those that the command line and Python take, and any that a disk holds."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

import agcam
from agcam.cli import app
from agcam.errors import PictureError
from agcam.explanation import file_names
from agcam.images import find_pictures, open_picture
from pages import Page

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=5).eval()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "in" / "more").mkdir(parents=True)
    for name in ("in/b10.png", "in/b2.png", "in/more/c.png", "cat.png"):
        PICTURE.save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("given_", "count"),
    [("in", 3), ("in/*.png", 2), ("~/cat.png", 1), ("~/in", 3), (["in", "cat.png"], 4)],
)
def test_python_takes_the_names_that_the_command_line_takes(folder, model, given_, count):
    explained = agcam.explain(model, given_)
    assert len(explained) == count
    names = given_ if isinstance(given_, list) else [given_]
    assert list(explained.sources) == [str(path) for path in find_pictures(names)]


def test_windows_paths_elsewhere_are_named_as_such(folder):
    if os.sep == "\\":
        pytest.skip("here they are paths")
    with pytest.raises(PictureError, match=r"separated by /, as in in/b2\.png"):
        open_picture(r"in\b2.png")
    with pytest.raises(PictureError, match=r"as in in/\*\.png"):
        find_pictures([r"in\*.png"])


def test_links_are_followed_and_no_folder_is_entered_twice(folder):
    (folder / "in" / "loop").symlink_to(folder / "in")
    (folder / "in" / "more" / "up").symlink_to(folder)
    (folder / "elsewhere").mkdir()
    PICTURE.save(folder / "elsewhere" / "d.png")
    (folder / "in" / "link").symlink_to(folder / "elsewhere")
    found = find_pictures(["in"])
    real = [os.path.realpath(path) for path in found]
    assert len(real) == len(set(real))
    assert {Path(path).name for path in real} == {
        "b2.png", "b10.png", "c.png", "d.png", "cat.png",
    }  # fmt: skip


def test_a_folder_that_may_not_be_read_is_reported_and_the_rest_goes_on(folder, monkeypatch):
    real = os.scandir

    def scandir(path):
        if str(path).endswith("more"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_pictures(["in"])
    assert [path.name for path in found] == ["b2.png", "b10.png", "more"]
    with pytest.raises(PictureError, match=r"in/more.*Permission denied"):
        find_pictures([found[-1]])


NAMES = [
    os.fsdecode(b"caf\xe9.png"),
    "猫" * 80 + ".png",
    "line\nbreak.png",
    "\x1b[31mred.png",
    "=SUM(A1).png",
    "\u202egnp.exe.png",
    "é" * 60 + ".png",
    "con.png",
]


def test_any_name_that_a_disk_takes_is_explained(tmp_path, model):
    """Each by itself in the table, and its manifest gives back the very name."""
    (tmp_path / "in").mkdir()
    made = []
    for name in NAMES:
        try:
            PICTURE.save(tmp_path / "in" / name)
        except OSError:
            continue  # longer than this disk takes
        made.append(name)
    assert len(made) >= len(NAMES) - 2
    torch.save(model.state_dict(), tmp_path / "mine.pth")
    options = ["--model", str(tmp_path / "mine.pth"), "--arch", "timm:test_vit"]
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["explain", str(tmp_path / "in"), *options, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert f"{len(made)} explained" in done.output
    assert "\x1b" not in done.output
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in out.glob("*.json")]
    assert {Path(one["source"]).name for one in manifests} == set(made)
    assert r"caf\xe9.png" in Page(out / "index.html").text


@settings(max_examples=60)
@given(st.lists(st.text(max_size=300) | st.binary(max_size=80).map(os.fsdecode), max_size=6))
def test_names_of_files_fit_any_file_system(sources):
    names = file_names([f"folder/{source}" for source in sources])
    assert len({name.casefold() for name in names}) == len(sources)
    for name in names:
        assert 0 < len(name.encode()) <= 110
        assert not set(name) & set('/\\:*?"<>|\0\n')
