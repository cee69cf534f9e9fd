"""Files as trainers write them: any prefix, foreign keys, other forms; loaded exactly, or refused.

The referee of every file that loads is the module that it was saved from: the same logits.
"""

import argparse
import collections
import datetime
import functools
import pathlib
import types

import numpy as np
import pytest
import timm
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import agcam
from agcam import LoadError, ModelError

ARCH = "timm:test_vit"
few = settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@functools.cache
def model(**options):
    torch.manual_seed(0)
    made = timm.create_model("test_vit", **{"num_classes": 5, **options}).eval()
    for parameter in made.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    return made


def saved(path, content):
    torch.save(content, path)
    return path


def prefixed(state, prefix):
    return {prefix + key: tensor for key, tensor in state.items()}


def same_logits(classifier, module, size=160, channels=3):
    pixels = torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return classifier.module(pixels).equal(module(pixels))


def refused(path, arch=ARCH):
    with pytest.raises(LoadError) as caught:
        agcam.load(path, arch=arch)
    assert "\n" not in str(caught.value)
    return str(caught.value)


words = st.sampled_from(["model", "backbone", "vit", "encoder", "net", "module", "x1", "trunk"])
prefixes = st.lists(words, max_size=3).map(lambda parts: "".join(f"{part}." for part in parts))
foreign = st.sampled_from(
    [
        "criterion.weight",
        "loss.class_weights",
        "loss_fn.alpha",
        "metric.total",
        "val_metrics.confusion",
        "ema.decay",
        "n_averaged",
        "teacher.head.bias",
        "queue",
        "decoder.weight",
        "mask_token",
        "optimizer.step",
    ]
)
nests = st.sampled_from(["", "state_dict", "model", "model_ema", "net", "ckpt", "outer"])


@few
@given(prefix=prefixes, extra=st.sets(foreign, max_size=4), nest=nests)
def test_any_prefix_and_foreign_keys(tmp_path, prefix, extra, nest):
    state = {**prefixed(model().state_dict(), prefix), **{key: torch.ones(5) for key in extra}}
    content = {nest: state, "epoch": 3, "optimizer": {"state": {0: {"step": torch.ones(1)}}}}
    classifier = agcam.load(saved(tmp_path / "w.pt", content if nest else state), arch=ARCH)
    assert same_logits(classifier, model())
    (note,) = [note for note in classifier.notes if note.startswith("weights:")]
    assert (f"prefix {prefix} stripped" in note) == bool(prefix)
    assert (f"{len(extra)} ignored" in note) == bool(extra)
    assert (f"taken from {nest}" in note) == bool(nest)


