"""Explanations: one at a time or together they are the same; saved whole or not at all."""

import copy
import dataclasses
import errno
import json
import pickle
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import agcam
from agcam import METHODS, ModelError, PictureError, SaveError, Top, UnknownNameError
from agcam.explanation import card_of, file_names
from agcam.values import Classifier, Frame, Preparation
from few_passes import FEW_PASSES

SHA256 = re.compile(r"[0-9a-f]{64}")


@pytest.fixture
def explanation(tiny, pixels):
    return agcam.explain(tiny, pixels, [[1, 2], [3, 4], [5, 6]])


# What an explanation is


def test_it_cannot_be_changed(explanation):
    with pytest.raises(dataclasses.FrozenInstanceError):
        explanation.logits = None
    with pytest.raises(TypeError):
        explanation.versions["agcam"] = "9"
    for field in ("class_names", "notes", "frames", "pictures", "sources"):
        assert isinstance(getattr(explanation, field), tuple)
    assert explanation.pixel_map is explanation.pixel_map


def test_what_it_holds(explanation, tiny, pixels):
    logits = tiny.eval()(pixels).detach()
    assert (explanation.logits - logits).abs().max() < 1e-6
    assert explanation.probabilities.equal(explanation.logits.softmax(-1))
    assert explanation.prediction.equal(logits.argmax(-1))
    assert explanation.target.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert explanation.grid_map.shape == (3, 2, 4, 4)
    assert explanation.grid_map.dtype == torch.float32
    assert not explanation.grid_map.requires_grad
    assert not explanation.logits.requires_grad
    assert (explanation.grid.rows, explanation.grid.columns, explanation.grid.prefix) == (4, 4, 1)
    assert (explanation.model, explanation.family) == ("VisionTransformer", "timm")
    assert (explanation.method, explanation.tracer) == ("agcam", "replay")
    assert explanation.versions["agcam"] == agcam.__version__
    assert explanation.versions["torch"] == torch.__version__.split("+")[0]
    assert explanation.sources == ("picture-1", "picture-2", "picture-3")
    assert len(explanation) == 3
    assert "3 pictures by agcam and agcam_spread of VisionTransformer" in repr(explanation)


def test_it_can_be_pickled_and_copied(explanation):
    maps = explanation.pixel_map
    for twin in (pickle.loads(pickle.dumps(explanation)), copy.deepcopy(explanation)):
        assert twin is not explanation
        assert twin.grid_map.equal(explanation.grid_map)
        assert twin.versions == explanation.versions
        assert all(np.array_equal(a, b) for a, b in zip(twin.pixel_map, maps, strict=True))
        for field in (twin.versions, twin.options, twin.refused):
            with pytest.raises(TypeError):
                field["agcam"] = "9"


def test_it_is_equal_to_itself_alone(explanation):
    assert explanation == explanation  # noqa: PLR0124
    assert explanation != copy.copy(explanation)
    assert len({explanation, explanation}) == 1


def test_predictions(tiny, pixels):
    names = [f"name {k}, synonym {k}" for k in range(10)]
    explanation = agcam.explain(agcam.load(tiny, classes=names), pixels)
    pairs = explanation.predictions(1, count=3)
    values, indices = explanation.probabilities[1].topk(3)
    assert [name for name, _ in pairs] == [f"name {k}" for k in indices.tolist()]
    assert [value for _, value in pairs] == values.tolist()
    assert len(explanation.predictions(0, count=99)) == 10
    assert agcam.explain(tiny, pixels).predictions(0)[0][0].startswith("class ")


def test_several_methods_share_one_recording(tiny, pixels):
    passes = []
    tiny.patch_embed.register_forward_hook(lambda *_: passes.append(1))
    counts, made = {}, {}
    for method in ("agcam", None, ["agcam_spread", "agcam", "rollout"]):
        agcam.explain(tiny, pixels, method=method)  # surveyed
        passes.clear()
        made[str(method)] = agcam.explain(tiny, pixels, agcam.Top(2), method)
        counts[str(method)] = len(passes)
    assert set(counts.values()) == {1}
    one, usual, three = made.values()
    assert (usual.method, [each.method for each in usual.beside]) == ("agcam", ["agcam_spread"])
    assert usual.grid_map.equal(one.grid_map)
    spread = agcam.explain(tiny, pixels, agcam.Top(2), "agcam_spread")
    assert usual.by("agcam_spread").grid_map.equal(spread.grid_map)
    assert three.by("agcam").grid_map.equal(one.grid_map)
    assert [each.method for each in three.beside] == ["agcam", "rollout"]
    with pytest.raises(
        agcam.UnknownNameError, match="no maps by 'lrp': it has agcam_spread, agcam"
    ):
        three.by("lrp")
    assert pickle.loads(pickle.dumps(three)).by("rollout").grid_map.equal(three.beside[1].grid_map)


