"""The page of an audit in a browser: from what needs attention to the pictures, and verdicts."""

import json

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from agcam.viewer import Card, Document, MapData, MethodData, TargetData, embedded, page
from browser import serious

NAME = "ketch <img src=x onerror=alert(1)>"
FACTS = (("share", "20 %"), ("pictures", "2"))


def reason(number, score):
    return {
        "id": f"reason-0-{number}", "title": f"{NAME}, reason {number + 1}", "class": "class-0",
        "name": NAME, "number": number + 1, "score": score, "sentence": "It is always there.",
        "tests": ["Erased from 2 pictures, 0 % are."], "list": "#list-0", "verdict": {},
        "crops": [{"card": n, "cut": [0.1, 0.5, 0.2, 0.2]} for n in range(2)],
        "others": [{"card": 1, "name": "brig"}],
        "places": [[0, 0], [1, 0.5]], "examples": ["0.png", "1.png"],
        "facts": [[name, {"text": text, "href": "#list-0"}] for name, text in FACTS],
    }  # fmt: skip


def cast(number):
    """A reason that is all of its pictures, as a colour cast is."""
    crops = [{"card": 0, "cut": [0, 0, 1, 1]}, {"card": 1, "cut": [0, 0, 1, 1]}]
    return {**reason(number, 0.2), "crops": crops, "others": []}


@pytest.fixture
def text():
    picture = embedded(Image.new("RGB", (120, 90), "teal"))
    cards = [
        Card(
            f"{n}.png", picture, (0.0, 0.0, 120.0, 90.0), (TargetData(NAME, 0, None, 0.9, "90 %"),),
            (MethodData("agcam_focus", True),), (MapData("agcam_focus", 0, np.eye(4)),),
            caption=NAME,
        )
        for n in range(2)
    ]  # fmt: skip
    reasons = [reason(0, 0.93), reason(1, 0.1), cast(2), {**reason(3, 0.1), "crops": []}]
    audit = {
        "kind": "audit", "key": "abc", "doubts": ["It is often wrong."], "first": ["reason-0-0"],
        "reasons": {one["id"]: one for one in reasons},
        "classes": [{
            "id": "class-0", "name": NAME, "score": 0.93, "reasons": [one["id"] for one in reasons],
            "facts": [["pictures", {"text": "2", "href": "#list-0"}]],
        }],
        "lists": [{"title": "All of them", "note": "", "items": [
            {"card": n, "caption": f"number {n}"} for n in range(2)
        ]}, {"title": "Two models", "note": "", "pairs": True, "items": [
            {"card": n, "caption": f"model {n}"} for n in (0, 1) for _ in range(3)
        ]}],
    }  # fmt: skip
    return page(Document("Audit of a model", layout="audit", blocks=[audit]), cards)


@pytest.mark.parametrize("width", [390, 1280])
def test_what_needs_attention_is_seen_first_and_nothing_overflows(visit, text, width):
    view = visit(text, width=width)
    assert view.evaluate("document.documentElement.scrollWidth") == width
    first = view.locator(".agcam-reason").first
    assert first.locator("h3").inner_text() == f"{NAME}, reason 1"
    assert first.locator(".agcam-crop").first.bounding_box()["y"] < 900
    assert "It is always there." in first.inner_text()
    assert "Erased from 2 pictures" in first.inner_text()


def test_a_whole_picture_shows_where_its_reason_lies(visit, text):
    view = visit(text)
    whole, outline = (view.locator(f".agcam-{one}").first for one in ("whole", "outline"))
    around, box = whole.bounding_box(), outline.bounding_box()
    assert around["width"] / around["height"] == pytest.approx(120 / 90, abs=0.02)
    at = [
        (box[one] - around[one]) / around[size] for one, size in (("x", "width"), ("y", "height"))
    ]
    assert at == pytest.approx([0.1, 0.5], abs=0.02)
    assert box["width"] / around["width"] == pytest.approx(0.2, abs=0.02)


def test_pictures_of_other_classes_stand_beside_a_reason(visit, text):
    """What sets a class apart is seen beside what it is set apart from."""
    view = visit(text)
    button = view.locator(".agcam-others button").first
    assert button.get_attribute("aria-label") == "brig, to compare with"
    assert button.locator(".agcam-outline").count() == 0
    button.click()
    view.wait_for_selector(".agcam-detail h2:text-is('1.png')")


