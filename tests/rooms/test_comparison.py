"""Several methods of one picture: the maps are explain's, the recording is one, refusals stay."""

import io

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from small_runs import lay_out

import agcam
from agcam.comparison import Cost, compare
from agcam.comparison.meter import Meter
from agcam.comparison.view import comparison_page
from agcam.maps import sheet_png
from pages import Page

SEVERAL = ["legrad", "agcam", "rollout", "gae", "saliency", "grad_cam", "random", "layer_cam"]


@pytest.fixture
def classifier(tiny):
    return agcam.load(tiny, classes=[f"class<{n}>, other" for n in range(10)])


def test_maps_are_those_of_explain(classifier, photograph):
    done = compare(classifier, photograph, [[3, 8]], SEVERAL)
    assert [column.method.name for column in done.columns] == SEVERAL
    for column in done.columns:
        single = agcam.explain(classifier, photograph, [[3, 8]], column.method.name)
        torch.testing.assert_close(column.grid_map, single.grid_map[0])
        assert column.cost.seconds >= done.recording.seconds
    assert [answer.name for answer in done.answers] == ["class<3>", "class<8>"]
    known = [answer.probability for answer in done.answers]
    assert known == pytest.approx(single.probabilities[0, [3, 8]].tolist())
    assert [(one.name, one.probability) for one in done.top] == list(single.predictions())


def test_sharper_maps_are_those_of_explain(classifier, photograph):
    sharper = {"refine": True, "views": 2}
    done = compare(classifier, photograph, [[3, 8]], ["agcam", "rollout"], **sharper)
    page = Page(comparison_page(done, [("a", "b")]))
    for column, drawn in zip(done.columns, done.sheet().columns, strict=True):
        single = agcam.explain(classifier, photograph, [[3, 8]], column.method.name, **sharper)
        torch.testing.assert_close(column.grid_map, single.grid_map[0])
        expected = single.on_pixels(0, image=done.sheet().picture)
        np.testing.assert_allclose(drawn.maps, expected, atol=1e-6, equal_nan=True)
        card = agcam.explanation.card_of(single)
        (shown, *_) = [one for one in page.maps if one["method"] == column.method.name]
        assert tuple(shown["shape"]) == card.maps[0].values.shape
        assert "mean of 2 views" in shown["caption"]
    assert [answer.name for answer in done.answers] == ["class<3>", "class<8>"]
    with pytest.raises(agcam.PictureError, match="views is 1, 2, 4, 5, 8 or 9"):
        compare(classifier, photograph, views=3)


def test_one_recording_serves_all(tiny, pixels):
    """Warm-up, plain pass, recording; then one pass a kind of evidence, however many read it."""
    agcam.explain(tiny, pixels[:1], 3)  # surveyed
    passes = []
    with tiny.patch_embed.register_forward_hook(lambda *_: passes.append(1)):
        compare(tiny, pixels[:1], [[3, 5]], ["agcam", "rollout", "random"])
        single_replay = len(passes)
        compare(tiny, pixels[:1], [[3, 5]], ["gae", "grad_cam", "attcat"])
        single_graph = len(passes) - single_replay
        before = len(passes)
        compare(tiny, pixels[:1], [[3, 5]], ["agcam", "gae", "rollout", "grad_cam", "attcat"])
    assert single_graph == 4
    assert len(passes) - before < single_replay + single_graph - 2


def test_names_between_commas_are_a_list(photograph):
    model = timm.create_model("test_vit", num_classes=3).eval()
    done = compare(model, photograph, 0, "agcam, raw_attention")
    assert [column.method.name for column in done.columns] == ["agcam", "raw_attention"]


def test_refused_methods_keep_their_reason(photograph):
    model = timm.create_model("test_resnet", num_classes=7)
    done = compare(model, photograph, 3, ["agcam", "rollout", "saliency", "gaussian"])
    reasons = [column.refusal for column in done.columns]
    assert "nothing to trace" in reasons[0]
    assert "nothing to trace" in reasons[1]
    assert reasons[2:] == [None, None]
    assert done.columns[0].grid_map is None
    assert "nothing to trace" in Page(comparison_page(done, [("a", "b")])).text
    assert sheet_png(done.sheet())


def test_all_refused_and_wrong_questions(tiny, photograph):
    with pytest.raises(agcam.PictureError, match="one picture is compared"):
        compare(tiny, [photograph, photograph])
    with pytest.raises(agcam.UnknownNameError, match="did you mean agcam"):
        compare(object(), photograph, methods=["agcan"])
    with pytest.raises(agcam.TargetError, match="out of range"):
        compare(tiny, photograph, 99)


def test_methods_take_options(classifier, photograph):
    options = {"occlusion": {"window": 1, "stride": 1}}
    done = compare(classifier, photograph, 3, ["occlusion"], options=options)
    single = agcam.explain(classifier, photograph, 3, "occlusion", options=options["occlusion"])
    torch.testing.assert_close(done.columns[0].grid_map, single.grid_map[0])
    with pytest.raises(agcam.AgcamError, match="rise, which is not among the methods"):
        compare(classifier, photograph, 3, ["agcam"], options={"rise": {"masks": 9}})


def test_progress_counts_to_its_end(tiny, pixels):
    reported = []
    methods = ["saliency", "agcam", "occlusion"]
    compare(tiny, pixels[:1], [[1, 2]], methods, progress=lambda *now: reported.append(now))
    assert reported[-1] == (2 * (1 + 17), 2 * (1 + 17))
    assert len({total for _, total in reported}) == 1


