"""Which preparation was used, where it came from, and whether it is a guess."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from typer.testing import CliRunner

import agcam
from agcam.cli import app
from agcam.values import note_of

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))


def vit(**options):
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=5, **options).eval()


def test_weights_without_a_word_on_their_training_are_prepared_by_a_guess_that_is_noted():
    found = agcam.explain(vit(), PICTURE)
    stated = found.manifest()["preparation"]
    assert stated["guess"]
    assert "test_vit" in stated["source"]
    assert stated["size"] == (160, 160)
    assert {"mean", "std", "fit", "resize", "interpolation"} <= set(stated)
    assert any("preparation: a guess" in note for note in found.notes)


def test_a_preparation_that_came_with_the_model_is_no_guess():
    preparation = agcam.Preparation((160, 160), (0.5,) * 3, (0.5,) * 3)
    module = vit()
    found = agcam.explain(agcam.Classifier(module, module, "mine", "mine", preparation), PICTURE)
    assert not found.manifest()["preparation"]["guess"]
    assert not [note for note in found.notes if "preparation" in note]


@pytest.mark.parametrize("family", ["hf", "torchvision", "open_clip"])
def test_a_bare_module_of_any_library_is_a_guess(family):
    import open_clip
    import torchvision
    import transformers

    small = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = transformers.ViTConfig(**small, intermediate_size=64)
    modules = {
        "hf": lambda: transformers.ViTForImageClassification(config),
        "torchvision": lambda: torchvision.models.VisionTransformer(224, 32, 1, 4, 64, 64),
        "open_clip": lambda: open_clip.model.CLIP(64, {"width": 64, "layers": 1}, {"layers": 1}),
    }
    preparation = agcam.load(modules[family]()).preparation
    assert preparation.source
    assert note_of(preparation)


def test_the_preparation_of_prepared_pixels_is_none():
    found = agcam.explain(vit(), torch.zeros(1, 3, 160, 160))
    assert found.preparation is None
    assert "prepared" in found.manifest()["preparation"]["source"]


def test_the_command_line_and_its_page_say_the_preparation(tmp_path):
    PICTURE.save(tmp_path / "a.png")
    torch.save(vit().state_dict(), tmp_path / "mine.pth")
    options = ["--model", str(tmp_path / "mine.pth"), "--arch", "timm:test_vit"]
    for command in ("explain", "compare"):
        done = CliRunner().invoke(
            app, [command, str(tmp_path / "a.png"), *options, "--out", str(tmp_path / command)]
        )
        assert done.exit_code == 0, done.output
        assert "preparation: 160x160, crop from" in done.output
        assert "note: preparation: a guess" in done.output
        page = next((tmp_path / command).glob("*.html")).read_text(encoding="utf-8")
        assert "160x160" in page
