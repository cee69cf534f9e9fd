"""Any scalar is a target: its map is full autograd's, or it is refused in a sentence.

The referee knows nothing of this project: `scaled_dot_product_attention` replaced by a softmax and
a product, every attention matrix a leaf, AGCAM's formula over the rows that are read.
"""

import pickle

import numpy as np
import pytest
import timm
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional as F

import agcam
from agcam import METHODS, Against, Similarity, Target, TargetError
from agcam.comparison import compare

ALLOWED = 1e-9
CLASSES = 7
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}


def truth(function, pixels, prefix=1, read=slice(0, 1)):
    """AGCAM's map of a scalar function of pixels (batch,), by full autograd."""
    real, seen = F.scaled_dot_product_attention, []

    def slow(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **_):
        query, key, value = query.detach(), key.detach(), value.detach()
        scores = query @ key.mT * (scale or query.shape[-1] ** -0.5)
        attention = scores.softmax(-1).requires_grad_()
        seen.append((scores, attention))
        return attention @ value

    F.scaled_dot_product_attention = slow
    try:
        total = function(pixels).sum()
        gradients = torch.autograd.grad(total, [a for _, a in seen], allow_unused=True)
    finally:
        F.scaled_dot_product_attention = real
    parts = [
        (gradient.relu() * scores.sigmoid())[:, :, read].mean(2).sum(1)
        for gradient, (scores, _) in zip(gradients, seen, strict=True)
        if gradient is not None
    ]
    return sum(parts)[:, prefix:]


def apart(grid_map, expected):
    return float((grid_map.flatten(1) - expected).abs().max() / expected.abs().max())


def vit(**options):
    torch.manual_seed(0)
    made = timm.models.VisionTransformer(
        **{
            "img_size": 32,
            "patch_size": 8,
            "embed_dim": 24,
            "depth": 2,
            "num_heads": 3,
            "num_classes": CLASSES,
            **options,
        }
    )
    return made.double().eval()


def noise(batch=2, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, 32, 32, generator=generator).double()


def backbone():
    torch.manual_seed(0)
    return transformers.ViTModel(transformers.ViTConfig(**SMALL)).double().eval()


CLASS_TOKEN = vit()
POOLED = vit(global_pool="avg", class_token=False)
HEADLESS = vit(num_classes=0)
EVERY = slice(None)

weights = st.lists(
    st.floats(-2, 2).map(lambda value: round(value, 3)), min_size=CLASSES, max_size=CLASSES
).filter(lambda values: max(map(abs, values)) > 0.1)


@settings(max_examples=25)
@given(
    weights=weights,
    bend=st.sampled_from([0, 1, 2, 3]),
    batch=st.integers(1, 3),
    pooled=st.booleans(),
)
def test_any_function_of_the_logits(weights, bend, batch, pooled):
    row = torch.tensor(weights).double()

    def function(logits):
        mixed = (logits * row).sum(-1)
        return (mixed, mixed.exp(), mixed.tanh() + mixed**2, (logits.softmax(-1) * row).sum(-1))[
            bend
        ]

    model, prefix, read = (POOLED, 0, EVERY) if pooled else (CLASS_TOKEN, 1, slice(0, 1))
    pixels = noise(batch)
    found = agcam.explain(model, pixels, function)
    expected = truth(lambda x: function(model(x)), pixels, prefix, read)
    assert apart(found.grid_map, expected) < ALLOWED
    assert found.logits.shape == (batch, CLASSES)
    assert found.prediction.equal(model(pixels).argmax(-1))
    values = [answers[0].value for answers in found.answers]
    assert values == pytest.approx(function(model(pixels)).tolist())
    assert found.target.tolist() == [[-1]] * batch
    with_full = agcam.explain(model, pixels, function, tracer="full")
    assert apart(with_full.grid_map, expected) < ALLOWED


