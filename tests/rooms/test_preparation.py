"""Which preparation was used, where it came from, and whether it is a guess."""

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

import agcam
from agcam.cli import app
from agcam.cli.loading import Loading
from agcam.values import Changes, preparation_notes

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
    assert preparation_notes(preparation)


def test_the_preparation_of_prepared_pixels_is_none():
    found = agcam.explain(vit(), torch.zeros(1, 3, 160, 160))
    assert found.preparation is None
    assert "prepared" in found.manifest()["preparation"]["source"]


def test_the_command_line_and_its_page_show_the_preparation(tmp_path):
    PICTURE.save(tmp_path / "a.png")
    torch.save(vit().state_dict(), tmp_path / "mine.pth")
    model = ["--model", str(tmp_path / "mine.pth"), "--arch", "timm:test_vit"]
    for command, option in (("explain", "--method=agcam"), ("compare", "--methods=agcam,rollout")):
        options = [*model, option, "--out", str(tmp_path / command)]
        done = CliRunner().invoke(app, [command, str(tmp_path / "a.png"), *options])
        assert done.exit_code == 0, done.output
        assert "preparation: 160x160, crop from" in done.output
        assert "note: preparation: a guess" in done.output
        page = next((tmp_path / command).glob("*.html")).read_text(encoding="utf-8")
        assert "160x160" in page


@pytest.mark.parametrize("numbers", [((127.5,) * 3, (0.5,) * 3), ((0.5,) * 3, (57.0,) * 3)])
def test_numbers_of_pixels_up_to_255_are_refused(numbers):
    with pytest.raises(agcam.AgcamError, match="divide both by 255"):
        agcam.explain(agcam.load(vit(), preparation=agcam.Preparation(SIZE, *numbers)), PICTURE)


def test_tensors_of_8_bits_are_pictures():
    preparation = agcam.Preparation(SIZE, (0.5,) * 3, (0.5,) * 3)
    classifier = agcam.load(vit(), preparation=preparation)
    expected = agcam.explain(classifier, PICTURE)
    read = torch.from_numpy(np.array(PICTURE)).permute(2, 0, 1)  # as torchvision reads a file
    for same in (read, read[None], [read], {"image": read}, (read, 3), read.permute(1, 2, 0)):
        found = agcam.explain(classifier, same)
        assert found.grid_map.equal(expected.grid_map)
        assert found.pictures[0].tobytes() == PICTURE.tobytes()
    with pytest.raises(agcam.PictureError, match="not prepared"):
        agcam.explain(classifier, {"pixel_values": read[None]})


SIZE = (160, 160)
OWN = agcam.Preparation(SIZE, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7), "squash", None, "bilinear")


def own_transform():
    import torchvision.transforms as v1

    resize = v1.Resize(SIZE, v1.InterpolationMode.BILINEAR)
    return v1.Compose([resize, v1.ToTensor(), v1.Normalize(OWN.mean, OWN.std)])


def test_the_users_own_transform_gives_the_users_own_answer():
    """The referee is the user's program: its transform, its model."""
    model, transform = vit(), own_transform()
    want = model(transform(PICTURE)[None]).detach()
    found = agcam.explain(model, PICTURE, preparation=transform)
    assert torch.allclose(found.logits, want, atol=1e-5)
    assert not torch.allclose(agcam.explain(model, PICTURE).logits, want, atol=1e-2)
    assert "Normalize" in found.manifest()["preparation"]["source"]
    assert not [note for note in found.notes if "preparation" in note]
    as_data = agcam.explain(agcam.load(model, preparation=OWN), PICTURE)
    assert torch.allclose(as_data.logits, want, atol=1e-5)
    assert torch.allclose(as_data.grid_map, found.grid_map)
    assert found.frames[0].window == pytest.approx((0, 0, 120, 90), abs=0.3)


def test_an_explanation_by_a_transform_can_be_pickled():
    import pickle

    found = agcam.explain(vit(), PICTURE, preparation=own_transform())
    repeated = pickle.loads(pickle.dumps(found))
    assert repeated.manifest() == found.manifest()


def test_a_hugging_face_processor_is_taken_as_it_is():
    import transformers

    processor = transformers.ViTImageProcessor(size={"height": 160, "width": 160})
    model = vit()
    found = agcam.explain(model, PICTURE, preparation=processor)
    given = processor(images=PICTURE, return_tensors="pt")["pixel_values"]
    assert torch.allclose(found.logits, model(given).detach(), atol=1e-5)


OPTIONS = ["--size", "160", "--mean", "0.1,0.2,0.3", "--std", "0.5,0.6,0.7"]
WAY = ["--fit", "squash", "--interpolation", "bilinear"]