@pytest.mark.parametrize("pool", ["avg", "max"])
def test_what_is_shown_beside_of_a_classifier_that_reads_its_patches(tiny, pixels, pool):
    tiny.global_pool = pool
    usual = agcam.explain(tiny, pixels, agcam.Top(2))
    assert (usual.method, [one.method for one in usual.beside]) == ("agcam", ["agcam_evidence"])
    evidence = agcam.explain(tiny, pixels, agcam.Top(2), "agcam_evidence")
    assert usual.by("agcam_evidence").grid_map.equal(evidence.grid_map)
    named = agcam.explain(tiny, pixels, agcam.Top(2), ["agcam", "agcam_spread"])
    assert [one.method for one in named.beside] == ["agcam_spread"]


def test_a_method_that_is_refused_is_not_shown_and_its_reason_is_kept(tiny, pixels, monkeypatch):
    why = "these values are not kept"

    def refuse(_):
        raise agcam.ModelError(why)

    real = METHODS["agcam_spread"]
    rows = {**METHODS, "agcam_spread": replace(real, function=refuse)}
    monkeypatch.setattr("agcam.methods.METHODS", rows)
    explanation = agcam.explain(tiny, pixels)
    assert (explanation.beside, dict(explanation.refused)) == ((), {"agcam_spread": why})
    assert explanation.manifest()["refused"] == {"agcam_spread": why}
    with pytest.raises(agcam.UnknownNameError, match=why):
        explanation.by("agcam_spread")
    with pytest.raises(agcam.ModelError, match=why):  # the first one must be there
        agcam.explain(tiny, pixels, method=["agcam_spread", "agcam"])
    refused = card_of(explanation).methods[1]
    assert (refused.name, refused.refusal) == ("agcam_spread", why)


def test_blocks_and_heads_sum_to_the_map(tiny, pixels):
    explanation = agcam.explain(tiny, pixels, agcam.Top(2), blocks=True, batch_size=2)
    assert explanation.block_maps.shape == (3, 2, 2, 3, 4, 4)
    assert (explanation.block_maps.sum((2, 3)) - explanation.grid_map).abs().max() < 1e-6
    parts = card_of(explanation, 1).parts
    assert [(one.method, one.target, one.values.shape) for one in parts] == [
        ("agcam", 0, (2, 3, 4, 4)),
        ("agcam", 1, (2, 3, 4, 4)),
    ]
    for wrong in ({"method": "rollout"}, {"views": 4}):
        with pytest.raises(agcam.MethodError, match="blocks and heads"):
            agcam.explain(tiny, pixels, blocks=True, **wrong)


def test_old_names_are_answered(explanation):
    assert explanation.said(1, 3) == explanation.predictions(1, 3)
    with pytest.warns(DeprecationWarning, match=r"overlay\(asked=\) is called target= now"):
        old = explanation.overlay(asked=1)
    assert old == explanation.overlay(target=1)


# Together or one at a time