@settings(max_examples=15)
@given(pair=st.lists(st.integers(0, CLASSES - 1), min_size=2, max_size=2, unique=True))
def test_a_class_against_another(pair):
    first, second = pair
    pixels = noise()
    found = agcam.explain(CLASS_TOKEN, pixels, Against(first, second))
    difference = lambda y: y[..., first] - y[..., second]  # noqa: E731 - what a user would write
    assert apart(found.grid_map, truth(lambda x: difference(CLASS_TOKEN(x)), pixels)) < ALLOWED
    assert found.grid_map.equal(agcam.explain(CLASS_TOKEN, pixels, difference).grid_map)
    assert found.answers[0][0].name == f"class {first} against class {second}"


@pytest.mark.parametrize(
    "function",
    [lambda y: y[..., 3] - y[..., 5], lambda y: y.norm(dim=-1), lambda y: y[0, 2] * y[0, 1]],
    ids=["difference", "norm", "one picture's own"],
)
def test_functions_of_a_backbone(function):
    pixels = noise(3)
    found = agcam.explain(HEADLESS, pixels, function)

    def each(x):
        return torch.stack([function(one[None]).reshape(()) for one in HEADLESS(x)])

    assert apart(found.grid_map, truth(each, pixels)) < ALLOWED
    assert found.logits.shape == (3, 0)
    assert found.probabilities is None
    assert found.prediction.tolist() == [-1] * 3
    assert found.predictions() == ()
    assert found.manifest()["prediction"] is None
    assert found.answers[0][0].score.startswith("value ")


def test_similarity_to_another_picture():
    pixels, other = noise(2), noise(1, seed=5)
    reference = HEADLESS(other).detach()
    expected = truth(lambda x: torch.cosine_similarity(HEADLESS(x), reference), pixels)
    numbers = reference[0].numpy(), reference[0].tolist()
    for given_ in (other, reference, reference[0], *numbers):
        found = agcam.explain(HEADLESS, pixels, Similarity(given_))
        assert apart(found.grid_map, expected) < ALLOWED
    cosines = torch.cosine_similarity(HEADLESS(pixels), reference).tolist()
    assert [answers[0].value for answers in found.answers] == pytest.approx(cosines)


def test_similarity_of_a_picture_to_itself_notes_that_its_map_is_nothing():
    pixels = noise(2)
    found = agcam.explain(HEADLESS, pixels, Similarity(pixels[:1]))
    assert found.answers[0][0].value == pytest.approx(1)
    assert any("is at its highest, 1" in note for note in found.notes)
    reference = HEADLESS(pixels[:1]).detach()
    expected = truth(lambda x: torch.cosine_similarity(HEADLESS(x), reference), pixels)
    assert apart(found.grid_map[1:], expected[1:]) < ALLOWED


def test_the_output_of_a_hugging_face_backbone():
    model, pixels, other = backbone(), noise(2), noise(1, seed=5)
    pooled, token = lambda y: y.pooler_output[:, 3], lambda y: y.last_hidden_state[:, 5, 0]
    reads = {pooled: slice(0, 1), token: slice(5, 6)}
    for function in (pooled, token, pooled):  # each reads its own tokens, whatever came before
        found = agcam.explain(model, pixels, function)
        expected = truth(lambda x, f=function: f(model(x)), pixels, read=reads[function])
        assert apart(found.grid_map, expected) < ALLOWED
    both = agcam.explain(model, pixels, [token, pooled])
    for column, function in enumerate((token, pooled)):
        expected = truth(lambda x, f=function: f(model(x)), pixels, read=reads[function])
        assert apart(both.grid_map[:, column], expected) < ALLOWED
    first = lambda y: y.last_hidden_state[:, 0]  # noqa: E731
    reference = first(model(other)).detach()
    found = agcam.explain(model, pixels, Similarity(other, of=first))
    expected = truth(lambda x: torch.cosine_similarity(first(model(x)), reference), pixels)
    assert apart(found.grid_map, expected) < ALLOWED