def test_the_options_of_the_command_line_are_the_users_own_preparation(tmp_path):
    model = vit()
    PICTURE.save(tmp_path / "a.png")
    torch.save(model.state_dict(), tmp_path / "mine.pth")
    files = ["--model", str(tmp_path / "mine.pth"), "--arch", "timm:test_vit"]
    out = ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(
        app, ["explain", str(tmp_path / "a.png"), *files, *OPTIONS, *WAY, *out]
    )
    assert done.exit_code == 0, done.output
    assert "a guess" not in done.output
    stated = json.loads((tmp_path / "out" / "a.json").read_text())
    logits = model(own_transform()(PICTURE)[None])[0].detach()
    assert stated["prediction"]["logit"] == pytest.approx(float(logits.max()), abs=1e-5)
    assert stated["preparation"]["mean"] == [0.1, 0.2, 0.3]
    assert stated["preparation"]["fit"] == "squash"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--mean", "grey"], "--mean takes numbers"),
        (["--size", "12.5"], "--size takes whole numbers"),
        (["--std", "0"], "std is above zero"),
        (["--size", "-3"], "whole numbers of pixels"),
        (["--mean", "0.5,0.5", "--std", "1,1,1"], "one number for each channel"),
    ],
)
def test_options_that_are_no_preparation_are_refused(tmp_path, options, reason):
    PICTURE.save(tmp_path / "a.png")
    torch.save(vit().state_dict(), tmp_path / "mine.pth")
    files = ["--model", str(tmp_path / "mine.pth"), "--arch", "timm:test_vit"]
    done = CliRunner().invoke(app, ["explain", str(tmp_path / "a.png"), *files, *options])
    assert done.exit_code == 1
    assert reason in done.output


sides = st.integers(16, 400)


@given(sides, sides, st.sampled_from(["crop", "squash", "pad"]), st.integers(16, 400))
def test_another_size_keeps_the_share_that_is_cut(old, new, fit, resize):
    base = agcam.Preparation((old, old), (0.5,), (0.5,), fit, resize)
    made = Changes(size=(new,)).applied_to(base)
    assert made.size == (new, new)
    assert made.resize == pytest.approx(resize * new / old, abs=0.51)
    assert (made.mean, made.fit) == (base.mean, base.fit)


def test_what_is_not_stated_stays_a_guess():
    base = agcam.Preparation((8, 8), (0.5,) * 3, (0.5,) * 3, source="usual", guess=True)
    assert Changes(size=(16,)).applied_to(base).guess
    whole = Changes(size=(16,), mean=(0.1,), std=(0.2,)).applied_to(base)
    assert not whole.guess
    assert whole.mean == (0.1, 0.1, 0.1)


def test_a_model_without_a_preparation_needs_all_of_its_numbers():
    with pytest.raises(agcam.PictureError, match="mean and std too"):
        Changes(size=(16,)).applied_to(None)
    assert Changes(size=(16,), mean=(0.1,), std=(0.2,)).applied_to(None).channels == 1


def test_an_evaluation_is_another_run_with_another_preparation(tmp_path):
    from agcam.evaluation.configuration import Configuration, load_model

    torch.save(vit().state_dict(), tmp_path / "mine.pth")
    usual = Configuration("folder", ".", str(tmp_path / "mine.pth"), ("agcam",), ("abpc",),
                          arch="timm:test_vit")  # fmt: skip
    stated = replace(usual, preparation=Changes(size=(160,), mean=(0.1,), std=(0.5,), fit="squash"))
    assert load_model(stated).preparation != load_model(usual).preparation
    read_back = json.loads(json.dumps(asdict(stated)))
    assert Configuration.from_stored(read_back) == stated


def test_a_prompted_model_keeps_the_preparation_it_was_given():
    import open_clip

    clip = open_clip.model.CLIP(
        64, {"width": 64, "layers": 1, "image_size": 64, "patch_size": 32, "head_width": 32},
        {"layers": 1, "width": 64, "heads": 2},
    ).eval()  # fmt: skip
    own = agcam.Preparation((64, 64), (0.0,) * 3, (1.0,) * 3)
    for classifier in (
        agcam.load(clip, classes=["a cat", "a dog"], preparation=own),
        agcam.load(agcam.load(clip, preparation=own), classes=["a cat", "a dog"]),
    ):
        assert classifier.preparation == own
        found = agcam.explain(classifier, PICTURE, "a cat")
        assert found.manifest()["preparation"]["mean"] == (0.0,) * 3


@pytest.mark.parametrize("command", ["explain", "compare", "evaluate", "serve"])
def test_every_command_that_loads_a_model_takes_the_same_options(command):
    taken = {parameter.name for parameter in get_command(app).commands[command].params}
    assert {field.name for field in fields(Loading)} <= taken


def test_what_libraries_call_a_preparation_is_taken():
    import torchvision

    model = vit()
    config = timm.data.resolve_data_config(model=model)
    want = model(timm.data.create_transform(**config)(PICTURE)[None]).detach()
    found = agcam.explain(model, PICTURE, preparation=config)
    assert torch.allclose(found.logits, want, atol=1e-5)
    weights = torchvision.models.ViT_B_16_Weights.DEFAULT
    preset = agcam.load(model, preparation=weights).preparation
    assert torch.equal(preset.run(PICTURE), weights.transforms()(PICTURE))
    assert preset.size == (224, 224)


def test_serve_loads_each_model_with_the_options_that_it_was_given(tmp_path, monkeypatch):
    import agcam.web

    torch.save(vit().state_dict(), tmp_path / "mine.pth")
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\ne\n")
    seen = {}
    for name in ("listen", "warm"):
        monkeypatch.setattr(agcam.web, name, lambda *_, **__: None)

    def application(models, *_, **__):
        seen.update(models)
        raise agcam.RunError("enough")

    monkeypatch.setattr(agcam.web, "application", application)
    files = ["--model", str(tmp_path / "mine.pth"), "--arch", "timm:test_vit"]
    names = ["--classes", str(tmp_path / "names.txt")]
    done = CliRunner().invoke(app, ["serve", *files, *names, *OPTIONS, *WAY])
    assert "enough" in done.output
    (classifier,) = seen.values()
    assert classifier.class_names == ("a", "b", "c", "d", "e")
    assert classifier.preparation == OWN