def apart(ours, theirs):
    """The largest difference over the largest value: methods differ in scale by thousands."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_a_batch_of_n_is_n_single_pictures(tiny, pixels, method, dtype, allowed):
    model = tiny.to(dtype)
    if method in (
        "agcam_spread",
        "agcam_rollout",
    ):  # a root of differences: near zero it is as exact
        allowed **= 0.5
    if method in (
        "agcam_focus",
        "agcam_evidence",
    ):  # a power of differences of nearly equal numbers
        allowed *= 20
    explain = partial(agcam.explain, model, method=method, options=FEW_PASSES.get(method))
    together = explain(pixels, [1, 2, 3])
    single = [explain(pixels[k : k + 1], k + 1) for k in range(3)]
    in_parts = explain(pixels, [1, 2, 3], batch_size=2)
    assert together.grid_map.dtype == together.logits.dtype == dtype
    assert together.grid_map.std() > 0
    for field in ("logits", "grid_map"):
        whole = getattr(together, field)
        singles = torch.cat([getattr(one, field) for one in single])
        assert apart(singles, whole) < allowed
        assert apart(getattr(in_parts, field), whole) < allowed
    other = explain(pixels, [3, 1, 2])
    distance = apart(other.grid_map, together.grid_map)
    assert distance > 0.01 if METHODS[method].class_specific else distance < allowed


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_k_targets_of_one_recording_are_k_calls(tiny, pixels, monkeypatch, dtype, allowed):
    model = tiny.to(dtype)
    agcam.explain(model, pixels, 0)  # surveyed
    passes = []
    model.register_forward_pre_hook(lambda *_: passes.append(1))
    together = agcam.explain(model, pixels, [[0, 1, 2, 9]] * 3)
    assert len(passes) <= 2  # one recording, one replay, whatever the targets
    for column, target in enumerate([0, 1, 2, 9]):
        single = agcam.explain(model, pixels, target)
        assert (together.grid_map[:, column] - single.grid_map[:, 0]).abs().max() < allowed
        assert together.target[:, column].tolist() == [target] * 3
    assert (together.grid_map[:, 0] - together.grid_map[:, 1]).abs().max() > 1e-3


def test_top_is_the_same_as_its_numbers(tiny, pixels):
    top = agcam.explain(tiny, pixels, Top(3))
    numbers = agcam.explain(tiny, pixels, top.logits.topk(3).indices)
    assert top.target.equal(numbers.target)
    assert top.grid_map.equal(numbers.grid_map)
    assert agcam.explain(tiny, pixels).target.equal(top.target[:, :1])


# On the original picture


@pytest.mark.parametrize(("height", "width"), [(60, 90), (90, 60), (32, 32), (7, 200), (1, 1)])
def test_the_map_lies_on_the_original_picture(tiny, height, width):
    picture = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    explanation = agcam.explain(tiny, [picture], [[1, 2]])
    (pixel_map,) = explanation.pixel_map
    assert pixel_map.shape == (2, height, width)
    assert explanation.pictures[0].size == (width, height)
    left, top, right, bottom = explanation.frames[0].window
    across = np.arange(width) + 0.5
    down = np.arange(height) + 0.5
    seen = ((down >= top) & (down <= bottom))[:, None] & ((across >= left) & (across <= right))
    assert seen.any()
    assert np.array_equal(np.isnan(pixel_map[0]), ~seen)
    assert np.array_equal(pixel_map.seen, seen)
    if height != width:
        assert not seen.all()  # the centre crop cut something off


class Light(torch.nn.Module):
    """A picture's brightest patch draws all attention: where it is, is known."""

    def __init__(self):
        super().__init__()
        self.model = timm.models.VisionTransformer(
            img_size=32, patch_size=8, embed_dim=24, depth=1, num_heads=1, num_classes=2
        )
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.zero_()
            self.model.patch_embed.proj.weight[0] = 1 / 192  # channel 0: mean brightness
            self.model.cls_token[..., 1] = 1.0
            block = self.model.blocks[0]
            block.norm1 = torch.nn.Identity()
            block.attn.qkv.weight[0, 1] = 1.0  # query of the class token
            block.attn.qkv.weight[24, 0] = 1.0  # key: brightness
            block.attn.qkv.weight[48, 0] = 1.0  # value: brightness
            block.attn.proj.weight[2, 0] = 1.0
            self.model.norm.weight.fill_(1.0)
            self.model.head.weight[1, 2] = 1.0

    def forward(self, pixels):
        return self.model(pixels)


@pytest.mark.parametrize("corner", [(18, 33), (18, 48), (33, 33), (33, 48)])
@pytest.mark.parametrize("method", ["agcam", "raw_attention"])
def test_the_map_sits_on_the_one_bright_dot(corner, method):
    row, column = corner
    picture = np.zeros((60, 90, 3), dtype=np.uint8)
    picture[row : row + 8, column : column + 8] = 255
    preparation = Preparation(size=(32, 32), mean=(0, 0, 0), std=(1, 1, 1), resize=32)
    module = Light().eval()
    classifier = Classifier(module, module, "light", "module", preparation)
    (pixel_map,) = agcam.explain(classifier, picture, 1, method).pixel_map
    brightest = np.unravel_index(np.nanargmax(pixel_map[0]), (60, 90))
    assert abs(brightest[0] - (row + 3.5)) <= 2
    assert abs(brightest[1] - (column + 3.5)) <= 2
    assert np.isnan(pixel_map[0, :, :14]).all()
    assert np.isnan(pixel_map[0, :, -14:]).all()
    assert not np.isnan(pixel_map[0, :, 15:75]).any()