def test_similarity_of_a_clip_tower_is_of_its_image_embedding():
    torch.manual_seed(0)
    tower = {**SMALL, "projection_dim": 24}
    config = transformers.CLIPConfig(
        text_config={"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2},
        vision_config=tower,
        projection_dim=24,
    )
    model = transformers.CLIPModel(config).double().eval()
    pixels, other = noise(2), noise(1, seed=5)

    def embed(x):
        found = model.get_image_features(pixel_values=x)
        return found if isinstance(found, torch.Tensor) else found.pooler_output

    reference = embed(other).detach()
    found = agcam.explain(model, pixels, Similarity(other))
    expected = truth(lambda x: torch.cosine_similarity(embed(x), reference), pixels)
    assert apart(found.grid_map, expected) < ALLOWED
    with pytest.raises(TargetError, match="text prompts: give words, not numbers or functions"):
        agcam.explain(model, pixels, [[Similarity(other), "a cat"]] * 2)


# Forms


def margin(logits):
    return logits[..., 0] - logits[..., 1]


def test_names(tmp_path):
    named = agcam.load(vit(), classes=["ape", "bee", "cow, bull", "dog", "elk", "fox", "gnu"])
    picture = Image.new("RGB", (40, 40), "teal")
    picture.save(tmp_path / "other one.png")
    targets = [
        margin,
        lambda y: y[..., 3] - y[..., 5],
        Target(margin, name="how much ape"),
        Against("cow", 3),
        Similarity(tmp_path / "other one.png"),
        "not ape",
        "gnu",
    ]
    found = agcam.explain(named, noise(2), [targets] * 2)
    assert [answer.name for answer in found.answers[1]] == [
        "margin",
        "lambda y: y[..., 3] - y[..., 5]",
        "how much ape",
        "cow against dog",
        "similarity to other one.png",
        "not ape",
        "gnu",
    ]
    assert found.target.tolist() == [[-1] * 6 + [6]] * 2
    files = {path.name for path in found.save(tmp_path / "out") if "overlay" in path.name}
    assert "picture-1.cow-against-dog.overlay.png" in files
    assert "picture-2.6-gnu.overlay.png" in files
    assert len(files) == 2 * len(targets)
    copied = pickle.loads(pickle.dumps(found))
    assert copied.answers == found.answers
    assert "explained: margin" in repr(found)
    assert len(repr(found).splitlines()) == 1


def test_equal_names_have_files_of_their_own(tmp_path):
    found = agcam.explain(
        CLASS_TOKEN, noise(1), [Target(margin, "m"), Target(lambda y: y[:, 2], "m")]
    )
    assert {"picture-1.m.map.png", "picture-1.m-2.map.png"} <= {
        path.name for path in found.save(tmp_path)
    }


def test_a_list_of_functions_is_several_for_each_picture():
    second = lambda y: y[..., 4]  # noqa: E731
    pixels = noise(3)
    together = agcam.explain(CLASS_TOKEN, pixels, [margin, second])
    assert together.grid_map.shape[:2] == (3, 2)
    in_rows = agcam.explain(CLASS_TOKEN, pixels, [[margin], [second], [4]])
    assert [[one.name for one in row] for row in in_rows.answers][2] == ["class 4"]
    torch.testing.assert_close(in_rows.grid_map[0], together.grid_map[0, :1])
    torch.testing.assert_close(in_rows.grid_map[1], together.grid_map[1, 1:])
    torch.testing.assert_close(in_rows.grid_map[2], together.grid_map[2, 1:])
    by_ones = agcam.explain(CLASS_TOKEN, pixels, [margin, second], batch_size=1)
    torch.testing.assert_close(by_ones.grid_map, together.grid_map)


def test_a_function_sees_one_picture_at_a_time():
    shapes = []

    def function(logits):
        shapes.append(tuple(logits.shape))
        return logits[0, 1]

    pixels = noise(3)
    found = agcam.explain(CLASS_TOKEN, pixels, function)
    assert set(shapes) == {(1, CLASSES)}
    torch.testing.assert_close(found.grid_map, agcam.explain(CLASS_TOKEN, pixels, 1).grid_map)


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_takes_a_function(method):
    pixels, options = noise(1), {"masks": 40} if method == "rise" else None
    one = agcam.explain(CLASS_TOKEN, pixels, lambda y: 2 * y[..., 3], method, options=options)
    same = agcam.explain(CLASS_TOKEN, pixels, 3, method, options=options)
    assert one.grid_map.shape == same.grid_map.shape
    if method == "rise":  # of a function it weighs by the value, of a class by its probability
        assert one.grid_map.std() > 0
        return
    likeness = np.corrcoef(one.grid_map.flatten(), same.grid_map.flatten())[0, 1]
    assert likeness > 1 - 1e-6 or not same.grid_map.any()


@pytest.mark.parametrize("method", ["agcam", "gae", "occlusion", "lrp", "attn_lrp", "grad_cam"])
def test_methods_of_every_kind_of_evidence_take_a_similarity(method):
    found = agcam.explain(HEADLESS, noise(2), Similarity(noise(1, seed=5)), method)
    assert found.grid_map.shape == (2, 1, 4, 4)


def test_compared():
    done = compare(CLASS_TOKEN, noise(1), [[margin, 3]], ["agcam", "gae", "rollout"])
    assert [answer.name for answer in done.answers] == ["margin", "class 3"]
    single = agcam.explain(CLASS_TOKEN, noise(1), margin)
    torch.testing.assert_close(done.columns[0].grid_map[:1], single.grid_map[0])


# Refused


def named(value):
    """Without addresses, which differ between the processes of xdist."""
    return value if isinstance(value, str) else type(value).__name__


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (lambda y: y, r"gives \(1, 7\) for \(1, 7\); it must give one number"),
        (lambda y: y[:, :2].sum(0), r"gives \(2,\)"),
        (lambda y: 3.0, "gives a float"),
        (lambda y: y.nothing, "raised AttributeError"),
        (lambda y: y[:, 99], "raised IndexError"),
        (lambda y: y[:, 0] / 0, "gives NaN or an infinite value"),
        (lambda y: y.add_(1)[:, 0], "changes the model.s output in place"),
        (lambda y: y[:, 0].detach(), "has no gradient"),
        (lambda y: torch.ones(1), "has no gradient"),
        (lambda y: y.argmax(-1), "torch.int64, which has no gradient"),
        (Against(1, 1), "a class against itself"),
        (Against(1, 99), "class 99 is out of range"),
        (Against("cat", 1), "class names are not known"),
        (Similarity(torch.ones(3)), "reference has 3 numbers, but the model gives 7"),
        (Similarity(torch.zeros(7)), "all zero"),
        (Similarity(noise(2)), "to one picture or embedding, not 2"),
        (Similarity(noise(1), of=lambda y: y[0]), "compares vectors"),
        ([[margin], [margin, 1]], "the same number of targets"),
        ([margin, 1, 2], "3 targets for 2 pictures"),
        ("not 99", "class 99 is out of range"),
        ("not cat", "class names are not known"),
    ],
    ids=named,
)
def test_bad_targets(target, sentence):
    with pytest.raises(TargetError, match=sentence):
        agcam.explain(CLASS_TOKEN, noise(2), target)


@pytest.mark.parametrize("target", [[[margin, 1]] * 2, Against(0, 1), "not 0"], ids=named)
def test_a_backbone_has_no_classes(target):
    with pytest.raises(agcam.AgcamError, match=r"classes|classifier"):
        agcam.explain(HEADLESS, noise(2), target)


def test_a_map_of_zeros_is_noted():
    found = agcam.explain(CLASS_TOKEN, noise(1), Target(lambda y: (0 * y).sum(), "nothing"))
    assert not found.grid_map.any()
    assert any("map of nothing is zero everywhere" in note for note in found.notes)


def test_an_output_of_no_tensor_for_the_similarity():
    with pytest.raises(TargetError, match="pick one, as in agcam"):
        agcam.explain(backbone(), noise(2), Similarity(noise(1), of=lambda y: y.last_hidden_state))
