"""Files of weights: what fits is loaded exactly, what does not is refused; none of it runs."""

import os
import pickle

import pytest
import timm
import torch
from safetensors.torch import save_file

import agcam
from agcam import LoadError, ModelError, UnknownNameError

ARCH = "timm:test_vit"


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=7).state_dict()


def loaded(path):
    classifier = agcam.load(path, arch=ARCH)
    assert classifier.family == "timm"
    assert not classifier.module.training
    return classifier


def assert_same(classifier, weights):
    own = classifier.module.state_dict()
    assert own.keys() == weights.keys()
    assert all(own[key].equal(weights[key]) for key in own)


def refused(path, arch=ARCH, error=LoadError):
    with pytest.raises(error) as caught:
        agcam.load(str(path), arch=arch)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["safetensors", "pt", "pth", "bin"])
def test_both_formats_give_the_very_weights(weights, tmp_path, kind):
    path = tmp_path / f"weights.{kind}"
    save_file(weights, path) if kind == "safetensors" else torch.save(weights, path)
    classifier = loaded(path)
    assert_same(classifier, weights)
    assert classifier.name == f"weights.{kind} (timm:test_vit)"
    assert classifier.module.num_classes == 7  # the architecture's own is 1000
    assert classifier.class_names == ()  # ImageNet's names would be wrong here


def test_the_older_torch_format(weights, tmp_path):
    torch.save(weights, tmp_path / "w.pt", _use_new_zipfile_serialization=False)
    assert_same(loaded(tmp_path / "w.pt"), weights)


@pytest.mark.parametrize("nest", ["state_dict", "model", "state_dict_ema", "net"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "model."])
def test_what_trainers_wrap_around_is_dropped(weights, tmp_path, nest, prefix):
    named = {prefix + key: tensor for key, tensor in weights.items()}
    torch.save({"epoch": 3, nest: named, "optimizer": {"lr": 0.1}}, tmp_path / "w.pt")
    assert_same(loaded(tmp_path / "w.pt"), weights)


def test_the_averaged_weights_come_first(weights, tmp_path):
    zeros = {key: torch.zeros_like(tensor) for key, tensor in weights.items()}
    torch.save({"state_dict": zeros, "state_dict_ema": weights}, tmp_path / "w.pt")
    assert_same(loaded(tmp_path / "w.pt"), weights)


def test_a_prefix_of_some_names_only_is_no_prefix(weights, tmp_path):
    named = {("module." + k if k.startswith("norm") else k): v for k, v in weights.items()}
    torch.save(named, tmp_path / "w.pt")
    message = refused(tmp_path / "w.pt")
    assert "2 missing (norm.weight, norm.bias)" in message
    assert "2 unexpected (module.norm.weight, module.norm.bias)" in message


def test_an_explanation_of_a_file_and_of_its_model_agree(weights, tmp_path):
    save_file(weights, tmp_path / "w.safetensors")
    module = timm.create_model("test_vit", num_classes=7)
    module.load_state_dict(weights)
    pixels = torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    ours = agcam.explain(loaded(tmp_path / "w.safetensors"), pixels, 5)
    theirs = agcam.explain(module, pixels, 5)
    assert ours.logits.shape == (1, 7)
    assert ours.grid_map.equal(theirs.grid_map)
    assert ours.weights_hash == theirs.weights_hash


def test_the_architecture_s_own_number_of_classes_keeps_its_names(tmp_path):
    torch.save(timm.create_model("test_vit").state_dict(), tmp_path / "w.pt")
    classifier = loaded(tmp_path / "w.pt")
    assert classifier.module.num_classes == len(classifier.class_names) == 1000


def test_class_names_for_a_file(weights, tmp_path):
    torch.save(weights, tmp_path / "w.pt")
    named = agcam.load(tmp_path / "w.pt", arch=ARCH, classes=list("abcdefg"))
    assert named.class_names == tuple("abcdefg")


def test_wrong_keys_are_named(weights, tmp_path):
    wrong = dict(weights)
    wrong["blocks.0.attn.qkv.kernel"] = wrong.pop("blocks.0.attn.qkv.weight")
    wrong["pos_embed"] = wrong["pos_embed"][:, :-1]
    torch.save(wrong, tmp_path / "w.pt")
    message = refused(tmp_path / "w.pt")
    assert "does not fit timm:test_vit" in message
    assert "1 missing (blocks.0.attn.qkv.weight)" in message
    assert "1 unexpected (blocks.0.attn.qkv.kernel)" in message
    assert "1 of another shape or type (pos_embed (1, 100, 64), not (1, 101, 64))" in message
    assert "--arch" in message