def test_a_columns_scale_is_common_to_its_rows(classifier, photograph):
    sheet = compare(classifier, photograph, [[3, 8]], ["agcam", "rollout"]).sheet()
    for column in sheet.columns:
        scaled = column.scaled()
        assert np.nanmin(scaled) == 0
        assert np.nanmax(scaled) == 1
        raw = np.asarray(column.maps)
        first = np.nan_to_num(raw[0] - np.nanmin(raw)) / (np.nanmax(raw) - np.nanmin(raw))
        np.testing.assert_allclose(np.nan_to_num(scaled[0]), first, atol=1e-6)
    assert sheet.columns[0].kind == ""
    assert "class-agnostic" in sheet.columns[1].kind


def test_sheet_as_png_and_page(classifier, photograph):
    done = compare(classifier, photograph, [[3, 8]], ["agcam", "rollout"])
    sheet = done.sheet()
    with Image.open(io.BytesIO(sheet_png(sheet, "a footer"))) as drawn:
        drawn.load()
        assert drawn.width > drawn.height
        assert len(drawn.convert("RGB").getcolors(1 << 24)) > 1000  # maps are in it
    costs = [("method", "seconds"), ("agcam", "1")]
    page = Page(comparison_page(done, costs, "a <footer>", colormap="jet"))
    assert "class<3>" in page.text
    assert "class<3>" not in page.source
    assert page.document["footer"] == "a <footer>"
    assert page.document["view"]["colormap"] == "jet"
    *rows, spent = page.document["blocks"]
    assert spent["rows"] == [["agcam", "1"]]
    (card,) = page.cards
    for row, name in zip(rows, ("class<3>", "class<8>"), strict=True):
        assert row["title"].startswith(f"What speaks for {name} (")
        assert [item["caption"] for item in row["items"]] == ["agcam", "rollout"]
        assert {card["targets"][item["target"]]["name"] for item in row["items"]} == {name}
    assert [each["method"] for each in card["maps"]] == ["agcam", "agcam", "rollout"]
    assert [method["class_specific"] for method in card["methods"]] == [True, False]
    assert card["maps"][0]["range"] == card["maps"][1]["range"] == list(sheet.columns[0].scale())
    with pytest.raises(agcam.UnknownNameError, match="turbo"):
        sheet_png(sheet, colormap="turbow")


def test_costs_are_listed_and_written_beside_the_maps(photograph, tmp_path):
    model = timm.create_model("test_resnet", num_classes=7)
    done = compare(model, photograph, 3, ["agcam", "saliency"])
    assert (
        repr(done) == f"<Comparison of agcam (refused), saliency: {done.source} by ResNet, class 3>"
    )
    refused, measured = done.rows
    assert refused["seconds"] is None
    assert refused["refusal"] == done.columns[0].refusal
    assert measured["seconds"] == done.columns[1].cost.seconds
    header, plain, _, *rows = done.summary()
    assert header == ("method", "seconds", "x forward", "peak MB")
    assert plain[2] == "1.0"
    assert rows[0] == ("agcam", "refused", "", "")
    assert rows[1][:2] == ("saliency", f"{measured['seconds']:.2f}")
    png, html = done.report(tmp_path / "out")
    with Image.open(png) as drawn:
        drawn.load()
    page = Page(html.read_text())
    refusal, spent = page.document["blocks"]
    assert refusal["items"][0] == {"caption": "agcam", "refusal": refused["refusal"]}
    assert spent["rows"][-1][0] == "saliency"
    assert "Preparation: " in page.document["footer"]


def test_constant_maps_are_drawn(classifier, photograph):
    sheet = compare(classifier, photograph, 3, ["agcam"]).sheet()
    sheet.columns[0].maps[...] = 2.0
    assert sheet.columns[0].scale() == (2.0, 2.0)
    assert (sheet.columns[0].scaled() == 0).all()
    assert sheet_png(sheet)


def test_the_meter_sees_memory_and_forgets_it():
    meter = Meter(torch.device("cpu"))
    held, high = meter.run(lambda: torch.ones(40 * 2**20 // 4).sum())
    _, low = meter.run(lambda: None)
    assert held == 10 * 2**20
    if high.memory is None:  # the system tells nothing: nothing is claimed
        assert low.memory is None
        return
    assert high.memory > 35 * 2**20
    assert low.memory < 20 * 2**20


def test_costs_add_up():
    assert Cost(1, 5) + Cost(2, 3) == Cost(3, 5)
    assert Cost(1, None) + Cost(2, 3) == Cost(3, None)


@pytest.mark.parametrize("methods", [[], (), "", ",", " "])
def test_no_method_is_refused_where_methods_are_named(tiny, pixels, tmp_path, methods):
    """Not an empty table, nor one of the random baselines, which come by themselves."""
    folder = lay_out(tmp_path, pictures=2)
    for judged in (
        lambda: compare(tiny, pixels[:1], methods=methods),
        lambda: agcam.evaluate(
            "csv", folder / "boxes.csv", model=tiny, methods=methods, store=tmp_path / "s.sqlite"
        ),
    ):
        with pytest.raises(agcam.MethodError, match=r"^name at least one method"):
            judged()
    with pytest.raises(agcam.MethodError, match=r"^name at least one method"):
        agcam.explain(tiny, pixels[:1], method=[])
