"""The page in a real browser, as people use it."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from web_models import NAMES
from web_pictures import black, png

from agcam.web.offered import OFFERED
from browser import serious

CAPTION = "#viewer .agcam-caption"
BARS = "#viewer .agcam-targets button"
PROBLEM = "[role=alert]:not([hidden])"


def give(page, data, name="cat.png", kind="image/png"):
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": data})


def shown(page):
    """The class whose map is shown, once there is one."""
    page.wait_for_selector(f"{BARS}[aria-pressed=true]")
    return page.inner_text(f"{BARS}[aria-pressed=true] .agcam-name")


def press(page, number):
    """Press a bar; returns the class's name once its map is shown."""
    bar = page.locator(BARS).nth(number)
    name = bar.locator(".agcam-name").inner_text()
    bar.click()
    await_caption(page, f"what speaks for {name} (")
    return name


def await_caption(page, text):
    page.wait_for_function(
        "([at, text]) => document.querySelector(at)?.innerText.startsWith(text)",
        arg=[CAPTION, text],
    )


def pixels(page):
    """What is drawn, once the frame is over."""
    return page.evaluate(
        """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
             done(document.querySelector("#viewer canvas").toDataURL()))))"""
    )


def decoded(page):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(pixels(page).partition(",")[2]))))


def problem(page):
    page.wait_for_selector(PROBLEM)
    return page.inner_text(PROBLEM)


def choose(page, label, name):
    page.get_by_label(label, exact=True).select_option(name)


def requests_of(page):
    """The paths that the page asks for from now on."""
    paths = []
    page.on("request", lambda request: paths.append(request.url.split("/", 3)[3].split("?")[0]))
    return paths


def test_upload_and_three_classes_without_another_request(visit):
    page = visit()
    give(page, png(0))
    first = shown(page)
    assert page.locator(BARS).count() == 5
    requested = requests_of(page)
    maps = {press(page, number): pixels(page) for number in (1, 2, 0)}
    assert len(maps) == len(set(maps.values())) == 3
    assert first in maps
    extent = page.get_by_label("agcam_spread – extent: the whole object")
    before = pixels(page)
    extent.check()
    page.wait_for_function(  # drawn with the next frame
        "at => document.querySelector(at).innerText.includes('by agcam_spread – extent')",
        arg=CAPTION,
    )
    assert page.inner_text(CAPTION).startswith(f"what speaks for {first} (")
    assert pixels(page) != before
    assert requested == []  # the first answer holds the maps of five classes by both methods
    page.get_by_label("agcam – evidence: what the classifier read").check()
    pixels(page)  # the frame is over
    text = page.get_attribute("#viewer .agcam-panes", "aria-label")
    assert re.match(rf"Heat map by agcam, what speaks for {re.escape(first)} .*: highest", text)


def test_the_preparation_is_shown_and_whether_it_is_a_guess(visit):
    page = visit("?model=other")
    give(page, png(0))
    shown(page)
    page.get_by_text("How this map was made").click()
    made = page.inner_text("#viewer .agcam-about")
    assert "32x32, crop" in made
    assert "(a guess, somebody's usual one)" in made
    choose(page, "Model", "tiny")
    page.wait_for_url("**model=tiny**")
    assert "a guess" not in page.inner_text("#viewer .agcam-about")


def test_a_slow_answer_never_replaces_a_newer_one(visit):
    page = visit()
    held = []
    page.route("**/card", lambda route: route.continue_() if held else held.append(route))
    give(page, png(1), "first.png")
    page.wait_for_function("() => document.querySelector('#status').innerText.includes('looks')")
    give(page, png(2), "second.png")
    shown(page)
    assert page.inner_text("#viewer h2") == "second.png"
    held[0].abort()
    page.wait_for_timeout(200)
    assert page.inner_text("#viewer h2") == "second.png"
    assert page.locator(PROBLEM).count() == 0


def test_a_bad_picture_does_not_lose_the_one_before_that_is_under_way(visit):
    page = visit()
    held = []

    def hold(route):
        held.append(route)

    page.route("**/card", hold)
    give(page, png(1), "good.png")
    page.wait_for_function("() => document.querySelector('#status').innerText.includes('looks')")
    give(page, b"no picture", "bad.png")
    assert "not a picture" in problem(page)
    held[0].continue_()
    shown(page)
    assert page.inner_text("#viewer h2") == "good.png"
    assert "not a picture" in problem(page)
    assert problem(page).startswith("bad.png: ")
    assert problem(page).endswith("Below is still the picture before it, good.png.")


