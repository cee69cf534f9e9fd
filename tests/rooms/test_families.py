"""Models as users have them: every library is recognised, and prepares as it does itself."""

import json
import sys
from functools import partial
from importlib.util import find_spec

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from huggingface_hub import scan_cache_dir
from PIL import Image

import agcam
from agcam.families import list_models, load, timm_vit
from agcam.images import open_picture, prepare
from agcam.values import Grid
from few_passes import FEW_PASSES

VISION = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 96,
    "image_size": 64,
    "patch_size": 16,
}
TEXT = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 300,
}
CLASSIFIERS = ["ViT", "DeiT", "Beit", "Data2VecVision", "Dinov2", "Dinov2WithRegisters", "ViTMSN"]


def every_way_back(model, pictures, target):
    for method in agcam.METHODS:
        options = FEW_PASSES.get(method)
        grid_map = agcam.explain(model, pictures, target, method, options=options).grid_map
        assert grid_map.isfinite().all()
        assert method in {"grad_cam", "grad_cam_tokens", "layer_cam"} or grid_map.any()


def hugging_face(name, **options):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**VISION, num_labels=7, **options)
    return getattr(transformers, f"{name}ForImageClassification")(config).eval()


def apart(one, other):
    return float((one.grid_map - other.grid_map).abs().max() / other.grid_map.abs().max())


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_hugging_face_replay_is_full_autograd(name, attention):
    model = hugging_face(name).double()
    model.set_attn_implementation(attention)
    before = model.config._attn_implementation  # Data2VecVision has no eager attention
    pixels = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    replayed = agcam.explain(model, pixels, 3)
    assert replayed.tracer == "replay"
    assert replayed.family == "hf"
    assert apart(replayed, agcam.explain(model, pixels, 3, tracer="full")) < 1e-9
    assert model.config._attn_implementation == before
    torch.testing.assert_close(replayed.logits, model(pixels).logits, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_hugging_face_runs_every_way_back(name):
    every_way_back(hugging_face(name).requires_grad_(False), torch.randn(2, 3, 64, 64), 3)


def test_hugging_face_larger_and_non_square_input():
    model = hugging_face("ViT")
    assert agcam.explain(model, torch.randn(1, 3, 96, 64), 3).grid_map.shape == (1, 1, 6, 4)


def test_hugging_face_class_names_and_pipeline(photograph):
    transformers = pytest.importorskip("transformers")
    names = ["cat", "dog", "cow", "hen", "bee", "fox", "owl"]
    model = hugging_face("ViT", id2label=dict(enumerate(names)))
    processor = transformers.ViTImageProcessor(size={"height": 64, "width": 64})
    pipe = transformers.pipeline("image-classification", model=model, image_processor=processor)
    explanation = agcam.explain(pipe, photograph, "hen")
    assert explanation.class_names == tuple(names)
    assert int(explanation.target) == 3
    assert explanation.pixel_map[0].shape == (1, 60, 90)
    predicted = {row["label"]: row["score"] for row in pipe(Image.fromarray(photograph), top_k=7)}
    for name, probability in explanation.predictions(0, 7):
        assert predicted[name] == pytest.approx(probability, abs=1e-3)


def test_hugging_face_timm_wrapper(photograph):
    transformers = pytest.importorskip("transformers")
    config = transformers.TimmWrapperConfig.from_dict(
        {"architecture": "test_vit", "num_classes": 7, "label_names": list("abcdefg")}
    )
    model = transformers.TimmWrapperForImageClassification(config).eval()
    explanation = agcam.explain(model, photograph, 3)
    assert explanation.grid_map.shape[2:] == (10, 10)
    inner = agcam.explain(model.timm_model, photograph, 3)
    torch.testing.assert_close(explanation.grid_map, inner.grid_map)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """A small CLIP with its tokenizer and processor, as save_pretrained writes it."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("clip")
    letters = [*"abcdefghijklmnopqrstuvwxyz", *[f"{c}</w>" for c in "abcdefghijklmnopqrstuvwxyz"]]
    words = [*letters, "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.model_max_length = 32
    size = {"shortest_edge": 64}
    crop = {"height": 64, "width": 64}
    processor = transformers.CLIPImageProcessor(size=size, crop_size=crop)
    torch.manual_seed(0)
    ends = {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1, "pad_token_id": 1}
    text = {**TEXT, **ends, "max_position_embeddings": 32}
    config = transformers.CLIPConfig(vision_config=VISION, text_config=text, projection_dim=24)
    transformers.CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_clip_of_hugging_face_takes_prompts(clip_folder, photograph):
    transformers = pytest.importorskip("transformers")
    classifier = agcam.load(f"hf:{clip_folder}")
    prompts = ["a cat", "a dog", "an owl"]
    explanation = agcam.explain(classifier, photograph, [prompts])
    assert explanation.class_names == tuple(prompts)
    assert explanation.grid_map.shape == (1, 3, 4, 4)
    full = agcam.explain(classifier, photograph, [prompts], tracer="full")
    assert apart(explanation, full) < 1e-5
    every_way_back(classifier, [photograph, photograph[::-1]], [prompts] * 2)
    model = transformers.CLIPModel.from_pretrained(clip_folder).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(clip_folder)(
        prompts, padding=True, return_tensors="pt"
    )
    pixels, _ = prepare(open_picture(photograph), classifier.preparation)
    with torch.no_grad():
        logits = model(**tokens, pixel_values=pixels[None]).logits_per_image
    torch.testing.assert_close(explanation.logits, logits, rtol=1e-4, atol=1e-4)
    one = agcam.explain(classifier, photograph, "an owl")
    torch.testing.assert_close(one.grid_map[:, 0], explanation.grid_map[:, 2])


def test_clip_without_prompts_is_refused_with_what_to_give(clip_folder, photograph):
    classifier = agcam.load(f"hf:{clip_folder}")
    with pytest.raises(agcam.TargetError, match="a photo of a cat"):
        agcam.explain(classifier, photograph)
    with pytest.raises(agcam.TargetError, match="words, not numbers"):
        agcam.explain(classifier, photograph, 3)
    with pytest.raises(agcam.TargetError, match="tokenizer"):
        agcam.explain(classifier.module, photograph, "a cat")
    named = agcam.load(f"hf:{clip_folder}", classes=["a cat", "a dog"])
    assert agcam.explain(named, photograph).grid_map.shape == (1, 1, 4, 4)
    with pytest.raises(agcam.TargetError, match="did you mean a cat"):
        agcam.explain(named, photograph, "a bat")


def test_open_clip_takes_prompts(photograph):
    open_clip = pytest.importorskip("open_clip")
    torch.manual_seed(0)
    vision = open_clip.CLIPVisionCfg(
        layers=2, width=48, head_width=16, patch_size=16, image_size=64
    )
    text = open_clip.CLIPTextCfg(layers=1, width=32, heads=2)
    model = open_clip.CLIP(24, vision, text).eval()
    prompts = ["a photo of a cat", "a photo of a dog"]
    explanation = agcam.explain(model, photograph, [prompts])
    assert explanation.grid_map.shape == (1, 2, 4, 4)
    assert apart(explanation, agcam.explain(model, photograph, [prompts], tracer="full")) < 1e-5
    every_way_back(model, [photograph, photograph[::-1]], [prompts] * 2)
    transform = open_clip.image_transform(64, is_train=False)
    pixels = transform(Image.fromarray(photograph))[None]
    tokens = open_clip.SimpleTokenizer(context_length=77)(prompts)
    with torch.no_grad():
        image, words, scale = model(pixels, tokens)[:3]
    torch.testing.assert_close(explanation.logits, scale * image @ words.T, rtol=1e-4, atol=1e-4)


def test_torchvision_vit(photograph):
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    model = models.VisionTransformer(64, 16, 2, 3, 48, 96, num_classes=7)
    torch.nn.init.normal_(model.heads.head.weight)  # torchvision starts it at zero
    model.double()
    explanation = agcam.explain(model, photograph, 3)
    assert explanation.family == "torchvision"
    assert explanation.grid_map.dtype == torch.float64
    assert apart(explanation, agcam.explain(model, photograph, 3, tracer="full")) < 1e-9
    every_way_back(model, [photograph, photograph[::-1]], 3)
    swin = models.SwinTransformer([4, 4], 12, [2, 2], [2, 2], [4, 4], num_classes=7)
    assert agcam.explain(swin, torch.randn(1, 3, 32, 32), method="agcam").grid == Grid(8, 8, 0)


def test_torchvision_names_and_preparation():
    models = pytest.importorskip("torchvision.models")
    classifier = load(models.vit_b_32())
    assert classifier.class_names[281] == "tabby"
    weights = models.ViT_B_32_Weights.DEFAULT.transforms()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 451, 3), np.uint8))
    pixels, _ = prepare(picture, classifier.preparation)
    torch.testing.assert_close(pixels, weights(picture), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["test_vit", "vit_tiny_patch16_224", "vit_base_patch16_siglip_224", "beit_base_patch16_224"],
)
def test_timm_preparation_is_timms(name):
    model = timm.create_model(name, depth=1)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    for size in [(300, 451), (500, 333), (90, 60)]:
        noise = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
        picture = Image.fromarray(noise)
        pixels, _ = prepare(picture, load(model).preparation)
        torch.testing.assert_close(pixels, transform(picture), rtol=0, atol=1e-6)


def test_timm_class_names():
    assert load(timm.create_model("vit_tiny_patch16_224", depth=1)).class_names[281] == (
        "tabby, tabby cat"
    )
    assert load(timm.create_model("vit_tiny_patch16_224", depth=1, num_classes=7)).class_names == ()


def test_plain_module_is_explained_on_prepared_tensors(tiny, pixels, photograph):
    class Mine(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = tiny

        def forward(self, x):
            return self.backbone(x / 2)

    explanation = agcam.explain(Mine(), pixels * 2, 3)
    torch.testing.assert_close(explanation.grid_map, agcam.explain(tiny, pixels, 3).grid_map)
    assert load(Mine()).preparation == load(tiny).preparation
    notes = agcam.explain(Mine(), photograph, 3, "agcam").notes
    assert notes[-1].startswith("preparation: a guess")
    with pytest.raises(agcam.ModelError, match="prepared"):
        agcam.explain(torch.nn.Conv2d(3, 5, 8), photograph)  # no library's model within


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("timm:vit_tiny_patch16_225", "did you mean vit_tiny_patch16_224"),
        ("torchvision:vit_b_61", "did you mean vit_b_16"),
        ("open_clip:ViT-B-61/openai", "did you mean ViT-B-16"),
        ("open_clip:ViT-B-16", "openai"),
        ("tim:vit_tiny_patch16_224", "did you mean timm"),
        ("vit_tiny_patch16_224", "timm:NAME"),
        ("timm:", "no model"),
    ],
)
def test_wrong_names_are_refused_with_the_right_ones(name, message):
    with pytest.raises(agcam.AgcamError, match=message):
        agcam.load(name)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("timm:vit_tiny_patch16_224", "timm.create_model"),
        ("torchvision:vit_b_16", "torchvision.models.get_model"),
        ("open_clip:ViT-B-16/openai", "open_clip.create_model"),
        ("hf:google/vit-base-patch16-224", "transformers.AutoConfig.from_pretrained"),
    ],
)
def test_hub_out_of_reach_is_one_sentence(name, place, monkeypatch):
    pytest.importorskip(place.split(".", maxsplit=1)[0])

    def unreachable(*_, **__):
        raise OSError("no route to host\nlong story")

    monkeypatch.setattr(place, unreachable)
    with pytest.raises(agcam.LoadError, match="no route to host") as refusal:
        agcam.load(name)
    assert "--arch" in str(refusal.value)
    assert "long story" not in str(refusal.value)


def test_what_is_not_a_model_is_refused():
    with pytest.raises(agcam.ModelError, match="not int"):
        agcam.load(3)


@pytest.mark.parametrize(
    ("pattern", "options", "present", "absent"),
    [
        ("*deit*", {}, "timm:deit_tiny_patch16_224", "timm:vit_tiny_patch16_224"),
        ("DEIT3", {}, "timm:deit3_base_patch16_224", "timm:deit_tiny_patch16_224"),
        ("timm:*_224", {}, "timm:swin_tiny_patch4_window7_224", "torchvision:vit_b_16"),
        ("*", {"family": "torchvision"}, "torchvision:vit_b_16", "timm:vit_tiny_patch16_224"),
        ("*", {"explained": True}, "timm:eva02_base_patch14_224", "timm:xcit_small_12_p16_224"),
        ("*", {"explained": False}, "timm:xcit_small_12_p16_224", "timm:eva02_base_patch14_224"),
        ("demo", {}, "demo", "timm:vit_tiny_patch16_224"),
        ("ViT-B-16/openai", {}, "open_clip:ViT-B-16/openai", "open_clip:RN50/openai"),
    ],
)
def test_models_are_listed_by_the_names_that_load_takes(pattern, options, present, absent):
    listed = list_models(pattern, **options)
    assert present in listed or (present.startswith("open_clip") and find_spec("open_clip") is None)
    assert absent not in listed
    assert len(set(listed)) == len(listed)


def test_models_of_a_library_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    assert not [name for name in list_models() if name.startswith("open_clip")]
    with pytest.raises(agcam.LoadError, match="open-clip"):
        list_models(family="open_clip")
    with pytest.raises(agcam.UnknownNameError, match="did you mean timm"):
        list_models(family="tim")


def test_hugging_face_s_cache_is_listed(tmp_path, monkeypatch):
    for name, config in (("org--vit", {"model_type": "vit"}), ("timm--vit", {"architecture": "v"})):
        snapshot = tmp_path / f"models--{name}" / "snapshots" / ("0" * 40)
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(huggingface_hub, "scan_cache_dir", partial(scan_cache_dir, tmp_path))
    assert list_models("hf:*") == ["hf:org/vit"]


def test_a_classifier_is_shown_in_two_lines():
    shown = repr(load(timm.create_model("vit_tiny_patch16_224", depth=1)))
    assert len(shown.splitlines()) == 2
    for part in ("VisionTransformer", "timm", "1000 classes: tench", "softmax", "224x224"):
        assert part in shown
    assert "preparation: unknown" in repr(load(torch.nn.Linear(3, 2)))


def test_imagenet_s_names_of_a_module_are_noted_as_a_guess():
    model = timm.create_model("test_vit").eval()
    (note,) = load(model).notes
    assert note.startswith("class names: a guess")
    names = [f"name {number}" for number in range(1000)]
    assert not load(model, classes=names).notes
    model.pretrained_cfg = {**model.pretrained_cfg, "label_names": names}  # the module's own word
    assert load(model).class_names == tuple(names)
    assert not load(model).notes


@pytest.mark.parametrize("library", ["timm", "hf"])
def test_a_head_of_several_layers_has_no_names_of_the_library(library):
    width = {"timm": 64, "hf": 48}[library]
    head = torch.nn.Sequential(torch.nn.Linear(width, 8), torch.nn.GELU(), torch.nn.Linear(8, 1000))
    if library == "timm":
        model = timm.create_model("test_vit")
        model.head = head
    else:
        transformers = pytest.importorskip("transformers")
        names = {number: f"name {number}" for number in range(1000)}
        config = transformers.ViTConfig(**VISION, id2label=names)
        model = transformers.ViTForImageClassification(config)
        assert len(load(model).class_names) == 1000
        model.classifier = head
    (note,) = [note for note in load(model).notes if note.startswith("class names")]
    assert load(model).class_names == ()
    assert "several layers" in note


def test_what_is_listed_as_explained_or_refused_is_so():
    files = {
        timm.model_entrypoint(name).__module__.rpartition(".")[2] for name in timm.list_models()
    }
    assert files >= timm_vit.EXPLAINED | timm_vit.REFUSED
    assert not timm_vit.EXPLAINED & timm_vit.REFUSED
    for name, explained in (("deit_tiny_patch16_224", True), ("xcit_nano_12_p16_224", False)):
        assert f"timm:{name}" in list_models(name, explained=explained)
        model = timm.create_model(name, depth=2, num_classes=5).eval()
        if explained:
            assert agcam.explain(model, torch.ones(1, 3, 224, 224), 1).grid_map.any()
        else:
            with pytest.raises(agcam.ModelError, match="attends over channels"):
                agcam.explain(model, torch.ones(1, 3, 224, 224), 1)