def test_normalized(tiny, photograph):
    explanation = agcam.explain(tiny, [photograph, photograph[:40]], [[1, 2]] * 2)
    for raw, scaled in zip(explanation.pixel_map, explanation.pixel_map.normalized(), strict=True):
        assert scaled.shape == raw.shape
        assert np.array_equal(np.isnan(scaled), np.isnan(raw))
        assert np.nanmin(scaled, axis=(1, 2)).tolist() == [0, 0]
        assert np.nanmax(scaled, axis=(1, 2)).tolist() == pytest.approx([1, 1])
        assert np.nanmax(raw) != pytest.approx(1)


def test_overlay(tiny, photograph):
    explanation = agcam.explain(tiny, photograph, [[1, 2]])
    plain = explanation.overlay(alpha=0)
    assert plain.size == (90, 60)
    seen = explanation.pixel_map[0].seen
    assert np.array_equal(np.asarray(plain)[seen], photograph[seen])
    assert not np.array_equal(np.asarray(plain)[~seen], photograph[~seen])
    assert explanation.overlay(0, 0) != explanation.overlay(0, 1)
    assert explanation.overlay(colormap="gray") != explanation.overlay()
    with pytest.raises(UnknownNameError, match="did you mean turbo"):
        explanation.overlay(colormap="turbos")


# What may be given


def test_many_kinds_of_pictures_give_one_answer(tiny, photograph, tmp_path):
    image = Image.fromarray(photograph)
    image.save(tmp_path / "one.png")
    path = tmp_path / "one.png"
    alike = agcam.explain(tiny, [path, str(path), image, Image.open(path), photograph], 3)
    assert (alike.grid_map - alike.grid_map[0]).abs().max() < 1e-6
    assert alike.sources == (str(path), str(path), "picture-3", str(path), "picture-5")
    singles = [agcam.explain(tiny, one, 3).grid_map for one in (path, str(path), image, photograph)]
    assert all(grid_map.equal(singles[0]) for grid_map in singles)
    assert (singles[0] - alike.grid_map[:1]).abs().max() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_prepared_tensor_is_used_as_it_is(tiny, pixels, dtype):
    given_pixels = (7 * pixels).to(dtype)
    before = given_pixels.clone()
    shown = []
    tiny.register_forward_pre_hook(lambda _, args: shown.append(args[0].clone()))
    explanation = agcam.explain(tiny, given_pixels, 1)
    assert all(seen.equal(before[: len(seen)].float()) for seen in shown[-1:])
    assert given_pixels.equal(before)
    assert explanation.frames == (Frame.whole(32, 32),) * 3
    assert all(pixel_map.shape == (1, 32, 32) for pixel_map in explanation.pixel_map)
    assert all(pixel_map.seen.all() for pixel_map in explanation.pixel_map)
    assert explanation.grid_map.dtype == torch.float32  # the model's, not the tensor's