@pytest.mark.parametrize(
    "beside",
    [
        argparse.Namespace(lr=0.1, output_dir=pathlib.Path("out"), names=["a"]),
        types.SimpleNamespace(a=1),
        np.float64(0.9),
        np.int64(3),
        np.bool_(True),
        np.str_("best"),
        np.arange(3),
        np.datetime64("2026-01-01"),
        pathlib.PurePosixPath("a/b"),
        pathlib.PureWindowsPath("a/b"),
        collections.OrderedDict(a=1),
        collections.defaultdict(list, {"a": [1]}),
        collections.deque([1, 2]),
        collections.Counter("aab"),
        datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
        datetime.timedelta(1),
        {1, 2},
        frozenset({1}),
        slice(2),
        range(3),
        torch.Size([1]),
        torch.bfloat16,
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("new", [True, False])
def test_plain_data_beside_the_weights(tmp_path, beside, new):
    before = list(torch.serialization.get_safe_globals())
    path = tmp_path / "w.pt"
    content = {"model": model().state_dict(), "args": beside}
    torch.save(content, path, _use_new_zipfile_serialization=new)
    assert same_logits(agcam.load(path, arch=ARCH), model())
    assert set(torch.serialization.get_safe_globals()) == set(before)  # for the one call only


def test_what_the_user_allowed_stays_allowed(tmp_path):
    path = saved(tmp_path / "w.pt", {"model": model().state_dict(), "args": argparse.Namespace()})
    with torch.serialization.safe_globals([argparse.Namespace]):
        agcam.load(path, arch=ARCH)
        assert argparse.Namespace in torch.serialization.get_safe_globals()


class Unknown:
    """A class that no loader can know."""


@pytest.mark.parametrize(
    "beside", [Unknown(), sorted, torch.nn.Linear(2, 2)], ids=["class", "function", "module"]
)
def test_what_is_not_plain_data_is_named(tmp_path, beside):
    message = refused(saved(tmp_path / "w.pt", {"model": model().state_dict(), "args": beside}))
    assert getattr(beside, "__name__", type(beside).__name__) in message


@pytest.mark.parametrize(
    "options",
    [
        {"img_size": 224},
        {"img_size": 96},
        {"in_chans": 1},
        {"in_chans": 13},
        {"num_classes": 1},
        {"global_pool": "avg"},
        {"img_size": 64, "in_chans": 4, "num_classes": 11, "global_pool": "avg"},
    ],
    ids=repr,
)
def test_the_architecture_takes_the_file_s_form(tmp_path, options):
    path = saved(tmp_path / "w.pt", prefixed(model(**options).state_dict(), "vit."))
    classifier = agcam.load(path, arch=ARCH)
    size, channels = options.get("img_size", 160), options.get("in_chans", 3)
    assert same_logits(classifier, model(**options), size, channels)
    note = classifier.notes[-1]
    assert (f"{size} x {size} pixels" in note) == ("img_size" in options)
    assert (f"{channels} channel" in note) == ("in_chans" in options)
    assert ("the mean of the patches" in note) == ("global_pool" in options)


def test_a_head_beside_the_backbone_is_taken(tmp_path):
    state = model().state_dict()
    content = {(k if k.startswith("head.") else f"backbone.{k}"): v for k, v in state.items()}
    classifier = agcam.load(saved(tmp_path / "w.pt", {"state_dict": content}), arch=ARCH)
    assert same_logits(classifier, model())
    assert (
        "head.bias, head.weight taken from beside it, as reading its output" in classifier.notes[-1]
    )


@pytest.mark.parametrize("extra", [{}, {"mask_token": torch.zeros(1, 1, 64)}])
def test_a_file_without_a_head_is_a_backbone(tmp_path, extra):
    state = model(num_classes=0).state_dict()
    classifier = agcam.load(saved(tmp_path / "w.pt", {"model": {**state, **extra}}), arch=ARCH)
    assert same_logits(classifier, model(num_classes=0))
    assert "no classifier in the file" in classifier.notes[-1]
    with pytest.raises(ModelError, match="backbone without a classifier"):
        agcam.explain(classifier, torch.randn(1, 3, 160, 160))


def refusal(classifier):
    with pytest.raises(ModelError, match="backbone without a classifier") as caught:
        agcam.explain(classifier, torch.randn(1, 3, 160, 160))
    return str(caught.value)


@few
@given(
    prefix=prefixes,
    nest=st.sampled_from(["", "state_dict", "outer"]),
    head=st.sampled_from(["classifier", "cls_layer", "fc", "top.linear", "my_head.out"]),
    extra=st.sets(foreign.filter(lambda name: "head" not in name), max_size=2),
)
def test_the_line_that_renames_a_head_mends_the_file(
    tmp_path, monkeypatch, prefix, nest, head, extra
):
    """A head under another name is not used; what was not, and the line that helps, are named."""
    monkeypatch.chdir(tmp_path)
    own = {
        k.replace("head.", f"{head}."): v for k, v in prefixed(model().state_dict(), prefix).items()
    }
    state = {**own, **{key: torch.ones(5) for key in extra}}
    file = saved(tmp_path / "w.pt", {nest: state, "epoch": 3} if nest else state)
    why = refusal(agcam.load(file, arch=ARCH))
    assert "its file has no head.weight, head.bias" in why
    assert f"{prefix}{head}.weight {tuple(model().head.weight.shape)}" in why
    exec(why.split("rename them: ")[1].removesuffix("."), {})  # as its reader does
    assert same_logits(agcam.load(tmp_path / "renamed.pth", arch=ARCH), model())


def test_a_head_of_several_layers_or_of_another_width_is_named(tmp_path):
    """No renaming would help: the module is to be built with it."""
    bare = model(num_classes=0).state_dict()
    for layers in ({"my.0.weight": (9, 64), "my.2.weight": (3, 9)}, {"fc.weight": (3, 9)}):
        state = {**bare, **{name: torch.zeros(shape) for name, shape in layers.items()}}
        why = refusal(agcam.load(saved(tmp_path / "w.pt", state), arch=ARCH))
        assert all(f"{name} {shape}" in why for name, shape in layers.items())
        assert "if these are its head, build the module with that head" in why


@pytest.mark.parametrize(
    ("extra", "hint"),
    [
        ({"dist_token": torch.zeros(1, 1, 64)}, "1 unexpected (dist_token)"),
        ({"reg_token": torch.zeros(1, 4, 64)}, "1 unexpected (reg_token)"),
        ({"norm_pre.weight": torch.zeros(64)}, "1 unexpected (norm_pre.weight)"),
        ({"blocks.0.ls1.gamma": torch.zeros(64)}, "1 unexpected (blocks.0.ls1.gamma)"),
        ({"blocks.0.attn.lora_a": torch.zeros(64)}, "1 unexpected (blocks.0.attn.lora_a)"),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("prefix", ["", "model."])
def test_parts_of_a_model_are_never_left_out(tmp_path, extra, hint, prefix):
    path = saved(tmp_path / "w.pt", prefixed({**model().state_dict(), **extra}, prefix))
    assert hint.replace("(", f"({prefix}") in refused(path)


def test_a_head_without_a_bias_is_refused(tmp_path):
    state = dict(model().state_dict())
    del state["head.bias"]
    assert "1 missing (head.bias)" in refused(saved(tmp_path / "w.pt", state))


@pytest.mark.parametrize("wrapper", ["_orig_mod.", "_fsdp_wrapped_module."])
def test_wrappers_of_parts_are_taken_out_of_names(tmp_path, wrapper):
    state = model().state_dict()
    content = {key.replace("blocks.0.", f"blocks.0.{wrapper}"): v for key, v in state.items()}
    assert same_logits(agcam.load(saved(tmp_path / "w.pt", content), arch=ARCH), model())


def test_buffers_that_every_model_computes_are_no_part_of_it(tmp_path):
    state = {**model().state_dict(), "blocks.0.attn.relative_position_index": torch.zeros(2)}
    assert same_logits(agcam.load(saved(tmp_path / "w.pt", state), arch=ARCH), model())


def test_optimizers_by_name_are_no_weights(tmp_path):
    state = model().state_dict()
    moments = {key: torch.zeros_like(tensor) for key, tensor in state.items()}
    path = saved(tmp_path / "w.pt", {"model": state, "optimizer": {"exp_avg": moments}})
    assert same_logits(agcam.load(path, arch=ARCH), model())


def test_safetensors_under_another_name(tmp_path):
    save_file(model().state_dict(), tmp_path / "weights.bin")
    assert same_logits(agcam.load(tmp_path / "weights.bin", arch=ARCH), model())


def test_an_architecture_that_has_no_head_of_its_own(tmp_path):
    made = timm.create_model("vit_small_patch14_dinov2", depth=1, img_size=56, num_classes=5).eval()
    state = prefixed(made.state_dict(), "model.")
    classifier = agcam.load(saved(tmp_path / "w.pt", state), arch="timm:one_block_dinov2")
    assert same_logits(classifier, made, 56)


@timm.models.register_model
def one_block_dinov2(pretrained=False, **options):
    return timm.create_model("vit_small_patch14_dinov2", depth=1, **options)


def test_an_mlp_head_is_named(tmp_path):
    state = model(num_classes=0).state_dict()
    head = {"head.0.weight": torch.zeros(32, 64), "head.2.weight": torch.zeros(5, 32)}
    message = refused(saved(tmp_path / "w.pt", prefixed({**state, **head}, "net.")))
    assert "head.0.weight (32, 64), head.2.weight (5, 32) instead of head.weight" in message


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"img_size": (160, 320)}, "pos_embed (1, 201, 64), not (1, 101, 64)"),
        ({"patch_size": 32}, "patch_embed.proj.weight (64, 3, 32, 32), not (64, 3, 16, 16)"),
        ({"depth": 4}, "missing (blocks.4."),
    ],
    ids=repr,
)
def test_what_cannot_be_derived_is_refused(tmp_path, options, hint):
    assert hint in refused(saved(tmp_path / "w.pt", model(**options).state_dict()))


