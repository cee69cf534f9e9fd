"""`agcam explain` over many pictures: memory does not grow, and a killed run goes on."""

import gc
import json
import os
import signal
from pathlib import Path

import pytest
from PIL import Image
from test_cli import explain, picture, place  # noqa: F401

from agcam.explanation import Explanation
from pages import Page
from processes import until


@pytest.fixture
def many(place):  # noqa: F811
    """Twelve pictures, the fifth of which is none."""
    Path("many").mkdir()
    for number in range(12):
        picture(number, (40 + number, 50)).save(f"many/{number:02}.png")
    Path("many/04.png").write_text("not a picture")
    return place


def files(folder):
    """Every file below a folder, with its bytes."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


REQUEST = ("many", "--target", "1", "--target", "3", "--batch-size", "3")


def in_a_fork(*arguments):
    """The command in a process of its own, which need not load every library once more."""
    process = os.fork()
    if not process:
        try:
            explain(*arguments)
        finally:
            os._exit(0)
    return process


def killed_after(pictures, out):
    """Explain in a process that is killed (SIGKILL) once so many pictures are done."""
    process = in_a_fork(*REQUEST, "--out", out)
    until(lambda: len(list(Path(out).glob("*.json"))) >= pictures, "no picture was explained")
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def test_kill_9_and_resume_give_the_same_files(many):
    assert explain(*REQUEST, "--out", "whole")[0] == 1  # one is not a picture
    for pictures in (1, 4, 8):
        out = f"killed-{pictures}"
        killed_after(pictures, out)
        status, shown, _ = explain(*REQUEST, "--out", out, "--resume")
        assert status == 1
        assert "11 explained" in shown
        assert files(out) == files("whole")


def made_anew(*arguments):
    """Explain with --resume; how many pictures were explained anew."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        real = Explanation.save_one
        patch.setattr(Explanation, "save_one", lambda *a, **k: made.append(1) or real(*a, **k))
        status, out, _ = explain("cat.png", "album", *arguments, "--resume")
    assert status == 0
    assert "2 explained" in out
    return len(made)


def test_only_what_is_done_by_the_same_request_is_kept(place):  # noqa: F811
    assert made_anew("--target", "1") == 2
    assert made_anew("--target", "1") == 0
    for other in (
        ("--target", "2"),
        ("--top", "2"),
        ("--target", "2", "--method", "rollout"),
        ("--target", "2", "--alpha", "0.3"),
        ("--target", "2", "--colormap", "viridis"),
        ("--target", "2", "--classes", "names.txt"),
        ("--target", "2", "--method", "bicam", "--option", "temperature=2"),
    ):
        assert made_anew(*other) == 2
        assert made_anew(*other) == 0
    picture(9).save("cat.png")  # another picture of the same name
    assert made_anew(*other) == 1
    Path("explained/thumbnails/cat.webp").unlink()
    assert made_anew(*other) == 1
    Path("explained/cat.json").write_text("{")
    assert made_anew(*other) == 1
    assert len(Page("explained/index.html").addresses) == 2


def test_a_name_that_is_no_utf_8_is_recognized_too(place):  # noqa: F811
    path = os.fsdecode(b"odd \xff\n name.png")
    picture(3).save(path)
    made = []
    with pytest.MonkeyPatch.context() as patch:
        real = Explanation.save_one
        patch.setattr(Explanation, "save_one", lambda *a, **k: made.append(1) or real(*a, **k))
        for count in (1, 1):
            assert explain(path, "--resume")[0] == 0
            assert len(made) == count


def test_no_picture_is_kept(many, monkeypatch):
    """The living pictures are counted at two saves: they are those of one pass."""
    saves, alive = [], []
    real = Explanation.save_one

    def save_one(*arguments, **options):
        saves.append(1)
        if len(saves) in {2, 11}:
            gc.collect()
            alive.append(sum(issubclass(type(each), Image.Image) for each in gc.get_objects()))
        return real(*arguments, **options)

    monkeypatch.setattr(Explanation, "save_one", save_one)
    assert explain("many", "--batch-size", "1")[0] == 1
    assert len(saves) == 11
    assert alive[1] <= alive[0]


def test_many_thumbnails_stay_files_and_the_page_stays_small(many, monkeypatch):
    monkeypatch.setattr("agcam.cli.folder.EMBEDDED", 10)
    assert explain("many")[0] == 1
    page = Page("explained/index.html")
    assert len(page.addresses) == 11
    assert all(Path("explained", address).is_file() for address in page.addresses)
    assert Path("explained/index.html").stat().st_size < 160_000  # most of it is the viewer
    assert "11 pictures explained, 1 could not be" in page.text


def test_the_page_grows_as_pictures_are_done(many, monkeypatch):
    shown = []
    real = Explanation.save_one

    def save_one(*arguments, **options):
        page = Path("explained/index.html")
        shown.append(len(Page(page).cards) if page.exists() else 0)
        return real(*arguments, **options)

    monkeypatch.setattr(Explanation, "save_one", save_one)
    assert explain("many", "--batch-size", "1")[0] == 1
    assert shown == sorted(shown)
    assert shown[-1] >= 10
    manifest = json.loads(Path("explained/00.json").read_text())
    assert len(manifest["top"]) == 4
