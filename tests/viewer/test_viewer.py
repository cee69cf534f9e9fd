"""The viewer at work in a real browser: presses, keys, zoom, boxes, parts, maps from hooks."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from agcam.maps import overlay, resize_map, to_pixels
from agcam.metrics.localization import predicted_boxes
from agcam.values import Answer, BoxCase, Frame
from agcam.viewer import (
    ASSETS,
    Card,
    Document,
    MapData,
    MethodData,
    Picture,
    TargetData,
    card_json,
    embedded,
    gallery_block,
    page,
    table_block,
)
from agcam.viewer.data import document_json
from browser import processor_ms, serious

HOST = "http://viewer.test/"
NAMES = ("tabby", "lynx", "<b>dog</b>", "fox", "wolf", "bear", "hare", "deer", "boar", "elk")


def picture(size=(300, 200), seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def grids(count, shape=(14, 14), seed=2):
    return np.random.default_rng(seed).gamma(0.5, size=(count, *shape)).astype(np.float32)


def card(targets=4, window=(50.0, 0.0, 250.0, 200.0), title="cat.png", **more):
    parts = 0.5 ** np.arange(1, targets + 1)
    answers = [Answer(NAMES[n % 10], n, 5.0 - n, float(parts[n])) for n in range(targets)]
    maps = [MapData("agcam", n, grid) for n, grid in enumerate(grids(targets))]
    return Card(
        title,
        embedded(picture()),
        window,
        tuple(map(TargetData.of, answers)),
        (
            MethodData("agcam", class_specific=True, label="evidence", cite="somebody"),
            MethodData("rollout", class_specific=False),
            MethodData("gae", class_specific=True, refusal="the model has no gradient"),
        ),
        (*maps, MapData("rollout", None, grids(1, seed=9)[0])),
        facts=(("Model", "tiny"),),
        **more,
    )


def opened(visit, *cards, width=1280, **options):
    view = visit(page(Document("cats"), cards or [card()]), width=width, **options)
    view.wait_for_selector(".agcam-legend:visible, .agcam-gallery button")
    return view


def settle(view):
    """Wait until the screen shows what the state says."""
    frame = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))"
    for _ in range(2):
        view.evaluate(frame)


def caption(view):
    settle(view)
    return view.inner_text(".agcam-caption")


def drawn(view, number=0):
    return view.locator(".agcam-pane canvas").nth(number).evaluate("c => c.toDataURL()")


def test_classes_and_methods_are_pressed(visit):
    view = opened(visit)
    assert caption(view) == "what speaks for tabby (50.0 %), by agcam – evidence"
    first = drawn(view)
    view.locator(".agcam-targets button").nth(2).click()
    assert caption(view).startswith("what speaks for <b>dog</b> (12.5 %)")
    assert drawn(view) != first
    assert view.locator(".agcam-targets button[aria-pressed=true]").count() == 1
    view.get_by_label("Another method").select_option("rollout")
    assert caption(view) == "rollout does not know classes: one map for all of them"
    assert view.locator(".agcam-targets button:enabled").count() == 0
    assert view.locator("option[value=gae]").is_disabled()
    assert view.locator(".agcam-stage b").count() == 0
    view.get_by_text("How this map was made").click()
    assert "the model has no gradient" in view.inner_text(".agcam-about")
    assert "somebody" in view.inner_text(".agcam-about")


def test_views_opacity_and_colours_change_what_is_drawn(visit):
    view = opened(visit)
    seen = {"overlay": drawn(view)}
    for name in ("Map", "Picture", "Slider"):
        view.get_by_label(name, exact=True).check()
        caption(view)
        seen[name] = drawn(view)
    assert len(set(seen.values())) == 4
    view.get_by_label("Side by side").check()
    caption(view)
    assert (drawn(view, 0), drawn(view, 1)) == (seen["Picture"], seen["overlay"])
    view.get_by_label("Overlay", exact=True).check()
    slider = view.get_by_label("Opacity of the map")
    slider.press("Home")
    caption(view)
    assert view.inner_text(".agcam-controls output >> nth=0") == "0 %"
    slider.press("End")
    view.get_by_label("Colours", exact=True).select_option("cividis")
    caption(view)
    assert drawn(view) not in seen.values()
    assert view.get_by_label("Colours", exact=True).input_value() == "cividis"


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_boxes_are_those_of_the_protocol(visit, threshold):
    given = card()
    view = visit(page(Document(view={"threshold": threshold, "boxes": True}), [given]))
    view.wait_for_selector(".agcam-found")
    sides = "e => ['x', 'y', 'width', 'height'].map(n => Number(e.getAttribute(n)))"
    found = [one.evaluate(sides) for one in view.locator("rect.agcam-found").all()]
    case = BoxCase(resize_map(given.maps[0].values, 224), np.zeros((0, 4)))
    left, top, right, bottom = given.window
    size = np.array([right - left, bottom - top] * 2) / 224
    boxes = predicted_boxes(case, threshold) * size + [left, top, left, top]
    wanted = [[a, b, c - a, d - b] for a, b, c, d in boxes.tolist()]
    assert len(found) == len(wanted) > 0
    np.testing.assert_allclose(sorted(found), sorted(wanted), atol=1e-3)


def test_the_contour_runs_where_the_map_crosses_the_threshold(visit):
    values = np.tile(np.linspace(0, 1, 14, dtype=np.float32), (14, 1))
    one = card(1)
    given = Card(one.title, one.picture, one.window, one.targets, one.methods[:1],
                 (MapData("agcam", 0, values),))  # fmt: skip
    view = visit(page(Document(view={"contour": True}), [given]))
    view.wait_for_selector("path.agcam-found", state="attached")
    path = view.locator("path.agcam-found").first.get_attribute("d")
    across = [float(x) for x, _ in re.findall(r"[ML](\S+) ([^ML]+)", path)]
    assert np.allclose(across, 0.5, atol=2 / 224)


def test_by_keyboard_alone(visit):
    view = opened(visit)
    reach(view, "document.activeElement.matches('.agcam-panes')")
    view.keyboard.press("ArrowRight")
    view.keyboard.press("ArrowDown")
    settle(view)
    read = view.inner_text(".agcam-readout")
    grid = grids(4)[0]
    row, column, value = re.match(r"row (\d+), column (\d+): (\S+),", read).groups()
    assert float(value) == pytest.approx(grid[int(row) - 1, int(column) - 1], rel=5e-3)
    before = drawn(view)
    view.keyboard.press("+")
    caption(view)
    assert view.locator(".agcam-zoomed").count() == 1
    assert drawn(view) != before
    zoomed = drawn(view)
    view.keyboard.press("Shift+ArrowRight")
    caption(view)
    assert drawn(view) != zoomed
    view.keyboard.press("0")
    caption(view)
    assert drawn(view) == before
    reach(view, "document.activeElement.matches('.agcam-targets li:nth-child(2) button')")
    view.keyboard.press("Enter")
    assert caption(view).startswith("what speaks for lynx")
    reach(view, "document.activeElement.type === 'radio'")
    view.keyboard.press("ArrowRight")
    assert view.evaluate("document.activeElement.checked")


def reach(view, condition):
    for _ in range(60):
        view.keyboard.press("Tab")
        if view.evaluate(condition):
            return
    pytest.fail(f"never reached: {condition}")


def test_the_pointer_reads_a_patch(visit):
    view = opened(visit)
    area = view.locator(".agcam-pane canvas").first.bounding_box()
    view.mouse.move(area["x"] + area["width"] * 0.5, area["y"] + area["height"] * 0.01)
    assert view.inner_text(".agcam-readout").startswith("row 1, column 8: ")
    view.mouse.move(area["x"] + area["width"] * 0.05, area["y"] + area["height"] / 2)
    assert view.inner_text(".agcam-readout") == ""  # the model saw nothing there


def test_pictures_first_and_back_again(visit):
    view = opened(visit, card(title="a.png"), Card("bad.png", error="is torn"), card(title="c.png"))
    buttons = view.locator(".agcam-gallery button")
    assert buttons.count() == 3
    assert "is torn" in buttons.nth(1).inner_text()
    assert "tabby 50.0 %" in buttons.nth(2).inner_text()
    buttons.nth(2).click()
    settle(view)
    assert view.inner_text(".agcam-detail h2") == "c.png"
    assert view.get_by_label("The next picture").is_disabled()
    view.get_by_label("The picture before").click()
    settle(view)
    assert view.inner_text(".agcam-problem:visible") == "is torn"
    view.keyboard.press("Escape")
    view.wait_for_selector(".agcam-gallery:visible")


def test_blocks_and_heads_are_parts_of_the_map(visit):
    values = grids(2 * 3, (14, 14)).reshape(2, 3, 14, 14)
    view = opened(visit, card(parts=(MapData("agcam", 0, values),)))
    view.get_by_text("Blocks and heads").click()
    view.wait_for_selector(".agcam-parts")
    assert view.locator(".agcam-parts canvas").count() == 2 * (1 + 3)
    shares = [float(text.split()[0]) for text in
              view.locator(".agcam-parts tbody th span").all_inner_texts()]  # fmt: skip
    assert sum(shares) == pytest.approx(100, abs=0.2)
    whole = drawn(view)
    view.get_by_label(re.compile("block 2, head 1")).click()
    assert caption(view).startswith("block 2, head 1: what speaks for tabby")
    assert drawn(view) != whole


def test_on_a_phone_the_picture_stays_in_view(visit):
    view = opened(visit, card(10), width=390, height=844, has_touch=True)
    view.locator(".agcam-ticks").scroll_into_view_if_needed()
    area = view.locator(".agcam-pane canvas").first.bounding_box()
    assert area["y"] >= 0
    assert area["y"] + area["height"] < 844 / 2
    assert view.evaluate("document.documentElement.scrollWidth") == 390
    for button in view.locator(".agcam-targets button:visible, .agcam-links button").all():
        assert button.bounding_box()["height"] >= 44  # a thumb's width


def test_tables_sort_by_number(visit):
    rows = [["b", "9"], ["a", "10.5"], ["c", {"text": "-", "sort": None}]]
    table = table_block("costs", ["method", "seconds"], rows)
    view = visit(page(Document(blocks=[table]), []))
    first = view.locator(".agcam-table tbody th")
    head = view.get_by_role("button", name="seconds")
    head.click()
    expect(first).to_have_text(["a", "b", "c"])
    head.click()
    expect(first).to_have_text(["b", "a", "c"])
    view.get_by_role("button", name="method").click()
    expect(first).to_have_text(["c", "b", "a"])


def sheet():
    """A row of methods for each of two targets."""
    found = [{"method": n, "caption": n, "scale": True} for n in ("agcam", "rollout")]
    refused = {"caption": "gae", "refusal": "the model has no gradient"}
    return [
        gallery_block(NAMES[n], [*({**one, "card": 0, "target": n} for one in found), refused])
        for n in range(2)
    ]


def test_a_sheet_shows_every_method_at_any_width(visit):
    for width in (390, 1280):
        made = page(Document(blocks=sheet()), [card()])
        view = visit(made, width=width)
        view.wait_for_selector(".agcam-gallery button")
        assert view.locator(".agcam-gallery li").count() == 2 * 3
        assert view.evaluate("document.documentElement.scrollWidth") == width
        assert view.locator(".agcam-refused").first.inner_text().endswith("has no gradient")
        view.locator(".agcam-gallery button").nth(2).click()  # the second target, by agcam
        assert caption(view).startswith("what speaks for lynx")


def spend(view, program, steps=30):
    """Processor time of a step, in ms: `program(step)` and the frame that shows it."""
    run = f"""async (steps) => {{
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      const act = {program};
      for (let step = 0; step < steps; step++) {{ act(step); await frame(); }}
      await frame();
    }}"""
    view.evaluate(run, 5)
    return processor_ms(lambda: view.evaluate(run, steps)) / steps


FRAME = 1000 / 60


def test_another_class_of_a_thousand_is_drawn_within_a_frame(visit):
    values = grids(1000)
    targets = tuple(TargetData(f"class {n}", n, 0.0, 0.001, "0.1 %", "0.1 %") for n in range(1000))
    maps = tuple(MapData("agcam", n, grid) for n, grid in enumerate(values))
    given = card()
    large = embedded(picture((900, 600)))
    view = opened(visit, Card("many", large, (150, 0, 750, 600), targets, given.methods[:1], maps))
    view.get_by_text("Show all 1000").click()
    press = "(step) => document.querySelectorAll('.agcam-targets button')[step].click()"
    assert spend(view, press) < 2 * FRAME  # half of it on a machine that does nothing else
    view.get_by_label("Another class").fill("class 977")
    view.locator(".agcam-targets button").first.click()
    assert caption(view).startswith("what speaks for class 977")


@pytest.mark.parametrize("width", [390, 1280])
def test_a_slider_moves_over_twelve_megapixels_at_the_rate_of_the_screen(visit, width):
    large = embedded(picture((4000, 3000)), side=4000)
    given = card(2, (500.0, 0.0, 3500.0, 3000.0))
    view = opened(visit, replace(given, picture=large), width=width)
    move = """(step) => {
      const slider = document.querySelector('.agcam-controls input[type=range]');
      slider.value = step / 30;
      slider.dispatchEvent(new Event('input'));
    }"""
    assert spend(view, move) < 2 * FRAME  # benchmarks/viewer.py has the figures
    draws = """async (moves) => {
      const real = CanvasRenderingContext2D.prototype.putImageData;
      let count = 0;
      CanvasRenderingContext2D.prototype.putImageData = function (...given) {
        count += 1;
        return real.apply(this, given);
      };
      const move = %s;
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      for (let step = 0; step < moves; step++) move(step);
      await frame();
      await frame();
      return count;
    }"""
    assert view.evaluate(draws % move, 20) == 1  # however many moves there are within a frame


def two_methods(**more):
    given = card(**more)
    second = MethodData("agcam_spread", class_specific=True, label="extent")
    maps = [MapData("agcam_spread", n, grid) for n, grid in enumerate(grids(4, seed=5))]
    return replace(given, methods=(given.methods[0], second), maps=(*given.maps[:4], *maps))


def test_two_methods_are_one_press_apart_or_side_by_side(visit):
    view = opened(visit, two_methods())
    evidence = drawn(view)
    view.get_by_label("agcam_spread – extent").check()
    assert caption(view) == "what speaks for tabby (50.0 %), by agcam_spread – extent"
    extent = drawn(view)
    assert extent != evidence
    view.get_by_label("agcam – evidence").check()
    view.get_by_label("Two methods").check()
    settle(view)
    assert (drawn(view, 0), drawn(view, 1)) == (evidence, extent)
    names = view.locator(".agcam-pane-name:visible").all_inner_texts()
    scales = [re.match(r"agcam(_spread)? – (?:evidence|extent) \((.*) to (.*)\)", n) for n in names]
    for scale, grid in zip(scales, (grids(4)[0], grids(4, seed=5)[0]), strict=True):
        assert float(scale[3]) == pytest.approx(grid.max(), rel=0.1)
    for pane, grid in enumerate((grids(4)[0], grids(4, seed=5)[0])):  # each reads its own map
        area = view.locator(".agcam-pane canvas").nth(pane).bounding_box()
        view.mouse.move(area["x"] + area["width"] * 0.5, area["y"] + area["height"] * 0.01)
        read = view.inner_text(".agcam-readout")
        assert float(read.split(": ")[1].split(",")[0]) == pytest.approx(grid[0, 7], rel=5e-3)
    view.locator(".agcam-targets button").nth(1).click()
    settle(view)
    assert drawn(view, 0) not in (evidence, extent)
    assert drawn(view, 1) not in (evidence, extent)
    assert opened(visit, card(1)).get_by_label("Two methods").count() == 1  # rollout is the second
    single = replace(card(1), methods=card(1).methods[:1])
    assert opened(visit, single).get_by_label("Two methods").count() == 0


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("mode", ["Two methods", "Side by side"])
def test_two_pictures_stand_beside_each_other(visit, width, mode):
    view = opened(visit, two_methods(), width=width)
    single = view.locator(".agcam-pane canvas").first.bounding_box()
    view.get_by_label(mode).check()
    settle(view)
    left, right = (view.locator(".agcam-pane canvas").nth(n).bounding_box() for n in range(2))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    assert left["width"] == right["width"] < single["width"]


def test_two_fingers_zoom_and_move_the_picture(visit):
    view = opened(visit, card(), width=390, height=844, has_touch=True, is_mobile=True)
    whole = drawn(view)
    area = view.locator(".agcam-pane canvas").first.bounding_box()
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    fingers = view.context.new_cdp_session(view)

    def touch(kind, *places):
        points = [{"x": a, "y": b, "id": number} for number, (a, b) in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (x - 20, y), (x + 20, y))
    for wide in (30, 40, 50, 60):
        touch("touchMove", (x - wide, y), (x + wide, y))
    touch("touchEnd")
    settle(view)
    assert view.locator(".agcam-zoomed").count() == 1
    closer = drawn(view)
    assert closer != whole
    assert view.evaluate("visualViewport.scale") == 1  # the picture, not the page
    touch("touchStart", (x, y))
    touch("touchMove", (x - 40, y))
    touch("touchEnd")
    settle(view)
    assert drawn(view) not in (whole, closer)
    view.get_by_label("Show all of it").click()
    settle(view)
    assert drawn(view) == whole


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_use_every_kind_of_page(visit, width, scheme):
    parts = (MapData("agcam", 0, grids(6).reshape(2, 3, 14, 14)),)
    table = table_block("costs", ["method", "seconds"], [["a", "1"]])
    pages = {
        "one": page(Document("cats", "lead", "made by"), [two_methods(parts=parts)]),
        "many": page(Document("cats"), [card(title="a"), Card("b", error="is torn")]),
        "sheet": page(Document("cats", blocks=[*sheet(), table]), [card()]),
        "report": page(Document("cats", blocks=[table]), [card()]),
    }
    for name, text in pages.items():
        view = visit(text, width=width, color_scheme=scheme)
        view.wait_for_selector(".agcam-legend:visible, .agcam-gallery button, .agcam-table button")
        for closed in view.locator("summary:visible").all():
            closed.click()
        settle(view)
        assert serious(view) == [], name


def test_a_head_that_a_block_lacks_is_not_shown(visit):
    values = grids(2 * 3, (14, 14)).reshape(2, 3, 14, 14)
    values[0, 2] = np.nan
    view = opened(visit, card(parts=(MapData("agcam", 0, values),)))
    view.get_by_text("Blocks and heads").click()
    view.wait_for_selector(".agcam-parts")
    assert view.locator(".agcam-parts canvas").count() == 2 + 3 + 2
    shares = view.locator(".agcam-parts tbody th span").all_inner_texts()
    assert sum(float(text.split()[0]) for text in shares) == pytest.approx(100, abs=0.2)


def test_a_picture_that_scripts_may_not_read_is_drawn_in_layers(visit, tmp_path):
    """A page of very many pictures names their files, which a browser keeps from scripts."""
    picture((150, 100)).save(tmp_path / "cat.png")
    given = card(1, (25.0, 0.0, 125.0, 100.0))
    named = replace(given, picture=Picture("cat.png", 150, 100))
    view = opened(visit, named)
    view.locator(".agcam-stage").screenshot(path=tmp_path / "shot.png")
    area = view.locator(".agcam-pane canvas").first.bounding_box()
    with Image.open(tmp_path / "shot.png") as shot:
        seen = np.asarray(shot.convert("RGB").crop((0, 0, int(area["width"]), int(area["height"]))))
    values = to_pixels(given.maps[0].values[None], Frame(150, 100, given.window)).normalized()[0]
    ours = overlay(picture((150, 100)), values).resize(seen.shape[1::-1], Image.Resampling.BILINEAR)
    inside = slice(seen.shape[1] // 4, 3 * seen.shape[1] // 4)
    assert np.abs(seen[:, inside].astype(int) - np.asarray(ours, int)[:, inside]).mean() < 8


# Maps that are fetched later, as a server's page does


PROGRAM = """
import {{ mount }} from "./viewer.js";
const given = {given};
window.fetched = [];
window.states = [];
const later = (value) => new Promise((done) => setTimeout(() => done(value), 60));
window.viewer = mount(document.querySelector("main"), given, {{
  fetchMap: async (card, method, target) => {{
    window.fetched.push([method, target.name]);
    if (target.name === "fox") throw new Error("no <b>fox</b> here");
    return later({{ shape: [1, 2], values: [[1, 2]], target: {{ score: "33.3 %" }} }});
  }},
  downloads: (card, method, target) => [
    {{ text: "numbers", href: `map.npy?${{target.index}}`, name: "map.npy" }},
  ],
  onState: (state) => window.states.push(state),
}});
"""


@pytest.fixture
def served(chromium):
    """The viewer as a server serves it: modules of their own, and maps that come later."""
    problems = []
    context = chromium.new_context()
    view = context.new_page()
    view.on("pageerror", lambda error: problems.append(str(error)))
    given = {**document_json(Document()), "cards": [card_json(card())]}
    given["cards"][0]["maps"] = given["cards"][0]["maps"][:1]
    further = {"index": 77, "name": "zebra", "score": "", "further": True}
    given["cards"][0]["targets"].append(further)
    files = {file.name: file.read_text("utf-8") for file in ASSETS.iterdir()}
    files["program.js"] = PROGRAM.format(given=json.dumps(given))
    files["page"] = (
        "<!doctype html><title>x</title><link rel=stylesheet href=viewer.css>"
        "<main></main><script type=module src=program.js></script>"
    )
    kinds = {"js": "text/javascript", "css": "text/css", "page": "text/html"}

    def answer(route):
        name = route.request.url.removeprefix(HOST)
        route.fulfill(body=files[name], content_type=kinds[name.split(".")[-1]])

    context.route(f"{HOST}**", answer)
    view.goto(f"{HOST}page")
    view.wait_for_selector(".agcam-legend:visible")
    yield view
    context.close()
    assert problems == []


def test_a_map_is_fetched_once_and_an_old_answer_never_comes_in_later(served):
    bars = served.locator(".agcam-targets button")
    for number in (1, 2, 0, 1, 2):
        bars.nth(number).click()
        served.wait_for_timeout(20)
    served.wait_for_timeout(250)
    assert caption(served).startswith("what speaks for <b>dog</b> (33.3 %)")
    assert sorted(served.evaluate("window.fetched")) == [["agcam", "<b>dog</b>"], ["agcam", "lynx"]]
    served.get_by_label("Opacity of the map").press("End")
    settle(served)
    assert len(served.evaluate("window.fetched")) == 2  # no request while only the view changes


def test_a_refusal_is_reported_and_loses_nothing(served):
    served.locator(".agcam-targets button").nth(3).click()
    served.wait_for_selector(".agcam-problem:visible")
    assert served.inner_text(".agcam-problem:visible") == "no <b>fox</b> here"
    assert caption(served).startswith("what speaks for tabby")
    assert (
        served.locator(".agcam-targets button[aria-pressed=true]").inner_text().startswith("tabby")
    )


def test_another_class_is_searched_and_the_state_is_reported(served):
    field = served.get_by_label("Another class")
    field.fill("zeb")
    served.wait_for_timeout(50)
    field.press("Enter")
    served.wait_for_timeout(250)
    assert caption(served).startswith("what speaks for zebra")
    assert served.evaluate("window.states.at(-1).target") == 4
    served.evaluate("window.viewer.store.set({mode: 'map', colormap: 'magma'})")
    settle(served)
    assert served.get_by_label("Map", exact=True).is_checked()
    assert served.get_attribute(".agcam-links a", "href") == "map.npy?77"


@pytest.mark.parametrize(("frames", "closer"), [(8, 3), (6, 2)])
def test_a_slider_looks_at_one_frame_of_a_clip(visit, frames, closer):
    sheet = card(window=(0.0, 0.0, 300.0, 200.0), frames=frames)
    shown = visit(page(Document("clips"), [sheet, card(title="still.png")]))
    shown.get_by_role("button", name=re.compile("cat.png")).first.click()
    shown.wait_for_selector(".agcam-legend:visible")
    settle(shown)
    slider = shown.locator(".agcam-stage .agcam-field input")
    assert slider.get_attribute("max") == str(frames)
    canvas = shown.locator(".agcam-pane canvas").first
    whole = canvas.screenshot()
    slider.focus()
    shown.keyboard.press("ArrowRight")
    assert shown.get_by_text(f"1 of {frames}").is_visible()
    box = shown.locator(".agcam-pane svg").first
    look = f"0 0 {300 / closer:g} "
    shown.wait_for_function(
        "([box, look]) => box.getAttribute('viewBox').startsWith(look)",
        arg=[box.element_handle(), look],
    )
    shown.keyboard.press("End")
    across, down = 3, -(-frames // 3)
    left, top = (frames - 1) % across, (frames - 1) // across
    shown.wait_for_function(
        "box => !box.getAttribute('viewBox').startsWith('0 0')", arg=box.element_handle()
    )
    x, y, width, height = map(float, box.get_attribute("viewBox").split())
    middle = (left + 0.5) * 300 / across, (top + 0.5) * 200 / down
    assert x == pytest.approx(min(max(middle[0] - width / 2, 0), 300 - width), abs=1e-3)
    assert y == pytest.approx(min(max(middle[1] - height / 2, 0), 200 - height), abs=1e-3)
    shown.keyboard.press("Home")
    shown.wait_for_function(
        "box => box.getAttribute('viewBox').startsWith('0 0 300')", arg=box.element_handle()
    )
    settle(shown)
    assert canvas.screenshot() == whole
    assert serious(shown) == []
    shown.get_by_role("button", name="The next picture").click()
    slider.wait_for(state="hidden")