@pytest.mark.parametrize("averaged", ["model_ema.module.", "ema_model.", "swa.", "ema."])
def test_averaged_copies_come_first_and_are_named(tmp_path, averaged):
    other = {key: tensor + 1 for key, tensor in model().state_dict().items()}
    both = {**prefixed(other, "model."), **prefixed(model().state_dict(), averaged)}
    classifier = agcam.load(saved(tmp_path / "w.pt", {"state_dict": both}), arch=ARCH)
    assert same_logits(classifier, model())
    assert "not state_dict.model" in classifier.notes[-1]


def test_two_sets_that_fit_are_refused_unless_they_are_equal(tmp_path):
    state = model().state_dict()
    other = {key: tensor + 1 for key, tensor in state.items()}
    message = refused(saved(tmp_path / "w.pt", {"student": other, "teacher": state}))
    assert "student, teacher" in message
    path = saved(tmp_path / "w.pt", {"student": state, "teacher": dict(state)})
    assert same_logits(agcam.load(path, arch=ARCH), model())


def test_safetensors_with_metadata(tmp_path):
    save_file(model().state_dict(), tmp_path / "w.safetensors", {"format": "pt", "args": "{}"})
    assert same_logits(agcam.load(tmp_path / "w.safetensors", arch=ARCH), model())


