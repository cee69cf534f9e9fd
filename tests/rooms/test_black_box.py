"""Black-box methods: any model, bounded passes, the same map each time."""

import builtins
import re

import pytest
import timm
import torch

import agcam
from agcam.methods import METHODS
from agcam.tracing.untraceable import INSTEAD

BLACK_BOX = [name for name, row in METHODS.items() if row.needs.black_box]
ANY_CLASSIFIER = [name for name, row in METHODS.items() if row.needs.any_classifier]


FEW = {"rise": {"masks": 60}}  # they are counted here, not judged


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=7)


@pytest.fixture
def square():
    return torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ANY_CLASSIFIER)
def test_a_model_that_agcam_refuses(resnet, square, name):
    explanation = agcam.explain(resnet, square, [[3, 0], [3, 5]], name, options=FEW.get(name))
    assert explanation.grid_map.shape == (2, 2, 2, 3)  # cells of 16 pixels
    assert explanation.grid_map.any()
    assert explanation.tracer == ("black box" if name in BLACK_BOX else "none")
    expected = resnet.eval()(square).detach()
    torch.testing.assert_close(explanation.logits, expected)


@pytest.mark.parametrize(
    "name",
    ["convnext_atto", "xcit_nano_12_p16_224", "mobilenetv3_small_050"],
)
def test_convolutions_and_channel_attention(name):
    model = timm.create_model(name, num_classes=7)
    pixels = torch.randn(1, 3, 224, 224)
    explanation = agcam.explain(model, pixels, 3, "saliency")
    assert explanation.grid_map.shape == (1, 1, 14, 14)
    assert explanation.grid_map.any()
    with pytest.raises(agcam.ModelError, match="integrated_gradients, occlusion, rise"):
        agcam.explain(model, pixels, 3)  # the coarse grid of the first call is not a layout
    assert agcam.explain(model, pixels, 3, "saliency").grid_map.equal(explanation.grid_map)


def test_torchvision_and_hugging_face_classifiers(photograph):
    models = pytest.importorskip("torchvision.models")
    transformers = pytest.importorskip("transformers")
    config = transformers.ConvNextConfig(hidden_sizes=[8] * 4, depths=[1] * 4, num_labels=1000)
    for model in (models.resnet18(), transformers.ConvNextForImageClassification(config)):
        explanation = agcam.explain(model, photograph, 3, "saliency")
        assert explanation.grid_map.shape == (1, 1, 14, 14)
        assert explanation.pixel_map[0].shape == (1, 60, 90)
    assert agcam.load(models.resnet18()).class_names[281] == "tabby"
    with pytest.raises(agcam.LoadError, match="not an image classifier"):
        agcam.load("torchvision:fasterrcnn_resnet50_fpn")


def test_the_refusal_names_every_method_that_only_asks():
    assert re.search(": (.*)[.]", INSTEAD).group(1).split(", ") == sorted(BLACK_BOX)


@pytest.mark.parametrize("name", ANY_CLASSIFIER)
def test_a_vit_keeps_its_own_grid(tiny, pixels, name):
    found = agcam.explain(tiny, pixels, 3, name, options=FEW.get(name))
    assert found.grid == agcam.explain(tiny, pixels, 3).grid


@pytest.mark.parametrize("name", BLACK_BOX)
@pytest.mark.parametrize("most", [1, 5])
def test_memory_is_bounded_by_the_batch(tiny, pixels, name, most):
    """The model never sees more pictures at once, however many steps or masks there are."""
    seen = []
    with tiny.patch_embed.register_forward_hook(lambda _, given, __: seen.append(len(given[0]))):
        explanation = agcam.explain(tiny, pixels, 3, name, batch_size=most, options=FEW.get(name))
    assert max(seen) <= most
    repeated = agcam.explain(tiny, pixels, 3, name, options=FEW.get(name))
    torch.testing.assert_close(explanation.grid_map, repeated.grid_map, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", BLACK_BOX)
def test_the_table_says_how_many_pictures_are_asked_about(tiny, pixels, name):
    reported, options = [], {"rise": {"masks": 30}, "occlusion": {"window": 2}}.get(name, {})
    agcam.explain(
        tiny,
        pixels,
        [[3, 1]] * 3,
        name,
        batch_size=2,
        progress=lambda *now: reported.append(now),
        options=options,
    )
    counts, totals = zip(*reported, strict=True)
    method = METHODS[name].with_options(options)
    assert set(totals) == {3 * 2 * method.pictures(agcam.explain(tiny, pixels, 3).grid)}
    assert list(counts) == sorted(set(counts))
    assert counts[-1] == totals[-1]


@pytest.mark.parametrize("name", BLACK_BOX)
def test_the_same_map_each_time_and_torchs_generator_untouched(tiny, pixels, name):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = agcam.explain(tiny, pixels, 3, name, options=FEW.get(name))
    assert torch.get_rng_state().equal(before)
    torch.manual_seed(2)
    repeated = agcam.explain(tiny, pixels, 3, name, options=FEW.get(name))
    assert repeated.grid_map.equal(first.grid_map)


@pytest.mark.parametrize(
    "name", ["saliency", "input_x_gradient", "smooth_grad", "integrated_gradients"]
)
def test_without_captum_the_command_is_named(tiny, pixels, name, monkeypatch):
    real = builtins.__import__

    def absent(module, *rest):
        if module.startswith("captum"):
            raise ImportError(module)
        return real(module, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(agcam.LoadError, match=r"pip install 'agcam\[captum\]'"):
        agcam.explain(tiny, pixels, 3, name)


def test_a_model_that_changes_its_mind_is_refused(resnet, square):

    class Restless(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = resnet
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return self.inner(x) * self.calls

    with pytest.raises(agcam.ProofError, match="not deterministic"):
        agcam.explain(Restless(), square, 3, "occlusion")


def test_rise_needs_a_probability(square):
    model = timm.create_model("test_resnet", num_classes=1)
    plain = agcam.load(model, scores="none")
    with pytest.raises(agcam.TargetError, match="reads the probability of the class"):
        agcam.explain(plain, square, 0, "rise", options=FEW["rise"])
    assert (
        agcam.explain(model, square, 0, "rise", options=FEW["rise"]).grid_map.std() > 0
    )  # a sigmoid's


def test_a_picture_hidden_in_a_patch_is_found():
    """A model that reads the brightness of one cell: each black-box method points at it."""

    class Lamp(torch.nn.Module):
        def forward(self, x):
            light = x[..., 16:32, 32:48].mean((1, 2, 3))
            return torch.stack([light, -light], 1)

    pixels = torch.full((1, 3, 48, 64), 1.0) + 0.1 * torch.randn(
        1, 3, 48, 64, generator=torch.Generator().manual_seed(0)
    )
    for name in BLACK_BOX:
        grid_map = agcam.explain(Lamp(), pixels, 0, name).grid_map[0, 0]
        assert int(grid_map.argmax()) == 1 * 4 + 2, name


def test_what_does_not_run_is_told_in_a_sentence():
    with pytest.raises(agcam.ModelError, match="does not run on an input of 224 x 200"):
        agcam.explain(
            timm.create_model("swin_tiny_patch4_window7_224"),
            torch.randn(1, 3, 200, 224),
            0,
            "rise",
        )
    broken = timm.create_model("test_resnet")
    torch.nn.init.constant_(broken.fc.bias, float("nan"))
    with pytest.raises(agcam.ModelError, match="NaN or infinite logits"):
        agcam.explain(broken, torch.randn(1, 3, 32, 32), 0, "saliency")
