"""A page as a file: it holds everything, loads nothing, and every text in it is text."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from agcam.errors import UnknownNameError
from agcam.values import Answer
from agcam.viewer import (
    ASSETS,
    Card,
    Document,
    MapData,
    MethodData,
    TargetData,
    embedded,
    framed,
    page,
    targets_of,
)
from agcam.viewer.bundle import script
from pages import Page

ATTACK = "\"></script><script>alert('x')</script><!--"


def card(title="cat.png", name="tabby <cat>"):
    return Card(
        title,
        embedded(Image.new("RGB", (1800, 1200), "teal")),
        (0.0, 0.0, 900.0, 600.0),
        (TargetData.of(Answer(name, 0, 3.0, 0.75)), TargetData.of(Answer("length", 1, 12.5))),
        (MethodData(name, class_specific=True),),
        (MapData(name, 0, np.arange(6.0).reshape(2, 3), caption=name),),
        note=name,
    )


def test_the_viewer_is_small_and_loads_nothing():
    sizes = {file.name: len(file.read_bytes()) for file in ASSETS.iterdir()}
    audits = {
        name: size for name, size in sizes.items() if f"${name.split('.')[0]} " not in script()
    }
    assert set(audits) == {"audit.js", "reason.js", "verdicts.js", "audit.css"}
    assert sum(sizes.values()) - sum(audits.values()) < 100_000
    assert sum(audits.values()) < 20_000  # in pages of audits alone
    assert max(len(file.read_text("utf-8").splitlines()) for file in ASSETS.iterdir()) <= 250
    made = page(Document("cats"), [card()])
    head = made.replace("http://www.w3.org/2000/svg", "").split("</head>")[0]
    assert not re.search(r"(?:https?:)?//[a-z]|@import|url\((?!\$)", head)
    assert "default-src 'none'" in made


def test_numbers_and_pictures_are_in_the_page():
    read = Page(page(Document("cats", "lead", "made by"), [card(), Card("bad", error="torn")]))
    first, second = read.cards
    (only,) = first["maps"]
    values = np.frombuffer(base64.b64decode(only["values"]), "<f4").reshape(only["shape"])
    assert values.tolist() == [[0, 1, 2], [3, 4, 5]]
    data = base64.b64decode(first["picture"]["src"].split(",")[1])
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (first["picture"]["width"], first["picture"]["height"]) == (900, 600)
        assert np.abs(np.asarray(picture)[300, 450].astype(int) - [0, 128, 128]).max() < 8
    assert [target["score"] for target in first["targets"]] == ["75.0 %", "logit 12.5"]
    assert (second["error"], second["maps"]) == ("torn", [])
    for text in ("cats", "lead", "made by", "tabby <cat>", "cat.png"):
        assert text in read.text


def test_colour_maps_are_matplotlibs_and_the_first_is_the_one_asked_for():
    document = Page(page(Document(view={"colormap": "jet"}), [])).document
    assert list(document["colormaps"])[:2] == ["jet", "turbo"]
    table = np.frombuffer(base64.b64decode(document["colormaps"]["viridis"]), np.uint8)
    assert table.reshape(256, 3)[0].tolist() == [68, 1, 84]
    with pytest.raises(UnknownNameError, match="turbo"):
        page(Document(view={"colormap": "turbow"}), [])


@pytest.mark.parametrize("text", [ATTACK, "a\x1b[31mb\u202ec\udce9", "<!--<script>"])
def test_texts_that_attack_are_text(visit, text):
    made = page(Document(text, text, text), [card(text, text), Card(text, error=text)])
    assert made.isprintable() or "\x1b" not in made
    made.encode("utf-8")
    read = Page(made)
    assert len(read.programs) == 1
    opened = visit(made)
    opened.wait_for_selector(".agcam-gallery button")
    assert opened.locator("script:not([data-agcam])").count() == 1
    opened.locator(".agcam-gallery button").first.click()
    opened.wait_for_selector(".agcam-caption:not(:empty)")
    shown = opened.inner_text(".agcam-detail h2")
    assert shown == Page(made).cards[0]["title"]


def test_a_frame_of_a_notebook_is_sealed():
    frame = framed(Document("cats"), [card()])
    assert re.match(r'<iframe title="cats" sandbox="allow-scripts[^"]*" srcdoc="', frame)
    assert "allow-same-origin" not in frame
    assert frame.count("<") == 2  # the frame begins and ends: all within it is escaped


def test_targets_are_listed_once():
    top = [Answer("a", 0, 1.0, 0.6), Answer("b", 1, 0.5, 0.3)]
    explained = [Answer("c", 7, 0.1, 0.01), Answer("a", 0, 1.0, 0.6, 0.1)]
    targets, places = targets_of(top, explained)
    assert [target.name for target in targets] == ["a", "b", "c"]
    assert places == [2, 0]