@pytest.mark.filterwarnings("ignore")  # torch warns of the sparse tensor itself
@pytest.mark.parametrize(
    ("head", "hint"),
    [
        (torch.zeros(1).expand(10**9, 64), "64,000,000,000 numbers of which the file holds a few"),
        (torch.zeros(1_000_001, 64, dtype=torch.int8), "claims 1,000,001 classes"),
        (torch.zeros(5, 64).to_sparse(), "head.weight is sparse"),
        (torch.zeros(5, 64, dtype=torch.complex64), "head.weight is complex"),
        (torch.zeros(5, 64, device="meta"), "head.weight is on the meta device"),
        (torch.zeros(5, 64, dtype=torch.int8), "head.weight (5, 64) of int8, not (5, 64)"),
    ],
    ids=lambda value: str(value)[-20:],
)
def test_odd_tensors_end_in_a_sentence(tmp_path, head, hint):
    assert hint in refused(saved(tmp_path / "w.pt", {**model().state_dict(), "head.weight": head}))


@pytest.mark.filterwarnings("ignore")
def test_torchscript_is_named(tmp_path):
    script = torch.jit.script(torch.nn.Linear(2, 2))
    script.save(tmp_path / "w.pt")
    assert "torch.jit.load(FILE)" in refused(tmp_path / "w.pt")


@pytest.mark.parametrize("prefix", ["", "net.", "lit.model."])
@pytest.mark.parametrize("part", ["whole", "base"])
def test_hugging_face_files(tmp_path, prefix, part):
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 3}
    config = transformers.ViTConfig(**small, intermediate_size=48, image_size=64, num_labels=3)
    module = transformers.ViTForImageClassification(config).eval()
    config.save_pretrained(tmp_path)
    state = (module if part == "whole" else module.vit).state_dict()
    path = saved(tmp_path / "w.pt", prefixed(state, prefix))
    classifier = agcam.load(path, arch=f"hf:{tmp_path}")
    pixels = torch.randn(1, 3, 64, 64)
    if part == "whole":
        assert classifier.predict(pixels).equal(module(pixels).logits)
    else:
        hidden = classifier.module.vit(pixels).last_hidden_state
        assert hidden.equal(module.vit(pixels).last_hidden_state)
        with pytest.raises(ModelError, match="backbone without a classifier"):
            classifier.predict(pixels)


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b'{"weight_map": {}}', "it is JSON"),
    ],
)
def test_what_lies_where_weights_should_is_named(tmp_path, name, content, hint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LoadError, match=hint):
        agcam.load(tmp_path / name, arch="timm:test_vit")
    with pytest.raises(LoadError, match="it is a folder"):
        agcam.load(tmp_path, arch="timm:test_vit")


@pytest.mark.parametrize("first", b"<{")
def test_weights_may_begin_with_any_byte(tmp_path, first):
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "w.safetensors")
    data = (tmp_path / "w.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    padding = (first - size) % 256  # the header's length, of which this is the first byte
    header = data[8 : 8 + size] + b" " * padding
    changed = (size + padding).to_bytes(8, "little") + header + data[8 + size :]
    (tmp_path / "w.safetensors").write_bytes(changed)
    assert changed[0] == first
    assert agcam.load(tmp_path / "w.safetensors", arch="timm:test_vit").family == "timm"


def test_adapters_in_a_file_are_named(tmp_path):
    state = timm.create_model("test_vit").state_dict()
    qkv = "blocks.0.attn.qkv"
    state[f"{qkv}.base_layer.weight"] = state.pop(f"{qkv}.weight")
    state[f"{qkv}.lora_A.default.weight"] = torch.zeros(8, 64)
    torch.save({f"base_model.model.{key}": some for key, some in state.items()}, tmp_path / "a.pt")
    with pytest.raises(LoadError, match="merge_and_unload"):
        agcam.load(tmp_path / "a.pt", arch="timm:test_vit")


def test_a_file_beside_its_configuration(tmp_path):
    torch.save({"layer.weight": torch.zeros(2)}, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text("{}")
    for arch in (None, "timm:test_vit"):
        with pytest.raises(LoadError, match=r"give (its|the) folder"):
            agcam.load(tmp_path / "pytorch_model.bin", arch=arch)
