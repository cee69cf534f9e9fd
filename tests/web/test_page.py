"""The page in a real browser, as people use it."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from web_pictures import black, png

from agcam.web.offered import OFFERED

NAME = "#view figcaption strong"


def give(page, data, name="cat.png", kind="image/png"):
    page.set_input_files("input[data-input=file]", {"name": name, "mimeType": kind, "buffer": data})


def shown(page):
    """The class whose map is shown, once there is one."""
    page.wait_for_selector(NAME)
    return page.inner_text(NAME)


def press(page, number):
    """Press a bar; returns the class's name once its map is shown."""
    bar = page.locator("#said button").nth(number)
    name = bar.locator(".ag-name").inner_text()
    bar.click()
    await_name(page, name)
    return name


def await_name(page, name):
    page.wait_for_function(
        "n => document.querySelector('#view figcaption strong')?.innerText === n", arg=name
    )


def source(page):
    return page.get_attribute("#view img", "src")


def told(page):
    page.wait_for_selector("[role=alert]")
    return page.inner_text("[role=alert]")


def test_upload_and_three_classes(visit):
    page = visit()
    give(page, png(0))
    first = shown(page)
    assert page.locator("#said button").count() == 5
    assert page.locator("#said button[aria-pressed=true] .ag-name").inner_text() == first
    maps = {press(page, number): source(page) for number in (1, 2, 0)}
    assert len(maps) == len(set(maps.values())) == 3
    assert first in maps
    text = page.get_attribute("#view img", "alt")
    assert re.match(rf"agcam heat map for {re.escape(first)}, .* highest in the", text)


def test_the_preparation_is_shown_and_whether_it_is_a_guess(visit):
    page = visit("?model=other")
    give(page, png(0))
    shown(page)
    assert "prepared for the model is a guess" in page.inner_text("#view")
    page.get_by_role("button", name="How this map was made").click()
    made = page.inner_text("#how")
    assert "32x32, crop" in made
    assert "(a guess, somebody's usual one)" in made
    choose(page, "Model", "tiny")
    page.wait_for_url("**model=tiny**")
    assert "is a guess" not in page.inner_text("#view")


def test_fast_presses_are_never_lost(visit):
    """Neither while another answer is on its way, nor while the list is drawn anew."""
    page = visit()
    give(page, png(0))
    shown(page)
    bars = page.locator("#said button")
    names = bars.locator(".ag-name").all_inner_texts()
    for number in (1, 2, 3, 4, 1, 2):
        bars.nth(number).click()
    await_name(page, names[2])
    page.wait_for_selector("#said li:nth-child(3) button[aria-pressed=true]")
    page.wait_for_timeout(300)
    await_name(page, names[2])  # nor does an older answer come in later
    bars.nth(3).click()
    bars.nth(4).hover()
    page.mouse.down()
    page.wait_for_selector("#said li:nth-child(4) button[aria-pressed=true]")
    page.mouse.up()
    await_name(page, names[4])


def test_another_class_by_typing_its_name(visit):
    page = visit()
    give(page, png(1))
    shown(page)
    box = page.get_by_label("Another class")
    box.fill("zeb")
    box.press("Enter")
    page.wait_for_function(
        "document.querySelector('#view figcaption strong')?.innerText === 'zebra'"
    )
    assert "class=8" in page.url


@pytest.mark.parametrize(("number", "name"), [(2, "${1+1} {{ x }}"), (3, "<b>bold</b>")])
def test_names_are_text_and_never_code(visit, number, name):
    page = visit(f"?class={number}")
    give(page, png(2))
    assert shown(page) == name
    assert page.locator("#said b, #view b").count() == 0


