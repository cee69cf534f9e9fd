"""Wrappers around a model: it is recognised within them, and gives the same map."""

import functools
import json
import sys

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import agcam
from agcam import LoadError, ModelError

SMALL = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "image_size": 64}
few = settings(max_examples=12)


@functools.cache
def bare(classes=1000):
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=classes).eval()


@functools.cache
def hugging_face(classes=3):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    names = dict(enumerate(["cat", "dog", "owl", "cow", "hen"][:classes]))
    config = transformers.ViTConfig(**SMALL, intermediate_size=96, id2label=names)
    return transformers.ViTForImageClassification(config).eval()


def pixels(batch=1, side=160):
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(1))


@functools.cache
def explained_bare():
    return agcam.explain(bare(), pixels(), 7)


class Within(nn.Module):
    """A module of one's own with a model inside, by any name."""

    def __init__(self, inner, name="model", after=lambda y: y):
        super().__init__()
        setattr(self, name, inner)
        self.name, self.after = name, after

    def forward(self, x):
        return self.after(getattr(self, self.name)(x))


def lightning_module(inner):
    lightning = pytest.importorskip("lightning")

    class Lit(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = inner
            self.loss = nn.CrossEntropyLoss(weight=torch.ones(1000))

        def forward(self, x):
            return self.net(x)

    return Lit()


WRAPPERS = {
    "data_parallel": nn.DataParallel,
    "averaged": torch.optim.swa_utils.AveragedModel,
    "compiled": torch.compile,
    "sequential": lambda inner: nn.Sequential(inner, nn.Identity()),
    "own": Within,
    "backbone": lambda inner: Within(inner, "backbone"),
    "tuple": lambda inner: Within(inner, "encoder", lambda y: (y, y.mean())),
    "lightning": lightning_module,
}


def wrapped(names, inner):
    done = set()  # torch makes a function of what is compiled twice
    for name in names:
        inner = inner if "compiled" in done and name == "compiled" else WRAPPERS[name](inner)
        done.add(name)
    return inner.eval()


@few
@given(
    names=st.lists(st.sampled_from([n for n in WRAPPERS if n != "tuple"]), min_size=1, max_size=3),
    last=st.sampled_from([None, "tuple"]),
)
def test_any_stack_of_wrappers_gives_the_bare_model_s_map(names, last):
    model = wrapped([*names, *([last] if last else [])], bare())
    expected, found = explained_bare(), agcam.explain(model, pixels(), 7)
    assert found.grid_map.equal(expected.grid_map)
    assert found.logits.equal(expected.logits)
    assert found.class_names == expected.class_names
    assert found.family == "timm"
    assert agcam.load(model).preparation == agcam.load(bare()).preparation


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_picture_is_prepared_as_for_the_model_within(name, photograph):
    found = agcam.explain(wrapped([name], bare()), photograph, "tabby")
    assert found.grid_map.equal(agcam.explain(bare(), photograph, "tabby").grid_map)


@pytest.mark.parametrize("name", [n for n in WRAPPERS if n not in {"tuple", "lightning"}])
def test_hugging_face_within(name):
    if name in {"sequential", "own", "backbone"}:
        inner = Within(hugging_face(), "model", lambda y: y.logits)
    else:
        inner = hugging_face()
    found = agcam.explain(WRAPPERS[name](inner).eval(), pixels(side=64), "owl")
    assert found.grid_map.equal(agcam.explain(hugging_face(), pixels(side=64), "owl").grid_map)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # of PEFT's own
@pytest.mark.parametrize("library", ["timm", "hf"])
def test_lora(library, photograph):
    peft = pytest.importorskip("peft")
    make = {"timm": lambda: timm.create_model("test_vit"), "hf": hugging_face.__wrapped__}[library]
    layers = {"timm": ["qkv"], "hf": ["query", "value", "q_proj", "v_proj"]}[library]
    config = peft.LoraConfig(target_modules=layers, init_lora_weights=False)
    torch.manual_seed(0)
    model = peft.get_peft_model(make(), config).eval()
    found = agcam.explain(model, photograph, 1)
    side = {"timm": 160, "hf": 64}[library]
    with torch.no_grad():
        expected = model(pixels(side=side))
    expected = expected if library == "timm" else expected.logits
    torch.testing.assert_close(
        agcam.explain(model, pixels(side=side), 1).logits, expected, rtol=1e-4, atol=1e-5
    )
    assert found.family == library
    assert len(found.class_names) == {"timm": 1000, "hf": 3}[library]
    merged = agcam.explain(model.merge_and_unload(), photograph, 1)  # the same model, folded
    torch.testing.assert_close(found.grid_map, merged.grid_map, rtol=1e-3, atol=1e-6)


def test_a_head_of_one_s_own_has_no_names_of_the_model_within():
    torch.manual_seed(0)
    model = nn.Sequential(bare(), nn.Linear(1000, 1000)).eval()  # as many, and not the same
    assert agcam.explain(model, pixels(), 3).class_names == ()
    names = [f"name {i}" for i in range(1000)]
    assert agcam.explain(agcam.load(model, classes=names), pixels(), 3).class_names == tuple(names)
    some = agcam.explain(Within(bare(), "model", lambda y: y[:, [281, 282, 285]]), pixels(), 1)
    assert some.class_names == ()
    assert not any("class names" in note for note in some.notes)
    softened = Within(bare(), "model", lambda y: y / 2)
    assert agcam.explain(softened, pixels(), 3).class_names[281] == "tabby, tabby cat"


def test_a_subclass_with_other_outputs_has_no_names_of_the_library():
    class Mine(timm.models.VisionTransformer):
        def forward(self, x):
            return super().forward(x)[:, :5]

    torch.manual_seed(0)
    model = Mine(img_size=64, embed_dim=48, depth=1, num_heads=3).eval()
    model.pretrained_cfg = {"num_classes": 1000, "label_names": [f"n{i}" for i in range(1000)]}
    assert len(agcam.load(model).class_names) == 1000
    assert agcam.explain(model, pixels(side=64), 3).class_names == ()


def test_backbone_and_head_are_prepared_as_the_backbone(photograph):
    torch.manual_seed(0)
    backbone = timm.create_model("test_vit", num_classes=0).eval()
    head = nn.Linear(64, 5)
    whole = timm.create_model("test_vit", num_classes=5).eval()
    whole.load_state_dict(
        {**backbone.state_dict(), "head.weight": head.weight, "head.bias": head.bias}
    )
    found = agcam.explain(nn.Sequential(backbone, head), photograph, 3)
    assert found.grid_map.equal(agcam.explain(whole, photograph, 3).grid_map)
    assert found.class_names == ()
    assert agcam.load(nn.Sequential(backbone, head)).family == "timm"


def test_two_models_within_are_no_guess(photograph):
    class Two(nn.Module):
        def __init__(self, first, second):
            super().__init__()
            self.first, self.second = first, second

        def forward(self, x):
            return self.first(x)

    other = timm.create_model("vit_tiny_patch16_224", depth=1, num_classes=7)
    ambiguous = agcam.load(Two(bare(), other))
    assert ambiguous.preparation is None
    assert "holds 2 models" in ambiguous.notes[-1]
    with pytest.raises(ModelError, match="prepar"):
        agcam.explain(ambiguous, photograph)
    alike = agcam.load(Two(bare(), timm.create_model("test_vit")))
    assert alike.preparation == agcam.load(bare()).preparation


class Features(nn.Module):
    """Takes a token from within a backbone."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner.forward_features(x)[:, 0]


def headless_modules():
    vision = pytest.importorskip("torchvision.models")
    transformers = pytest.importorskip("transformers")
    open_clip = pytest.importorskip("open_clip")
    config = transformers.ViTConfig(**SMALL, intermediate_size=96)
    tv = vision.VisionTransformer(64, 16, 2, 3, 48, 96)
    tv.heads = nn.Identity()
    tower = open_clip.CLIPVisionCfg(layers=1, width=48, head_width=16, patch_size=16, image_size=64)
    text = open_clip.CLIPTextCfg(layers=1, width=32, heads=2)
    embed = timm.create_model("test_vit", num_classes=0)
    cut = timm.create_model("test_vit")
    cut.head = nn.Sequential(nn.Dropout(0.1), nn.Identity())
    own = Within(nn.Conv2d(3, 5, 16, 16), "backbone", lambda y: y.mean((2, 3)))
    own.head = nn.Identity()
    no_labels = transformers.ViTForImageClassification(
        transformers.ViTConfig(**SMALL, intermediate_size=96, num_labels=0)
    )
    return {
        "timm": (embed, 160),
        "timm tokens": (timm.create_model("test_vit", num_classes=0, global_pool=""), 160),
        "timm cut": (cut, 160),
        "resnet": (timm.create_model("resnet18", num_classes=0), 64),
        "hf": (transformers.ViTModel(config), 64),
        "hf no labels": (no_labels, 64),
        "torchvision": (tv, 64),
        "open_clip tower": (open_clip.CLIP(24, tower, text).visual, 64),
        "wrapped": (nn.DataParallel(embed), 160),
        "own around it": (Within(embed, "net"), 160),
        "normalized": (Within(embed, "net", lambda y: nn.functional.normalize(y, dim=1)), 160),
        "lightning": (lightning_module(embed), 160),
        "token within": (Features(embed), 160),
        "own": (own, 64),
    }


@pytest.mark.parametrize(
    "kind",
    [
        *("timm", "timm tokens", "timm cut", "resnet", "hf", "hf no labels", "torchvision"),
        *("open_clip tower", "wrapped", "own around it", "normalized", "lightning", "own"),
        *("token within",),
    ],
)
def test_a_backbone_without_a_classifier_is_loaded_and_refused_by_name(kind):
    model, side = headless_modules()[kind]
    classifier = agcam.load(model.eval())
    assert classifier.output is not None
    with torch.no_grad():
        given = classifier.output(pixels(side=side))
        expected = model(pixels(side=side))
    first = given if isinstance(given, torch.Tensor) else given[0]
    assert first.equal(expected if isinstance(expected, torch.Tensor) else expected[0])
    for method in ("agcam", "occlusion"):
        with pytest.raises(ModelError, match="backbone without a classifier") as caught:
            agcam.explain(classifier, pixels(side=side), method=method)
        assert "target=lambda y:" in str(caught.value)


def test_a_plain_module_of_one_s_own_is_a_classifier():
    model = nn.Sequential(nn.Conv2d(3, 5, 16, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert agcam.explain(model, pixels(side=64), 3, "occlusion").logits.shape == (1, 5)


@pytest.mark.parametrize("part", ["classifier", "encoder"])
@pytest.mark.parametrize("fault", ["missing", "another shape"])
def test_weights_that_the_files_lack_are_never_drawn_at_random(tmp_path, part, fault):
    transformers = pytest.importorskip("transformers")
    from safetensors.torch import load_file, save_file

    model = hugging_face.__wrapped__()
    model.save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path)
    assert agcam.load(str(tmp_path)).class_names == ("cat", "dog", "owl")  # no prefix is needed
    state = load_file(tmp_path / "model.safetensors")
    key = {"classifier": "classifier.weight", "encoder": "vit.layernorm.weight"}[part]
    if fault == "missing":
        del state[key]
    else:
        state[key] = torch.zeros(7, *state[key].shape[1:])
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    if part == "encoder":
        with pytest.raises(LoadError, match=r"lack 1 weights of the model \(vit.layernorm.weight"):
            agcam.load(f"hf:{tmp_path}")
        return
    classifier = agcam.load(f"hf:{tmp_path}")
    with pytest.raises(ModelError, match=r"no such weights: classifier\.weight"):
        agcam.explain(classifier, pixels(side=64))
    hidden = classifier.output(pixels(side=64)).last_hidden_state
    assert hidden.equal(model.vit(pixels(side=64)).last_hidden_state)


def test_a_folder_of_a_bare_model(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ViTConfig(**SMALL, intermediate_size=96)
    transformers.ViTModel(config).save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path)
    first, second = (agcam.load(tmp_path).output(pixels(side=64))[0] for _ in range(2))
    assert first.equal(second)
    with pytest.raises(ModelError, match="backbone without a classifier"):
        agcam.load(tmp_path).predict(pixels(side=64))


def test_a_folder_as_timm_writes_it(tmp_path):
    names = {"label_names": list("abcde")}
    timm.models.save_for_hf(bare(5), tmp_path, model_config=names)
    classifier = agcam.load(tmp_path)
    assert classifier.family == "timm"
    assert classifier.class_names == tuple("abcde")
    assert classifier.predict(pixels()).equal(bare(5)(pixels()))


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(LoadError, match=r"folder without a config\.json"):
        agcam.load(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(LoadError, match=r"peft\.PeftModel"):
        agcam.load(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(LoadError, match=r"config\.json cannot be read"):
        agcam.load(tmp_path)


def test_an_adapter_of_peft_is_named_and_its_lines_help(tmp_path):
    """As its folder, by its library's name, as the file in it; and folded in it is read."""
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(
        target_modules=["qkv"], modules_to_save=["head"], r=2, init_lora_weights=False
    )
    model = peft.get_peft_model(bare.__wrapped__(5), config).eval()
    folder = tmp_path / "my adapter"
    model.save_pretrained(folder)
    for place in (folder, f"hf:{folder}", str(folder / "adapter_model.safetensors")):
        with pytest.raises(LoadError, match="is an adapter of PEFT: load the model") as caught:
            agcam.load(place)
        assert f"peft.PeftModel.from_pretrained(model, {str(folder)!r})" in str(caught.value)
    onto = peft.PeftModel.from_pretrained(bare.__wrapped__(5), folder).eval()
    torch.save(onto.merge_and_unload().state_dict(), tmp_path / "folded.pth")
    folded = agcam.load(tmp_path / "folded.pth", arch="timm:test_vit")
    torch.testing.assert_close(folded.predict(pixels()), model(pixels()), atol=1e-5, rtol=1e-4)


@pytest.fixture
def code_folder(tmp_path, monkeypatch):
    """A model whose code comes with it, and the file that exists once that code has run.

    Transformers copies such code to a cache of its own, which here no other run of the tests has.
    """
    transformers = pytest.importorskip("transformers")
    folder, cache, ran = tmp_path / "model", tmp_path / "modules", tmp_path / "ran"
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(cache))
    monkeypatch.setattr(sys, "path", list(sys.path))  # to which it is appended
    hugging_face().save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    (folder / "code.py").write_text(
        "import pathlib\nfrom transformers import ViTConfig, ViTForImageClassification\n"
        f"pathlib.Path({str(ran)!r}).touch()\n"
        "class Config(ViTConfig):\n    model_type = 'of_ones_own'\n"
        "class Model(ViTForImageClassification):\n    config_class = Config\n"
    )
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "of_ones_own"
    config["auto_map"] = {
        "AutoConfig": "code.Config",
        "AutoModelForImageClassification": "code.Model",
    }
    (folder / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # whatever asks gets a yes
    return folder, ran


def test_code_of_a_folder_runs_only_where_the_call_allows_it(code_folder):
    folder, ran = code_folder
    with pytest.raises(LoadError, match="--trust-remote-code"):
        agcam.load(f"hf:{folder}")
    from agcam.evaluation.configuration import Configuration, load_model

    with pytest.raises(LoadError, match="--trust-remote-code"):  # as from a store
        load_model(Configuration("", "", f"hf:{folder}", (), ()))
    assert not ran.exists()
    loaded = agcam.load(f"hf:{folder}", trust_remote_code=True)
    assert ran.exists()
    assert loaded.predict(pixels(side=64)).equal(
        agcam.load(hugging_face()).predict(pixels(side=64))
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch's own
@pytest.mark.parametrize("kind", ["traced", "scripted", "fx"])
def test_programs_of_torch_take_black_box_methods(kind):
    plain = nn.Sequential(nn.Conv2d(3, 4, 16, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    example = pixels(side=64)
    make = {
        "traced": lambda: torch.jit.trace(plain, example),
        "scripted": lambda: torch.jit.script(plain),
        "fx": lambda: torch.fx.symbolic_trace(plain),
    }[kind]
    found = agcam.explain(make(), example, 2, "occlusion")
    assert found.grid_map.equal(agcam.explain(plain, example, 2, "occlusion").grid_map)
    with pytest.raises(ModelError, match="nothing to trace"):
        agcam.explain(make(), example, 2)


def test_a_program_of_one_picture_is_refused_several():
    plain = nn.Sequential(nn.Conv2d(3, 4, 16, 16), nn.Flatten(), nn.Linear(64, 4)).eval()
    program = torch.export.export(plain, (pixels(side=64),)).module()
    with pytest.raises(ModelError, match=r"8 pictures at once .*batch_size=1"):
        agcam.explain(program, pixels(side=64), 2, "occlusion")
    found = agcam.explain(program, pixels(side=64), 2, "occlusion", batch_size=1)
    torch.testing.assert_close(
        found.grid_map, agcam.explain(plain, pixels(side=64), 2, "occlusion").grid_map
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quantised_weights_have_a_hash_of_their_own():
    from agcam.families import weights_hash

    def quantised(shift):
        model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4, bias=False)).eval()
        model[1].weight.data = torch.arange(48.0).reshape(4, 12) / 48 + shift
        return torch.ao.quantization.quantize_dynamic(model, {nn.Linear})

    assert weights_hash(quantised(0)) == weights_hash(quantised(0))
    assert weights_hash(quantised(0)) != weights_hash(quantised(0.5))


def test_lazy_layers_are_refused():
    with pytest.raises(ModelError, match="lazy layers"):
        agcam.explain(nn.Sequential(timm.create_model("test_vit"), nn.LazyLinear(3)), pixels())


def test_weights_on_the_meta_device_are_refused():
    with pytest.raises(ModelError, match="meta device"):
        agcam.explain(timm.create_model("test_vit", device="meta"), pixels())


def test_a_name_of_no_file_is_refused():
    with pytest.raises(agcam.UnknownNameError, match="no model is called"):
        agcam.load("a" * 5000)


def test_a_folder_does_not_hide_a_model_s_name(tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    (tmp_path / "hf").mkdir()
    monkeypatch.chdir(tmp_path)
    from agcam.families.sources import is_path

    assert not is_path("demo")
    assert is_path("./demo")
    assert is_path("hf")  # which alone names no model


def test_a_clip_that_was_made_a_classifier(tmp_path):
    transformers = pytest.importorskip("transformers")
    small = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.CLIPConfig(
        text_config={"hidden_size": 32, "vocab_size": 99, **small},
        vision_config={"hidden_size": 32, "image_size": 64, "patch_size": 16, **small},
        id2label={0: "cat", 1: "dog", 2: "owl"},
    )
    model = transformers.CLIPForImageClassification(config).eval()
    model.save_pretrained(tmp_path)  # and no image processor
    classifier = agcam.load(tmp_path)
    assert classifier.class_names == ("cat", "dog", "owl")
    assert classifier.preparation.guess
    found = agcam.explain(classifier, pixels(side=64), "owl")
    torch.testing.assert_close(found.logits, model(pixels(side=64)).logits.detach())


def test_distributed_data_parallel(tmp_path):
    distributed = torch.distributed
    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1
    )
    try:
        model = nn.parallel.DistributedDataParallel(timm.create_model("test_vit").eval())
        model.module.load_state_dict(bare().state_dict())
        found = agcam.explain(model, pixels(), 7)
        assert found.grid_map.equal(explained_bare().grid_map)
        assert found.class_names == explained_bare().class_names
    finally:
        distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's own
@pytest.mark.parametrize("method", list(agcam.METHODS))
def test_a_quantised_model_takes_black_box_methods_only(method):
    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=5).eval()
    model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
    if method in {"occlusion", "rise", "random", "gaussian"}:
        assert agcam.explain(model, pixels(), 3, method).grid_map.any()
        return
    with pytest.raises(ModelError, match="quantised layers"):
        agcam.explain(model, pixels(), 3, method)
