"""Notebooks show explanations; captum, Quantus and their users call `attribute`."""

import base64
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

import agcam
from agcam import Attribution, ModelError, PictureError, TargetError, UnknownNameError
from pages import Page

EVIL = "<script>alert(\"x\" + 'y')</script>&amp;"


class Frames(HTMLParser):
    """The tags of a piece of HTML, and the page within its frame."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], {}
        self.feed(text)
        self.page = Page(self.attributes["srcdoc"])

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes = dict(attrs)


# Notebooks


def test_a_notebook_shows_the_viewer_with_every_map(tiny, photograph):
    explanation = agcam.explain(tiny, [photograph, np.tile(photograph, (15, 15, 1))], [[1, 2]] * 2)
    frame = Frames(explanation._repr_html_())
    assert frame.tags == ["iframe"]
    assert frame.attributes["sandbox"] == "allow-scripts allow-downloads"  # of no origin
    small, large = frame.page.cards
    assert [small["picture"][side] for side in ("width", "height")] == [90, 60]
    assert [large["picture"][side] for side in ("width", "height")] == [640, 427]
    for picture, card in enumerate(frame.page.cards):
        evidence = [shown for shown in card["maps"] if shown["method"] == "agcam"]
        assert len(card["maps"]) == 2 * len(evidence)  # and the extent, one press apart
        for number, shown in enumerate(evidence):
            values = np.frombuffer(base64.b64decode(shown["values"]), "<f4").reshape(shown["shape"])
            assert np.array_equal(values, explanation.grid_map[picture, number].numpy())
            assert shown["caption"] == explanation.caption(picture, number)
            assert card["targets"][shown["target"]]["name"] == f"class {number + 1}"
    assert explanation.pictures[1].size == (1350, 900)


def test_a_notebook_escapes_names(tiny, photograph):
    named = agcam.load(tiny, classes=[EVIL, *"bcdefghij"])
    shown = agcam.explain(named, photograph, 0)._repr_html_()
    assert "<script" not in shown
    page = Frames(shown).page
    assert len(page.programs) == 1
    assert page.cards[0]["maps"][0]["caption"].startswith(f"what speaks for {EVIL}")


# captum's call


@pytest.mark.parametrize("method", ["agcam", "rollout"])
def test_attribute_is_the_pixel_map_in_the_inputs_shape(tiny, pixels, method):
    relevance = Attribution(tiny, method).attribute(pixels, target=3)
    assert relevance.shape == pixels.shape
    assert relevance.device == pixels.device
    assert relevance.dtype == torch.float32
    assert relevance.is_contiguous()
    assert not relevance.requires_grad
    grid_map = agcam.explain(tiny, pixels, 3, method).grid_map
    wanted = torch.nn.functional.interpolate(grid_map, (32, 32), mode="bilinear")
    assert (relevance - wanted).abs().max() < 1e-6
    assert relevance.std() > 0
    relevance[:, 0] = 0  # its own memory, each channel too
    assert relevance[:, 1].std() > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_attribute_stays_on_the_device(tiny, pixels):
    relevance = Attribution(tiny.cuda()).attribute(pixels.cuda(), target=3)
    assert relevance.device.type == "cuda"


def test_attribute_in_float64(tiny, pixels):
    relevance = Attribution(tiny.double()).attribute(pixels.double(), target=3)
    assert relevance.dtype == torch.float64


@pytest.mark.parametrize(
    ("target", "classes"),
    [
        (3, [3, 3, 3]),
        (torch.tensor(3), [3, 3, 3]),
        (np.int64(3), [3, 3, 3]),
        ([1, 2, 3], [1, 2, 3]),
        (torch.tensor([1, 2, 3]), [1, 2, 3]),
        (torch.tensor([[1], [2], [3]]), [1, 2, 3]),
        (np.array([1, 2, 3]), [1, 2, 3]),
    ],
    ids=repr,
)
def test_target_forms(tiny, pixels, target, classes):
    attribution = Attribution(tiny)
    relevance = attribution.attribute(pixels, target=target)
    single = [attribution.attribute(pixels[k : k + 1], target=c) for k, c in enumerate(classes)]
    assert (relevance - torch.cat(single)).abs().max() < 1e-5
    others = attribution.attribute(pixels, target=[c + 4 for c in classes])
    assert (relevance - others).abs().max() > 1e-3


def test_no_target_is_the_prediction(tiny, pixels):
    attribution = Attribution(tiny)
    predicted = tiny.eval()(pixels).argmax(-1)
    assert attribution.attribute(pixels).equal(attribution.attribute(pixels, predicted))


def test_several_targets_a_picture_are_refused(tiny, pixels):
    with pytest.raises(TargetError, match="one class per picture"):
        Attribution(tiny).attribute(pixels, target=[[1, 2]] * 3)


def test_wrong_length_unknown_method_no_tensor(tiny, pixels):
    with pytest.raises(TargetError, match="2 targets for 3 pictures"):
        Attribution(tiny).attribute(pixels, target=[1, 2])
    with pytest.raises(UnknownNameError, match="did you mean agcam"):
        Attribution(tiny, "agcan").attribute(pixels)
    with pytest.raises(PictureError, match="one prepared tensor"):
        Attribution(tiny).attribute((pixels, pixels), target=1)
    with pytest.raises(PictureError, match="one prepared tensor"):
        Attribution(tiny).attribute("cat.png", target=1)
    with pytest.raises(ModelError, match="a model is a torch module"):
        Attribution(None)


def test_a_tuple_of_one_is_answered_with_a_tuple(tiny, pixels):
    attribution = Attribution(tiny)
    (relevance,) = attribution.attribute((pixels,), target=1)
    assert relevance.equal(attribution.attribute(pixels, target=1))


def test_inputs_that_require_gradients_are_unchanged(tiny, pixels):
    pixels.requires_grad_()
    relevance = Attribution(tiny).attribute(pixels, target=1, n_steps=50)
    assert not relevance.requires_grad
    assert pixels.grad is None
    assert pixels.requires_grad


# captum and Quantus themselves


def test_captum_sensitivity(tiny, pixels):
    from captum.metrics import sensitivity_max

    tiny.eval()
    attribute = Attribution(tiny).attribute
    target = torch.tensor([1, 2, 3])
    scores = [
        sensitivity_max(
            attribute, pixels, target=target, perturb_radius=radius, n_perturb_samples=2
        )
        for radius in (0.0, 0.01, 1.0)
    ]
    assert all(score.shape == (3,) for score in scores)
    assert scores[0].abs().max() < 1e-5  # the same picture, the same map
    assert (scores[1] > 1e-5).all()
    assert (scores[2] > scores[1]).all()


def test_captum_infidelity(tiny, pixels):
    from captum.metrics import infidelity

    tiny.eval()
    relevance = Attribution(tiny).attribute(pixels, target=1)

    def perturb(inputs):
        noise = 0.1 * torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))
        return noise, inputs - noise

    def score(attributions):
        return infidelity(tiny, perturb, pixels, attributions, target=1, n_perturb_samples=3)

    with torch.no_grad():
        ours = score(relevance)
        assert ours.shape == (3,)
        assert torch.isfinite(ours).all()
        assert not ours.equal(score(torch.zeros_like(relevance)))


def test_quantus_calls_it(tiny, pixels):
    import quantus

    calls = []

    def explain_func(model, inputs, targets, **_):
        calls.append(len(inputs))
        attribution = Attribution(model)
        relevance = attribution.attribute(torch.as_tensor(inputs), torch.as_tensor(targets))
        return relevance.mean(1, keepdim=True).numpy()

    metric = quantus.Sparseness(disable_warnings=True, display_progressbar=False)
    data = {"model": tiny.eval(), "x_batch": pixels.numpy(), "y_batch": np.array([1, 2, 3])}
    scores = metric(**data, explain_func=explain_func, device="cpu")
    assert calls == [3]
    assert len(scores) == 3
    maps = agcam.explain(tiny, pixels, [1, 2, 3]).pixel_map
    for score, pixel_map in zip(scores, maps, strict=True):
        assert score == pytest.approx(gini(np.asarray(pixel_map).ravel()), abs=1e-4)


def gini(values):
    ordered = np.sort(np.abs(values.astype(np.float64)))
    ranks = np.arange(1, len(ordered) + 1)
    return ((2 * ranks - len(ordered) - 1) * ordered).sum() / (len(ordered) * ordered.sum())