def test_a_reason_that_is_everywhere_is_shown_once_and_at_no_place(visit, text):
    view = visit(text)
    view.evaluate("window.location.hash = '#reason-0-2'")
    view.wait_for_selector("text=Back to the overview")
    assert view.locator(".agcam-evidence .agcam-crop").count() == 2
    assert view.locator(".agcam-placemap").count() == 0


def test_a_reason_whose_pictures_cannot_be_shown_has_its_place(visit, text):
    view = visit(text)
    view.evaluate("window.location.hash = '#reason-0-3'")
    view.wait_for_selector("text=Back to the overview")
    assert view.locator(".agcam-evidence .agcam-crops .agcam-crop").count() == 1  # other classes
    assert view.locator(".agcam-placemap").count() == 1


def test_a_number_keeps_its_unit_on_the_line(visit, text):
    shown = visit(text).locator(".agcam-reason p").first.evaluate("node => node.textContent")
    assert "0\u00a0%" in shown


def test_every_number_leads_to_its_pictures_and_back(visit, text):
    view = visit(text)
    view.click(".agcam-classline h3 a")
    heading = view.locator("h2:visible").first
    expect(heading).to_have_text(NAME)
    view.click(".agcam-facts a >> nth=0")
    expect(heading).to_have_text("All of them")
    view.click(".agcam-gallery button >> nth=1")
    view.wait_for_selector(".agcam-detail h2:text-is('1.png')")
    view.click("[aria-label='Back to the overview']")
    view.wait_for_selector(".agcam-gallery:visible")
    view.click("text=Back to the overview")
    expect(heading).to_have_text("Needs attention")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_somebody_from_using_it(visit, text, scheme):
    view = visit(text, width=390, color_scheme=scheme)
    for address in ("", "#reason-0-0", "#class-0", "#list-0"):
        view.evaluate("address => { window.location.hash = address; }", address)
        view.wait_for_function(
            "address => document.querySelector('.agcam-audit h2') && location.hash === address",
            arg=address,
        )
        assert serious(view) == [], address


def test_it_is_used_without_a_mouse(visit, text):
    view = visit(text)
    view.locator(".agcam-reason h3 a").first.focus()
    view.keyboard.press("Enter")
    view.wait_for_selector("text=Back to the overview")
    view.locator(".agcam-crops button").first.focus()
    view.keyboard.press("Enter")
    view.wait_for_selector(".agcam-detail h2:text-is('0.png')")
    view.go_back()
    view.wait_for_selector("h2:visible:text-is('Needs attention')")


@pytest.mark.parametrize("width", [390, 1280])
def test_what_belongs_together_stands_side_by_side(visit, text, width):
    view = visit(text, width=width)
    view.evaluate("window.location.hash = '#list-1'")
    view.wait_for_selector("h2:visible:text-is('Two models')")
    tops = [item.bounding_box()["y"] for item in view.locator(".agcam-gallery li:visible").all()]
    assert tops[0::2] == tops[1::2]
    assert len(set(tops)) == 3
    assert view.evaluate("document.documentElement.scrollWidth") == width


def test_what_an_audit_cannot_show_stands_first(visit, text):
    view = visit(text)
    assert view.locator(".agcam-audit > *").first.inner_text() == "It is often wrong."


def test_a_crop_opens_its_picture(visit, text):
    view = visit(text)
    view.click(".agcam-crops button >> nth=1")
    view.wait_for_selector(".agcam-detail h2:text-is('1.png')")


def test_verdicts_are_kept_exported_and_imported(visit, text, tmp_path):
    view = visit(text)
    view.select_option(".agcam-verdict select >> nth=0", "background")
    view.fill(".agcam-verdict input >> nth=0", "the tag")
    view.dispatch_event(".agcam-verdict input >> nth=0", "change")
    view.reload()
    assert view.input_value(".agcam-verdict select >> nth=0") == "background"
    with view.expect_download() as download:
        view.click("text=Export verdicts")
    kept = json.loads(download.value.path().read_text())
    (one,) = kept["verdicts"]
    assert one["class"] == NAME
    assert (one["reason"], one["verdict"], one["note"]) == (1, "background", "the tag")
    assert one["examples"] == ["0.png", "1.png"]
    file = tmp_path / "verdicts.json"
    file.write_text(json.dumps({"verdicts": [{**one, "verdict": "fine"}]}))
    view.set_input_files("input[type=file]", file)
    expect(view.locator(".agcam-verdict select").first).to_have_value("fine")
    file.write_text("[]")
    view.set_input_files("input[type=file]", file)
    view.wait_for_selector("text=holds no verdicts")