def test_a_prepared_tensor_is_shown_without_its_normalization(tiny, photograph):
    first = agcam.explain(tiny, photograph[:32, :32])
    prepared = (torch.from_numpy(photograph[:32, :32]).permute(2, 0, 1) / 255)[None]
    classifier = agcam.load(tiny)
    mean, std = classifier.preparation.mean, classifier.preparation.std
    normalized = (prepared - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    second = agcam.explain(tiny, normalized)
    assert np.array_equal(np.asarray(second.pictures[0]), photograph[:32, :32])
    assert np.array_equal(np.asarray(first.pictures[0]), photograph[:32, :32])


@pytest.mark.parametrize(
    ("pictures", "fix"),
    [
        (torch.zeros(3, 32, 32), "add the batch dimension: pixels[None]"),
        (torch.zeros(1, 96, 64), "Spectrograms (batch, time, frequency) are not"),
        (torch.zeros(1, 8, 3, 32, 32), "to a model of pictures give single frames"),
        (torch.zeros(32, 32), "(batch, channel, height, width), not (32, 32)"),
        (torch.zeros(2, 1, 32, 32), "takes 3 channel(s), and the pixels have 1"),
        (torch.zeros(2, 32, 32, 3), "pixels.permute(0, 3, 1, 2)"),
        (torch.zeros(0, 3, 32, 32), "not (0, 3, 32, 32)"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.long), "floating and normalized"),
        (torch.full((1, 3, 32, 32), float("nan")), "NaN or infinite"),
        (torch.full((1, 3, 32, 32), float("-inf")), "NaN or infinite"),
        ([torch.zeros(32, 32)], "(channel, height, width) of one size, not (32, 32)"),
        ([], "no picture was given"),
        (None, "a NoneType is not a picture"),
        (np.zeros((2, 32, 32, 3), np.uint8), "give a list of them"),
        ("nowhere.png", "nowhere.png does not exist"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_pictures_that_are_refused(tiny, pictures, fix):
    tiny.train()
    with pytest.raises((PictureError, ModelError)) as caught:
        agcam.explain(tiny, pictures)
    assert fix in str(caught.value)
    assert tiny.training


def test_a_model_of_unknown_preparation_needs_a_tensor(tiny, photograph, pixels):
    own = Classifier(tiny, tiny, "mine", "mine")  # its preparation is not known
    with pytest.raises(ModelError, match="give them prepared"):
        agcam.explain(own, photograph)
    mine = agcam.explain(own, pixels, 1)
    assert mine.grid_map.equal(agcam.explain(tiny, pixels, 1).grid_map)
    assert mine.pictures[0].size == (32, 32)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("method", list(METHODS))
def test_a_model_that_gives_nan_is_refused(tiny, pixels, method, value):
    with torch.no_grad():
        tiny.blocks[1].mlp.fc1.weight.fill_(value)
    tiny.train()
    with pytest.raises(ModelError, match="VisionTransformer gave NaN or infinite logits"):
        agcam.explain(tiny, pixels, 1, method)
    assert tiny.training


def test_what_is_not_finite_is_named(tiny, pixels):
    """The weights where they are, and only then."""
    with torch.no_grad():
        tiny.blocks[1].mlp.fc1.weight.fill_(3e38)
    with pytest.raises(ModelError, match="though its weights are finite"):
        agcam.explain(tiny, pixels, 1)
    with torch.no_grad():
        tiny.blocks[1].mlp.fc1.weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match=r"its weights blocks\.1\.mlp\.fc1\.weight are not finite"):
        agcam.explain(tiny, pixels, 1)


def test_a_model_that_sees_no_picture_is_refused(tiny, pixels):
    """Weights that were never loaded; the class token is the same for every picture."""
    torch.nn.init.zeros_(tiny.patch_embed.proj.weight)
    with pytest.raises(ModelError, match="the same tokens of two different pictures"):
        agcam.explain(tiny, pixels, 1)


def test_a_method_that_gives_nan_is_refused(tiny, pixels, monkeypatch):
    row = METHODS["random"]
    bad = dataclasses.replace(row, function=lambda trace: row.function(trace) * float("nan"))
    monkeypatch.setitem(METHODS._rows, "random", bad)
    with pytest.raises(ModelError, match="the random map has NaN or infinite values"):
        agcam.explain(tiny, pixels, 1, "random")


def test_an_unknown_method_is_reported_before_the_model_is_touched():
    with pytest.raises(UnknownNameError, match=r"no method is called 'agcan'; did you mean agcam"):
        agcam.explain(object(), None, method="agcan")


@pytest.mark.parametrize("names", [3, 12])
@pytest.mark.parametrize("target", [None, "n1", 0, "n11"])
def test_a_wrong_number_of_class_names(tiny, pixels, names, target):
    with pytest.raises(ModelError, match=f"has 10 classes, but {names} class names were given"):
        agcam.explain(agcam.load(tiny, classes=[f"n{k}" for k in range(names)]), pixels, target)


# The hash of the weights


def hash_of(model, pixels):
    found = agcam.explain(model, pixels[:1], 0).weights_hash
    assert SHA256.fullmatch(found)
    return found


def test_the_hash_changes_with_the_weights_and_not_otherwise(tiny, pixels):
    first = hash_of(tiny, pixels)
    tiny.train()
    tiny.requires_grad_(False)
    assert hash_of(tiny, 2 * pixels) == first
    assert hash_of(copy.deepcopy(tiny), pixels) == first
    assert agcam.explain(tiny, pixels, 5, "rollout").weights_hash == first
    seen = {first}
    for parameter in (tiny.head.bias, tiny.blocks[1].attn.qkv.weight, tiny.cls_token):
        before = parameter.detach().clone()
        with torch.no_grad():
            parameter.view(-1)[0] += 1e-3
        changed = hash_of(tiny, pixels)
        assert changed not in seen
        seen.add(changed)
        with torch.no_grad():
            parameter.copy_(before)
        assert hash_of(tiny, pixels) == first
    del tiny.head
    tiny.head = torch.nn.Linear(24, 10)
    assert hash_of(tiny, pixels) not in seen


def test_the_hash_sees_types_and_a_step_of_training(tiny, pixels):
    first = hash_of(tiny, pixels)
    optimizer = torch.optim.SGD(tiny.parameters(), lr=0.1)
    tiny(pixels).logsumexp(-1).sum().backward()
    optimizer.step()
    trained = hash_of(tiny, pixels)
    assert trained != first
    assert hash_of(tiny.double(), pixels) != trained


# Saved


def test_save_writes_what_the_manifest_names(tiny, photograph, tmp_path):
    Image.fromarray(photograph).save(tmp_path / "Züri hund.png")
    named = agcam.load(tiny, classes=[f"Name/{k} of, that" for k in range(10)])
    explanation = agcam.explain(named, [tmp_path / "Züri hund.png"], [[3, 7]])
    written = explanation.save(tmp_path / "new" / "out")
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == [
        "Züri-hund.3-name-3-of.map.png",
        "Züri-hund.3-name-3-of.overlay.png",
        "Züri-hund.7-name-7-of.map.png",
        "Züri-hund.7-name-7-of.overlay.png",
        "Züri-hund.json",
        "Züri-hund.npy",
    ]
    assert {path.name for path in written} == {p.name for p in (tmp_path / "new" / "out").iterdir()}
    folder = tmp_path / "new" / "out"

    manifest = json.loads((folder / "Züri-hund.json").read_text(encoding="utf-8"))
    assert set(manifest) == {
        *("schema_version", "source", "size", "window", "preparation", "model", "family"),
        *("weights_sha256", "scores", "method", "class_specific", "tracer", "grid", "versions"),
        *(
            "notes",
            "options",
            "beside",
            "refused",
            "refine",
            "views",
            "prediction",
            "top",
            "targets",
            "map_file",
            "map_size",
        ),
    }
    assert manifest["schema_version"] == 2
    assert (manifest["scores"], manifest["class_specific"]) == ("softmax", True)
    assert manifest["source"] == str(tmp_path / "Züri hund.png")
    assert manifest["size"] == [90, 60]
    assert manifest["window"] == list(explanation.frames[0].window)
    assert manifest["weights_sha256"] == explanation.weights_hash
    assert (manifest["method"], manifest["tracer"]) == ("agcam", "replay")
    assert manifest["grid"] == [4, 4]
    assert manifest["versions"] == dict(explanation.versions)
    best = int(explanation.prediction[0])
    assert manifest["prediction"] == {
        "class": best,
        "name": f"Name/{best} of",
        "logit": float(explanation.logits[0, best]),
        "value": float(explanation.logits[0, best]),
        "probability": float(explanation.probabilities[0, best]),
    }
    values = np.load(folder / manifest["map_file"], allow_pickle=False)
    assert values.dtype == np.float32
    assert np.array_equal(values, explanation.pixel_map[0], equal_nan=True)
    assert [entry["class"] for entry in manifest["targets"]] == [3, 7]
    for target, entry in enumerate(manifest["targets"]):
        grid_map = explanation.grid_map[0, target]
        assert entry["relevance"] == {
            "lowest": float(grid_map.min()),
            "highest": float(grid_map.max()),
        }
        with Image.open(folder / entry["files"]["overlay"]) as overlay:
            assert overlay.convert("RGB") == explanation.overlay(0, target)
        with Image.open(folder / entry["files"]["map"]) as heat:
            assert heat.size == (90, 60)


def test_saving_again_changes_nothing(explanation, tmp_path):
    first = {path: path.read_bytes() for path in explanation.save(tmp_path)}
    assert len(first) == 3 * 6
    assert {path: path.read_bytes() for path in explanation.save(str(tmp_path))} == first


def test_a_float64_map_is_saved_as_float32(tiny, pixels, tmp_path):
    explanation = agcam.explain(tiny.double(), pixels[:1], 1)
    assert explanation.pixel_map[0].dtype == np.float64
    explanation.save(tmp_path)
    assert np.load(tmp_path / "picture-1.npy").dtype == np.float32


def test_equal_names_are_numbered_on_disk(tiny, photograph, tmp_path):
    paths = [tmp_path / folder / "dog.png" for folder in "abc"]
    for shade, path in enumerate(paths):
        path.parent.mkdir()
        Image.fromarray(photograph // (shade + 1)).save(path)
    explanation = agcam.explain(tiny, paths, 1)
    explanation.save(tmp_path / "out")
    for number, stem in enumerate(["dog", "dog-2", "dog-3"]):
        manifest = json.loads((tmp_path / "out" / f"{stem}.json").read_text())
        assert manifest["source"] == str(paths[number])
        values = np.load(tmp_path / "out" / manifest["map_file"])
        assert np.array_equal(values, explanation.pixel_map[number], equal_nan=True)


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["x/dog.png", "y/dog.jpg", "cat.png"], ["dog", "dog-2", "cat"]),
        (["dog.png", "dog-3.png", "y/dog.png"], ["dog", "dog-3", "dog-4"]),
        (["Dog.png", "dog.png"], ["Dog", "dog-2"]),
        (["...", "a b?.png"], ["picture-1", "a-b"]),
        (["../../etc/passwd"], ["passwd"]),
        ([".hidden.png"], ["hidden"]),
    ],
)
def test_file_names(sources, names):
    assert file_names(sources) == names


