"""Classes of a data set and of a model: matched by synset, else by name, or why not."""

import random

import pytest
import timm
from hypothesis import given
from hypothesis import strategies as st

from agcam.datasets import describe_match, match_classes, why_unmatched
from agcam.datasets.synsets import imagenet_classes, imagenet_synsets
from agcam.families.timm_vit import class_names_of

TWO_CRANES = (("n02012849", "crane"), ("n03126707", "crane"))


@pytest.fixture(scope="module")
def imagenet_names():
    with_names = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1)
    return class_names_of(with_names)


def test_synsets_find_imagenets_classes(imagenet_names):
    wanted = [0, 999, 1, 134, 517]
    classes = [imagenet_classes()[number] for number in wanted]
    assert match_classes(classes, imagenet_names) == tuple(wanted)
    only_synsets = [(names[0],) for names in classes]
    assert match_classes(only_synsets, imagenet_names) == tuple(wanted)


def test_short_names_in_imagenets_order_are_recognised():
    """torchvision calls each class by one of its names; two of them are called crane."""
    torchvision = pytest.importorskip("torchvision.models")
    names = torchvision.ViT_B_16_Weights.IMAGENET1K_V1.meta["categories"]
    assert match_classes(TWO_CRANES, names) == (134, 517)
    assert match_classes(imagenet_classes(), names) == tuple(range(1000))


def test_a_thousand_other_names_are_not_taken_for_imagenet(imagenet_names):
    shuffled = random.Random(0).sample(imagenet_names, 1000)
    goldfish = shuffled.index("goldfish, Carassius auratus")
    assert match_classes([("n01443537", "goldfish")], shuffled) == (goldfish,)
    account = describe_match([("n01443537", "goldfish")], shuffled)
    assert account == "1 of 1 classes are known to the model: 0 by synset, 1 by name."
    assert match_classes([("n01443537", "goldfish")], [f"class {i}" for i in range(1000)]) == (
        None,
    )


def test_models_whose_classes_are_synsets():
    names = ["n01443537", "n01440764"]
    classes = [("n01440764", "tench"), ("n02012849", "crane")]
    assert match_classes(classes, names) == (1, None)
    assert imagenet_synsets()[1] == "n01443537"


@pytest.mark.parametrize(
    ("names", "index"),
    [
        (("Sea_Horse",), 0),
        (("sea  horse",), 0),
        (("hippocampus",), 0),
        (("other", "seahorse"), 0),
        (("sea",), None),
        (("tv",), 1),
    ],
)
def test_names(names, index):
    model = ["sea horse, seahorse, Hippocampus", "TV"]
    assert match_classes([names], model) == (index,)


def test_a_synset_alone_is_matched_by_its_names():
    assert match_classes([("n01443537",)], ["tench", "Goldfish"]) == (1,)


def test_a_whole_name_goes_before_a_synonym():
    assert match_classes([("cat",)], ["tabby, cat", "cat"]) == (1,)
    assert match_classes([("cat", "dog")], ["dog", "cat"]) == (1,)


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "A", "_", " ", "é", "e\u0301", ",", "b"]), min_size=1).map(
            "".join
        ),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_equal_names_match_each_other_whatever_others_are_like(names):
    """A folder called exactly as one class of the model is never another's, nor ambiguous."""
    assert match_classes([(name,) for name in names], names) == tuple(range(len(names)))


def test_why_a_class_is_not_matched():
    classes = [("CRANE",), ("fish",), ("n02012849", "heron")]
    assert why_unmatched(classes, ["crane", "Crane", "fish"]) == (
        "'CRANE' is ambiguous: the model's 0 (crane), 1 (Crane) all have this name",
        "",
        "the model has no class 'n02012849 heron'",
    )


def test_ambiguity_is_reported():
    several = describe_match([("crane",)], ["crane", "fish", "crane"])
    assert match_classes([("crane",)], ["crane", "fish", "crane"]) == (None,)
    assert "Ambiguous: crane: the model's 0 (crane), 2 (crane) all have this name." in several
    assert match_classes(TWO_CRANES, ["fish", "crane"]) == (None, None)
    both = describe_match(TWO_CRANES, ["fish", "crane"])
    assert both.count("other classes are called 'crane' too") == 2
    assert "0 of 2 classes" in both


def test_the_unknown_are_named():
    account = describe_match([("n02012849", "crane"), ("fish",), ("unicorn",)], ["fish"])
    assert "1 of 3 classes are known to the model: 0 by synset, 1 by name." in account
    assert "Unknown to it (2): n02012849 crane; unicorn." in account


def test_a_model_without_names_knows_nothing():
    assert match_classes([("fish",), ("n02012849",)], []) == (None, None)