def test_maps_that_come_late_are_not_shown_over_newer_ones(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    held = []
    page.route("**/map", lambda route: held.append(route) if not held else route.continue_())
    choose(page, "Another method", "rollout")
    page.wait_for_function("() => document.querySelector('[aria-busy=true]')")
    choose(page, "Another method", "raw_attention")
    await_caption(page, "raw_attention does not know classes")
    held[0].continue_()
    page.wait_for_timeout(300)
    assert page.inner_text(CAPTION).startswith("raw_attention")


def test_fast_presses_are_never_lost(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    bars = page.locator(BARS)
    names = bars.locator(".agcam-name").all_inner_texts()
    for number in (1, 2, 3, 4, 1, 2):
        bars.nth(number).click()
    await_caption(page, f"what speaks for {names[2]} (")
    page.wait_for_timeout(200)
    assert shown(page) == names[2]


def test_another_class_by_typing_its_name_or_number(visit):
    page = visit()
    give(page, png(1))
    shown(page)
    for text, name in (("zeb", "zebra"), ("9", "ox")):
        box = page.get_by_label("Another class")
        box.fill(text)
        page.wait_for_selector(f"{BARS}:has-text('{name}')")
        box.press("Enter")
        await_caption(page, f"what speaks for {name} (")
        page.wait_for_url(f"**class={NAMES.index(name)}*")


def test_two_classes_of_one_name_are_found_by_their_numbers(visit):
    page = visit()
    give(page, png(1))
    shown(page)
    seen = set()
    for place in range(2):  # one that is listed already stands first
        page.get_by_label("Another class").fill("crane")
        page.wait_for_function("at => document.querySelectorAll(at).length === 2", arg=BARS)
        page.locator(BARS).nth(place).click()
        page.wait_for_url(re.compile("class=[45]" if not seen else f"class={9 - min(seen)}"))
        seen.add(int(re.search(r"class=(\d)", page.url)[1]))
    assert {NAMES[number] for number in seen} == {"crane"}


@pytest.mark.parametrize(("number", "name"), [(2, "${1+1} {{ x }}"), (3, "<b>bold</b>")])
def test_names_are_text_and_never_code(visit, number, name):
    page = visit(f"?class={number}")
    give(page, png(2), "<img src=x onerror=alert(1)>.png")
    assert shown(page) == name
    assert page.inner_text("#viewer h2") == "<img src=x onerror=alert(1)>.png"
    assert page.locator("#viewer b, img[src=x]").count() == 0


def test_threshold_and_opacity_need_no_request(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    requested = requests_of(page)
    page.get_by_label("Boxes above the threshold").check()
    page.wait_for_selector("#viewer .agcam-pane rect", state="attached")
    few = page.locator("#viewer .agcam-found").count()
    set_slider(page, "Threshold", 0.9)
    page.wait_for_url("**threshold=0.9**")
    assert page.locator("#viewer .agcam-found").count() != few
    before = pixels(page)
    set_slider(page, "Opacity of the map", 0.3)
    page.wait_for_url("**opacity=0.3**")
    assert pixels(page) != before
    assert requested == []


def set_slider(page, label, value):
    slider = page.locator("input[type=range]").and_(page.get_by_label(label))
    slider.fill(str(value))


def test_compare_methods(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    page.get_by_text("Compare methods").click()
    for name in OFFERED:
        page.get_by_role("checkbox", name=name, exact=True).check()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_selector("#compared .agcam-gallery li")
    named = page.locator("#compared .agcam-gallery .agcam-name").all_inner_texts()
    assert named == list(OFFERED)
    refused = page.locator("#compared .agcam-refused").count()
    canvases = "[...document.querySelectorAll('#compared .agcam-gallery canvas')]"
    assert page.evaluate(f"{canvases}.length") + refused == len(named)
    different = f"new Set({canvases}.map((c) => c.toDataURL())).size"
    page.wait_for_function(f"{different} > {len(named) // 2}")


def test_blocks_and_heads_follow_the_class(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    page.get_by_text("Blocks and heads").click()
    page.wait_for_selector("#viewer .agcam-parts")
    assert page.locator("#viewer .agcam-parts tbody tr").count() == 2
    assert page.locator("#viewer .agcam-parts tbody canvas").count() == 2 * (1 + 3)
    shares = page.locator("#viewer .agcam-parts tbody th span").all_inner_texts()
    assert sum(float(share.split()[0]) for share in shares) == pytest.approx(100, abs=0.2)
    name = press(page, 1)
    page.wait_for_function(
        "n => document.querySelector('#viewer details').innerText.includes(`map of ${n};`)",
        arg=name,
    )


def test_downloads(visit):
    page = visit()
    give(page, png(0), "my cat.png")
    shown(page)
    name = press(page, 1)
    page.get_by_text("How this map was made").click()
    files = {}
    for link in page.locator("#viewer a[download]").all():
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
    assert manifest["weights_sha256"] in page.inner_text("#viewer .agcam-about")
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
def test_bad_pictures_are_refused_in_a_sentence_and_lose_nothing(visit, data, words):
    page = visit()
    give(page, data, "<b>bad</b>.png")
    assert problem(page).startswith("<b>bad</b>.png: ")  # and nothing is shown below
    assert "Below" not in problem(page)
    give(page, png(0))
    page.wait_for_selector(PROBLEM, state="detached")
    before = shown(page)
    give(page, data, "<b>bad</b>.png")
    assert words in problem(page)
    assert problem(page).startswith("<b>bad</b>.png: ")
    assert problem(page).endswith("Below is still the picture before it, cat.png.")
    assert shown(page) == before
    press(page, 1)  # what is below can be worked with; it is not the answer
    assert problem(page).endswith("cat.png.")
    give(page, png(1))
    page.wait_for_selector(PROBLEM, state="detached")


def test_a_file_that_is_no_picture_and_an_address_are_refused(visit):
    page = visit()
    give(page, b"text", "a.txt", "text/plain")
    assert problem(page) == "a.txt: This is not a picture file."
    drop(page, "drop", "dataTransfer", None)
    page.wait_for_function(
        "() => document.querySelector('#problem').innerText.startsWith('What you dropped: Only')"
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways(visit, width):
    page = visit(width=width, height=844)
    give(page, png(0, (300, 900)))
    shown(page)
    for name in ("Compare methods", "Blocks and heads", "How this map was made"):
        page.get_by_text(name).click()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_selector("#viewer .agcam-parts")
    page.wait_for_selector("#compared .agcam-gallery")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for button in page.locator(f"{BARS}, #give > .row > button:visible").all():
        assert button.bounding_box()["height"] >= 40  # a thumb's width


def test_by_keyboard_alone(visit):
    page = visit()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.title") == "coffee":
            break
    page.keyboard.press("Enter")
    shown(page)
    second = f"document.activeElement === document.querySelectorAll('{BARS}')[1]"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(second):
            break
    wanted = page.evaluate("document.activeElement.querySelector('.agcam-name').innerText")
    page.keyboard.press("Enter")
    await_caption(page, f"what speaks for {wanted} (")
    assert page.evaluate(second)  # the focus stays


def test_pictures_and_controls_have_names(visit):
    page = visit()
    page.get_by_role("button", name="coffee").click()
    shown(page)
    for image in page.locator("img").all():
        assert image.get_attribute("alt")
    for control in page.locator("button:visible, input:visible, select:visible, a:visible").all():
        assert control.evaluate(
            "e => (e.ariaLabel || e.innerText || e.title || e.labels?.[0]?.innerText"
            " || e.querySelector('img')?.alt || '').trim()"
        )


def test_a_link_restores_the_view(visit):
    page = visit()
    page.get_by_role("button", name="coffee").click()
    shown(page)
    press(page, 2)
    page.get_by_label("Boxes above the threshold").check()
    choose(page, "Colours", "cividis")
    page.get_by_text("Blocks and heads").click()
    page.wait_for_selector("#viewer .agcam-parts")
    page.wait_for_url("**parts=1**")
    restored = visit(page.url.split("/")[-1])
    assert shown(restored) == shown(page)
    restored.wait_for_selector("#viewer .agcam-parts")
    drawn = [decoded(each).astype(int) for each in (page, restored)]
    assert np.abs(drawn[0] - drawn[1]).max() <= 8  # one class alone is rounded otherwise than five
    assert restored.get_by_label("Boxes above the threshold").is_checked()
    rects = [each.locator("#viewer .agcam-found").count() for each in (page, restored)]
    assert rects[0] == rects[1] > 0


def test_sharper_maps_stay_with_every_class_and_the_link(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    page.check("#refine")
    page.wait_for_selector(f"{CAPTION}:has-text('guided filter')")
    choose(page, "Views of the picture that are averaged", "2")
    page.wait_for_selector(f"{CAPTION}:has-text('2 views')")
    press(page, 1)
    assert "guided filter" in page.inner_text(CAPTION)
    page.wait_for_url("**refine=1&views=2**")
    restored = visit(page.url.split("/")[-1])
    assert restored.get_by_label("Sharpen the map by the picture's edges").is_checked()


def test_a_link_says_that_an_uploaded_picture_is_not_in_it(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    name = press(page, 1)
    page.wait_for_url(f"**class={NAMES.index(name)}")
    assert "everything but your picture" in page.inner_text("#share")
    restored = visit(page.url.split("/")[-1])
    give(restored, png(0))
    assert shown(restored) == name


@pytest.mark.parametrize(
    "query",
    ["?class=99999", "?model=nobody", "?threshold=x&opacity=-1", "?class=-1&method=%00", "?%ff"],
)
def test_a_link_that_fits_nothing_is_no_harm(visit, query):
    page = visit(query)
    give(page, png(0))
    assert shown(page)


def test_another_model_and_descriptions(visit):
    page = visit()
    give(page, png(0))
    shown(page)
    choose(page, "Model", "other")
    page.wait_for_url("**model=other**")
    assert shown(page) in {"one", "two", "three"}
    prompts = page.get_by_label("Descriptions to compare, one a line")
    assert not prompts.is_visible()
    prompts.evaluate("(e) => { e.value = ''; }")
    choose(page, "Model", "words")
    assert "describe what to look for" in problem(page)
    assert shown(page) in {"one", "two", "three"}
    prompts.fill("a lynx\n<img src=x onerror=alert(1)> ${2*21} {{ y }}")
    page.get_by_role("button", name="Compare with these descriptions").click()
    page.wait_for_url("**prompt=a+lynx**")
    names = page.locator(f"{BARS} .agcam-name").all_inner_texts()
    assert set(names) == {"a lynx", "<img src=x onerror=alert(1)> ${2*21} {{ y }}"}
    assert page.locator("img[src=x]").count() == 0


def test_two_visitors_do_not_see_each_others_pictures(visit):
    one, two = visit(), visit()
    give(one, png(0))
    give(two, png(1))
    shown(one), shown(two)
    assert pixels(one) != pixels(two)
    link = one.locator("#viewer a[download]").first.get_attribute("href")
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
        page.locator("#viewer a[download]").first.click()
    after = {path: size for path, size in server.files().items() if "matplotlib" not in path.parts}
    assert after == {path: size for path, size in before.items() if path in after}  # but its fonts
    assert not (server.home / "called-out").exists()  # nor did the server call anybody


def test_a_picture_is_pasted_and_dropped(visit):
    page = visit()
    for number, (event, field) in enumerate((("paste", "clipboardData"), ("drop", "dataTransfer"))):
        drop(page, event, field, list(png(3 + number)))
        page.wait_for_function(
            "name => document.querySelector('#viewer h2')?.innerText === name", arg=f"{event}.png"
        )
        shown(page)


def drop(page, event, field, data):
    """Paste or drop a file of these bytes, or no file at all."""
    page.evaluate(
        """([bytes, event, field]) => {
          const transfer = new DataTransfer();
          if (bytes) {
            const file = new File([new Uint8Array(bytes)], `${event}.png`, {type: "image/png"});
            transfer.items.add(file);
          }
          const Kind = event === "paste" ? ClipboardEvent : DragEvent;
          document.body.dispatchEvent(
            new Kind(event, {[field]: transfer, bubbles: true, cancelable: true}));
        }""",
        [data, event, field],
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_use_the_page_and_the_description_of_the_api(visit, width):
    page = visit(width=width)
    assert serious(page) == []
    give(page, png(0))
    shown(page)
    for closed in page.locator("summary:visible").all():
        closed.click()
    page.wait_for_selector("#viewer .agcam-parts")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_selector("#compared .agcam-gallery")
    assert serious(page) == []
    page.goto(page.url.split("?")[0] + "docs")
    page.wait_for_selector(".agcam-table")
    assert serious(page) == []


def test_the_api_is_shown(visit):
    page = visit()
    requested = requests_of(page)
    page.goto(page.url.split("?")[0] + "docs")
    page.wait_for_selector(".agcam-table")
    assert requested == ["docs"]  # nor an icon
    named = page.locator(".agcam-report h2").all_inner_texts()
    addresses = ["POST /explain", "GET /models", "GET /methods", "GET /health"]
    assert [name for name in named if ":" not in name] == addresses
    text = page.inner_text("main")
    assert "\\n" not in text
    for part in ("multipart/form-data", "Class numbers or names", "422:", "list of", "grid"):
        assert part in text
