"""How outputs become probabilities: by the model's kind, everywhere the same; refused where none.

The referee is torch itself: softmax, sigmoid, or nothing, of the model's own logits.
"""

import html
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import agcam
from agcam import METHODS
from agcam.comparison import compare
from agcam.values import Answer, Classifier, answers_of, percent, predicted, probabilities_of
from pages import Page

KINDS = {
    "softmax": lambda logits: logits.softmax(-1),
    "sigmoid": lambda logits: logits.sigmoid(),
    "probability": lambda logits: logits,
    "none": lambda _: None,
}


@pytest.fixture
def one_logit():
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=1).eval()


@pytest.fixture
def squares():
    return torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))


def test_numbers_that_are_no_probabilities_are_refused(tiny, pixels):
    with pytest.raises(agcam.ModelError, match='are not probabilities; give scores="softmax"'):
        agcam.explain(agcam.load(tiny, scores="probability"), pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_those_of_the_kind(tiny, pixels, kind):
    tiny = torch.nn.Sequential(tiny, torch.nn.Softmax(-1)) if kind == "probability" else tiny
    found = agcam.explain(agcam.load(tiny, scores=kind), pixels, [[1, 2]] * 3)
    logits = tiny.eval()(pixels).detach()
    expected = KINDS[kind](logits)
    assert found.scores == kind
    assert found.prediction.equal(logits.argmax(-1))
    if expected is None:
        assert found.probabilities is None
        assert found.answers[0][0].score == f"logit {float(logits[0, 1]):.4g}"
        assert found.predictions(0)[0][1] == pytest.approx(float(logits[0].max()))
        assert found.manifest(0)["prediction"]["probability"] is None
    else:
        torch.testing.assert_close(found.probabilities, expected)
        assert found.answers[2][1].probability == pytest.approx(float(expected[2, 2]))
        assert found.manifest(1)["targets"][0]["probability"] == pytest.approx(
            float(expected[1, 1])
        )
    assert json.loads(json.dumps(found.manifest(0)))["scores"] == kind
    assert pickle.loads(pickle.dumps(found)).answers == found.answers


def test_an_explanation_by_a_program_of_the_users_can_be_pickled(tiny, photograph):
    def transform(picture):
        values = np.asarray(picture.resize((32, 32)), dtype=np.float32) / 255
        return torch.from_numpy(values).permute(2, 0, 1)

    found = agcam.explain(tiny, photograph, preparation=transform)
    copied = pickle.loads(pickle.dumps(found))
    assert copied.manifest() == found.manifest()
    with pytest.raises(agcam.PictureError, match="not kept with an explanation"):
        copied.preparation.run(found.pictures[0])


def test_the_map_does_not_depend_on_the_kind(tiny, pixels):
    maps = [
        agcam.explain(agcam.load(tiny, scores=kind), pixels, 1).grid_map
        for kind in KINDS
        if kind != "probability"
    ]
    assert all(one.equal(maps[0]) for one in maps)


@pytest.mark.parametrize("scores", [None, "softmax", "sigmoid"])
def test_one_logit_is_never_certain_by_itself(one_logit, squares, scores):
    found = agcam.explain(agcam.load(one_logit, scores=scores), squares)
    expected = one_logit(squares).sigmoid().detach()
    torch.testing.assert_close(found.probabilities, expected)
    first, second = (found.predictions(picture)[0][1] for picture in (0, 1))
    assert first != second
    assert {first, second}.isdisjoint({0.0, 1.0})
    assert scores == "sigmoid" or any("sigmoid" in note for note in found.notes)


def test_the_other_side_of_one_logit(one_logit, squares):
    named = agcam.load(one_logit, classes=["ill"])
    both = agcam.explain(named, squares, [["ill", "not ill"]] * 2)
    ill, healthy = both.answers[0]
    assert (healthy.name, healthy.index) == ("not ill", None)
    assert healthy.probability == pytest.approx(1 - ill.probability, abs=1e-6)
    assert healthy.value == pytest.approx(-ill.value)
    assert both.target.tolist() == [[0, -1]] * 2
    assert (both.grid_map[:, 0] - both.grid_map[:, 1]).abs().max() > 1e-6
    saliency = agcam.explain(named, squares, [["ill", "not ill"]] * 2, "bicam").grid_map
    torch.testing.assert_close(saliency[:, 0], -saliency[:, 1])  # signed: the same, turned round


def test_a_class_may_be_called_not_something(tiny, pixels):
    named = agcam.load(tiny, classes=["not ripe", "ripe", *"abcdefgh"])
    found = agcam.explain(named, pixels, [["not ripe", "not a", "not 3"]] * 3)
    assert [one.index for one in found.answers[0]] == [0, None, None]
    assert [one.name for one in found.answers[0]] == ["not ripe", "not a", "not b"]
    with pytest.raises(agcam.TargetError, match="no class 'ripee'; did you mean ripe"):
        agcam.explain(named, pixels, "not ripee")


def test_an_unknown_kind_is_refused(tiny):
    with pytest.raises(agcam.LoadError, match="scores is one of softmax, sigmoid, none"):
        agcam.load(tiny, scores="softmaxx")


@settings(max_examples=50)
@given(
    kind=st.sampled_from(list(KINDS)), logits=st.lists(st.floats(-30, 30), min_size=1, max_size=6)
)
def test_probabilities_are_those_of_torch(kind, logits):
    row = torch.tensor(logits, dtype=torch.float64)
    row = row.softmax(-1) if kind == "probability" else row
    classifier = Classifier(torch.nn.Identity(), torch.nn.Identity(), "m", "module", scores=kind)
    single = len(logits) == 1 and kind == "softmax"
    expected = row.sigmoid() if single else KINDS[kind](row)
    found = probabilities_of(classifier, row[None])
    assert (found is None) == (expected is None)
    for answer in answers_of(classifier, row, range(len(row))):
        if expected is None:
            assert answer.score.startswith("logit ")
        else:
            assert answer.probability == pytest.approx(float(expected[answer.index]))
            assert answer.score == percent(answer.probability)
            below = kind == "softmax" and not single and answer.probability < 1 / len(row)
            assert ("less than a random guess" in answer.caption) == below


@pytest.mark.parametrize(("part", "text"), [(0.0, "0.0 %"), (1e-4, "< 0.1 %"), (0.97, "97.0 %")])
def test_a_probability_as_text(part, text):
    assert percent(part) == text
    assert text in Answer("x", 0, 1.0, part).caption


def test_one_class_alone_is_predicted_or_not():
    classifier = Classifier(torch.nn.Identity(), torch.nn.Identity(), "m", "module")
    assert predicted(classifier, torch.tensor([[0.8], [-0.4]])).tolist() == [0, -1]
    plain = replace(classifier, scores="none")
    assert predicted(plain, torch.tensor([[-0.4]])).tolist() == [0]


@pytest.mark.parametrize(("scores", "noted"), [(None, 1), ("none", 0), ("probability", 0)])
def test_what_is_stated_of_one_logit_replaces_the_note_of_what_was_supposed(scores, noted):
    module = timm.create_model("test_vit", num_classes=1)
    notes = agcam.load(module, scores=scores).notes
    assert sum("taken as a sigmoid" in note for note in notes) == noted


# What a class has in its favour, and methods that know no classes


def test_a_class_that_a_guess_would_beat_is_marked(tiny, pixels):
    found = agcam.explain(tiny, pixels, agcam.Top(10))
    for picture in range(3):
        for column, answer in enumerate(found.answers[picture]):
            caption = found.caption(picture, column)
            assert caption.startswith(f"what speaks for {answer.name} ({answer.score}")
            assert ("less than a random guess" in caption) == (answer.probability < 0.1)


@pytest.mark.parametrize("method", [row.name for row in METHODS.values() if not row.class_specific])
def test_a_method_that_knows_no_classes_makes_one_map(tiny, pixels, method, tmp_path):
    found = agcam.explain(tiny, pixels[:1], [[1, 2]], method)
    names = sorted(path.name for path in found.save(tmp_path))
    parts = ("json", "npy", f"{method}.map.png", f"{method}.overlay.png")
    assert names == sorted(f"picture-1.{part}" for part in parts)
    assert np.load(tmp_path / "picture-1.npy").shape == (1, 32, 32)
    manifest = json.loads((tmp_path / "picture-1.json").read_text())
    assert manifest["class_specific"] is False
    assert [entry["files"] for entry in manifest["targets"]] == [
        {"overlay": f"picture-1.{method}.overlay.png", "map": f"picture-1.{method}.map.png"}
    ] * 2
    (card,) = Page(html.unescape(found._repr_html_()).split('srcdoc="')[1]).cards
    (only,) = card["maps"]
    assert "does not know classes" in only["caption"]


def test_a_sheet_has_probabilities_beside_its_targets(tiny, pixels):
    done = compare(agcam.load(tiny, scores="none"), pixels[:1], [[1, "not 2"]], ["agcam"])
    assert [one.probability for one in done.answers] == [None, None]
    assert done.answers[0].score.startswith("logit ")
    assert done.answers[1].score.startswith("value ")
    done = compare(tiny, pixels[:1], [[1, "not 2"]], ["agcam"])
    first, second = tiny.eval()(pixels[:1]).softmax(-1)[0, [1, 2]].tolist()
    assert [one.probability for one in done.answers] == pytest.approx([first, 1 - second])