def test_many_wrong_keys_are_counted_and_some_named(tmp_path):
    torch.save({f"layer{k}": torch.zeros(2) for k in range(9)}, tmp_path / "w.pt")
    message = refused(tmp_path / "w.pt")
    assert "9 unexpected (layer0, layer1, layer2, layer3, ...)" in message


def test_another_architecture_does_not_fit(weights, tmp_path):
    torch.save(weights, tmp_path / "w.pt")
    assert "does not fit timm:test_vit3" in refused(tmp_path / "w.pt", "timm:test_vit3")


class Trap:
    """Unpickling it makes a folder: the harmless stand-in for any code."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("new", [True, False])
def test_a_pickle_that_would_run_code_does_not(weights, tmp_path, new):
    ran = tmp_path / "ran"
    path = tmp_path / "w.pt"
    evil = {"state_dict": weights, "note": Trap(ran)}
    torch.save(evil, path, _use_new_zipfile_serialization=new)
    message = refused(path)
    assert not ran.exists()
    assert "run code" in message
    assert "state_dict" in message
    torch.load(path, weights_only=False)  # the trap is armed: a careless load springs it
    assert ran.is_dir()


def test_a_bare_pickle_does_not_run_either(tmp_path):
    (tmp_path / "w.pt").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    refused(tmp_path / "w.pt")
    assert not (tmp_path / "ran").exists()


def test_a_whole_module_is_refused_with_the_way_to_save_it(tmp_path):
    torch.save(timm.create_model("test_vit", num_classes=7), tmp_path / "w.pt")
    assert "torch.save(model.state_dict(), FILE)" in refused(tmp_path / "w.pt")


@pytest.mark.parametrize("kind", ["safetensors", "new.pt", "old.pt"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_cut_files(weights, tmp_path, kind, share):
    path = tmp_path / f"w.{kind}"
    if kind == "safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=kind == "new.pt")
    loaded(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    message = refused(path)
    assert str(path) in message
    assert ("cannot be read as weights" if share else "it is empty") in message


@pytest.mark.parametrize(
    "data", [b"a note\n" * 9, b"<!doctype html>", b"version https://git-lfs.github.com/spec/v1\n"]
)
@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_files_of_another_kind(tmp_path, data, kind):
    path = tmp_path / f"w.{kind}"
    path.write_bytes(data)
    known = ("cannot be read as weights", "it is of another kind", "holds no weights: it is")
    assert any(words in refused(path) for words in known)


@pytest.mark.parametrize(
    "content",
    [
        {},
        5,
        None,
        [torch.zeros(2)],
        torch.zeros(3),
        {1: torch.zeros(2)},
        {"state_dict": {}},
        {"epoch": 3},
    ],
    ids=repr,
)
def test_torch_files_without_weights(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    assert "holds no weights" in refused(tmp_path / "w.pt")


def test_missing_file(tmp_path):
    assert "there is no such file" in refused(tmp_path / "no.pt")
    assert "it is a folder" in refused(tmp_path)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_file_without_its_architecture(weights, tmp_path, kind):
    torch.save(weights, tmp_path / "w.pt")
    with pytest.raises(LoadError, match=r"is a file: name what it is for, --arch timm:NAME"):
        agcam.load(kind(tmp_path / "w.pt"))


@pytest.mark.parametrize(
    ("arch", "hint"),
    [
        ("tim:test_vit", "no family is called 'tim'; did you mean timm?"),
        ("zzz:test_vit", "known: timm, hf, torchvision, open_clip, demo"),
        ("test_vit", "--arch takes FAMILY:NAME"),
        ("timm:", "--arch takes FAMILY:NAME"),
        ("timm:test_vitt", "timm has no model 'test_vitt'; did you mean test_vit"),
        ("timm:zzzzzz", "see `agcam list models`"),
        ("torchvision:vit_b_61", "did you mean vit_b_16"),
    ],
)
def test_wrong_architectures(weights, tmp_path, arch, hint):
    torch.save(weights, tmp_path / "w.pt")
    assert hint in refused(tmp_path / "w.pt", arch, UnknownNameError)


@pytest.mark.parametrize(
    ("model", "error", "hint"),
    [
        ("weights.pth", UnknownNameError, "no model is called 'weights.pth'; a model is timm:NAME"),
        ("tim:test_vit", UnknownNameError, "no family is called 'tim'; did you mean timm?"),
        ("timm:test_vitt", UnknownNameError, "did you mean test_vit"),
        (5, ModelError, "a model is a torch module, a Hugging Face pipeline or a name"),
        (None, ModelError, "not NoneType"),
    ],
)
def test_wrong_models(model, error, hint):
    with pytest.raises(error) as caught:
        agcam.load(model)
    assert hint in str(caught.value)