@given(st.lists(st.text(alphabet="aA-23./ ", max_size=6) | st.text(max_size=5), max_size=12))
def test_file_names_are_always_different_and_safe(sources):
    names = file_names(sources)
    assert len(names) == len(sources)
    assert len({name.casefold() for name in names}) == len(names)
    assert all(name and name == Path(name).name and not name.startswith(".") for name in names)


def test_own_names(explanation, tmp_path):
    explanation.save(tmp_path, names=["x", "y", "z"])
    assert {path.name for path in tmp_path.glob("*.json")} == {"x.json", "y.json", "z.json"}


@pytest.mark.parametrize("names", [["x"], list("wxyz")])
def test_own_names_of_a_wrong_number_write_nothing(explanation, tmp_path, names):
    with pytest.raises(SaveError, match=f"{len(names)} names for 3 pictures"):
        explanation.save(tmp_path, names=names)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", ["open", "replace"])
@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_full_disk_leaves_nothing_behind(tiny, pixels, tmp_path, monkeypatch, step, after):
    explanation = agcam.explain(tiny, pixels[:1], [[1, 2]])
    real, count = getattr(Path, step), iter(range(100))

    def fails(self, *args, **kwargs):
        if next(count) >= after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, step, fails)
    with pytest.raises(SaveError, match="the disk is full"):
        explanation.save(tmp_path / "out")
    monkeypatch.undo()
    assert next(count) == after + 1  # it stopped at the first failure
    assert not list((tmp_path / "out").iterdir())
    assert len(explanation.save(tmp_path / "out")) == 6


def test_a_disk_that_fills_up_later_keeps_the_whole_pictures(explanation, tmp_path, monkeypatch):
    real, count = Path.replace, iter(range(100))

    def fails(self, target):
        if next(count) >= 8:  # six files are the first picture's
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(SaveError):
        explanation.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 6
    assert all(path.name.startswith("picture-1.") for path in tmp_path.iterdir())


def test_the_folder_is_a_file(explanation, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SaveError, match="a file stands where a folder should be"):
        explanation.save(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_files_may_be_small_and_of_another_format(tiny, photograph, tmp_path):
    explanation = agcam.explain(tiny, photograph, 3)
    written = explanation.save(tmp_path, kind="webp", side=45)
    manifest = json.loads(written[-1].read_text())
    assert (manifest["size"], manifest["map_size"]) == ([90, 60], [45, 30])
    assert np.load(tmp_path / manifest["map_file"]).shape == (1, 30, 45)
    for name in manifest["targets"][0]["files"].values():
        with Image.open(tmp_path / name) as drawn:
            assert (drawn.format, drawn.size) == ("WEBP", (45, 30))
    with pytest.raises(agcam.SaveError, match="png, jpg, webp"):
        explanation.save(tmp_path, kind="tiff")