def test_threshold_and_opacity(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    page.get_by_label("Boxes around what is above the threshold").check()
    page.wait_for_selector("#view svg rect")
    few = page.get_attribute("#view svg", "aria-label")
    slider = page.locator("input[type=range][aria-label*=Threshold]")
    slider.focus()
    for _ in range(8):
        slider.press("ArrowRight")
    page.wait_for_url("**threshold=0.9**")
    assert page.get_attribute("#view svg", "aria-label") != few
    before = source(page)
    slider = page.locator("input[type=range][aria-label*=Strength]")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowLeft")
    page.wait_for_url("**opacity=0.3**")
    assert source(page) != before


def test_compare_methods(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    page.get_by_role("button", name="Compare methods").click()
    for name in OFFERED:
        page.get_by_role("checkbox", name=name, exact=True).check()
    page.locator("#compare").click()
    page.wait_for_selector("#compared figure")
    named = page.locator("#compared figcaption strong").all_inner_texts()
    assert named == list(OFFERED)
    refused = page.locator("#compared [role=alert]").count()
    pictures = page.locator("#compared img").all()
    assert len(pictures) + refused == len(named)
    assert len({each.get_attribute("src") for each in pictures}) > len(named) // 2


def test_blocks_and_heads_follow_the_class(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    page.get_by_role("button", name="Blocks and heads").click()
    page.wait_for_selector("#heads table")
    assert page.locator("#heads tbody tr").count() == 2
    assert page.locator("#heads tbody img").count() == 2 * (1 + 3)
    shares = page.locator("#heads tbody th span").all_inner_texts()
    assert sum(float(share.split()[0]) for share in shares) == pytest.approx(100, abs=0.2)
    name = press(page, 1)
    page.wait_for_function(
        "n => document.querySelector('#heads strong')?.innerText === n", arg=name
    )


def test_downloads(visit):
    page = visit()
    give(page, png(0), "my cat.png")
    shown(page)
    name = press(page, 1)
    page.get_by_role("button", name="How this map was made").click()
    files = {}
    for link in page.locator("#downloads a[download]").all():
        with page.expect_download() as coming:
            link.click()
        files[coming.value.suggested_filename] = coming.value.path().read_bytes()
    kinds = [".".join(file.split(".")[-2:]) for file in files]
    assert kinds == ["overlay.png", "map.png", "map.npy", "manifest.json"]
    overlay, coloured, values, manifest = files.values()
    for image in (overlay, coloured):
        assert Image.open(io.BytesIO(image)).size == (90, 60)
    assert np.load(io.BytesIO(values)).shape == (60, 90)
    manifest = json.loads(manifest)
    assert manifest["targets"][0]["name"] == name
    assert manifest["weights_sha256"] in page.inner_text("#how")
    assert manifest["source"] == "my cat.png"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x89PNG\r\n\x1a\n but not really", "damaged"),
        (png(0)[:-2000], "truncated"),
        (b"<svg onload='alert(1)'/>", "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(2_100_000), "larger than 2 MB"),
        (black(2100, 2100), "2100 x 2100 pixels, more than 4,000,000"),
    ],
    ids=["broken", "cut short", "no picture", "huge in bytes", "huge in pixels"],
)
def test_bad_pictures_are_told_in_words_and_lose_nothing(visit, data, words):
    page = visit()
    give(page, png(0))
    before = shown(page)
    give(page, data)
    assert words in told(page)
    assert shown(page) == before
    give(page, png(1))
    page.wait_for_selector("[role=alert]", state="detached")


def test_on_a_phone_nothing_scrolls_sideways(visit):
    page = visit(width=390, height=844)
    give(page, png(0, (300, 900)))
    shown(page)
    for name in ("Compare methods", "Blocks and heads", "How this map was made"):
        page.get_by_role("button", name=name).click()
    page.wait_for_selector("#heads table")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for button in page.locator("#said button, .ag-buttons button").all():
        assert button.bounding_box()["height"] >= 44  # a thumb's width


def test_by_keyboard_alone(visit):
    page = visit()
    focused = "document.activeElement.dataset?.example"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "coffee":
            break
    page.keyboard.press("Enter")
    shown(page)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#said li:nth-child(2) button')"):
            break
    wanted = page.evaluate("document.activeElement.querySelector('.ag-name').innerText")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "n => document.querySelector('#view figcaption strong')?.innerText === n", arg=wanted
    )
    here = "document.activeElement.querySelector('.ag-name')?.innerText"
    page.wait_for_function(f"n => {here} === n", arg=wanted)  # the focus stays


def test_pictures_and_controls_have_names(visit):
    page = visit()
    page.get_by_role("button", name="coffee").click()
    shown(page)
    for image in page.locator("img").all():
        assert image.get_attribute("alt")
    for control in page.locator("button:visible, input:visible, a:visible").all():
        assert control.evaluate(
            "e => (e.ariaLabel || e.innerText || e.title || e.labels?.[0]?.innerText"
            " || e.querySelector('img')?.alt || '').trim()"
        )


def test_a_link_restores_the_view(visit):
    page = visit()
    page.get_by_role("button", name="coffee").click()
    shown(page)
    press(page, 2)
    page.get_by_label("Boxes around what is above the threshold").check()
    page.wait_for_url("**boxes=1**")
    page.get_by_role("button", name="Blocks and heads").click()
    page.wait_for_url("**heads=1**")
    again = visit(page.url.split("/")[-1])
    assert shown(again) == shown(page)
    assert source(again) == source(page)
    assert again.get_by_label("Boxes around what is above the threshold").is_checked()
    assert again.locator("#heads tbody tr").count() == 2
    assert again.locator("#view svg rect").count() == page.locator("#view svg rect").count()


def test_a_link_says_that_an_uploaded_picture_is_not_in_it(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    press(page, 1)
    assert "everything but your picture" in page.inner_text("#downloads")
    again = visit(page.url.split("/")[-1])
    give(again, png(0))
    shown(again)


@pytest.mark.parametrize(
    "query",
    ["?class=99999", "?model=nobody", "?threshold=x&opacity=-1", "?class=-1&method=%00", "?%ff"],
)
def test_a_link_that_fits_nothing_is_no_harm(visit, query):
    page = visit(query)
    give(page, png(0))
    assert shown(page)


def test_another_model_and_a_prompt(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    choose(page, "Model", "other")
    page.wait_for_url("**model=other**")
    assert shown(page) in {"one", "two", "three"}
    choose(page, "Model", "words")
    page.wait_for_selector("#prompts:visible")
    page.wait_for_url("**model=words**")
    prompts = page.locator("#prompts textarea")
    prompts.fill("a lynx\n<img src=x onerror=alert(1)> ${2*21} {{ y }}")
    page.locator("#ask").click()
    page.wait_for_url("**prompt=a+lynx**")
    names = page.locator("#said .ag-name").all_inner_texts()
    assert set(names) == {"a lynx", "<img src=x onerror=alert(1)> ${2*21} {{ y }}"}
    assert page.locator("img[src=x]").count() == 0


def choose(page, label, name):
    box = page.get_by_label(label, exact=True)
    box.fill(name)
    box.press("Enter")


def test_two_visitors_do_not_see_each_others_pictures(visit):
    one, two = visit(), visit()
    give(one, png(0))
    give(two, png(1))
    shown(one), shown(two)
    assert source(one) != source(two)
    link = one.locator("#downloads a[download]").first.get_attribute("href")
    answers = [page.request.get(page.url.split("?")[0] + link) for page in (one, two)]
    assert [answer.status for answer in answers] == [200, 422]
    assert "no longer in memory" in answers[1].json()["error"]
    cookies = [{c["name"]: c["value"] for c in p.context.cookies()} for p in (one, two)]
    assert cookies[0]["agcam_visitor"] != cookies[1]["agcam_visitor"]


def test_nothing_is_left_on_disk(visit, server):
    before = server.files()
    page = visit()
    give(page, png(0))
    shown(page)
    press(page, 1)
    with page.expect_download():
        page.locator("#downloads a[download]").first.click()
    after = {path: size for path, size in server.files().items() if "matplotlib" not in path.parts}
    assert after == {path: size for path, size in before.items() if path in after}  # but its fonts
    assert not (server.home / "called-out").exists()  # nor did the server call anybody


def test_a_picture_is_pasted_and_dropped(visit):
    page, before = visit(), ""
    for event, field in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        page.evaluate(
            """([bytes, event, field]) => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([new Uint8Array(bytes)], "a.png", {type: "image/png"}));
              const Kind = event === "paste" ? ClipboardEvent : DragEvent;
              document.body.dispatchEvent(
                new Kind(event, {[field]: transfer, bubbles: true, cancelable: true}));
            }""",
            [list(png(3 if event == "paste" else 4)), event, field],
        )
        page.wait_for_function(
            "before => (document.querySelector('#view img')?.src || before) !== before", arg=before
        )
        before = source(page)
