"""Outputs and further inputs: logits are found or refused; inputs go with their pictures."""

import dataclasses
import gc
import types
import weakref
from typing import Any, NamedTuple

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import agcam
from agcam import LoadError, ModelError
from agcam.families import inspection
from agcam.families.outputs import as_logits, find
from few_passes import FEW_PASSES

few = settings(max_examples=40)


def tower(**options):
    torch.manual_seed(0)
    return timm.create_model("test_vit", **{"num_classes": 5, **options}).eval()


def pixels(batch=1, side=160):
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(1))


class Gives(nn.Module):
    """A model that gives its logits in a structure."""

    def __init__(self, after, inner=None):
        super().__init__()
        self.inner, self.after = inner or tower(), after

    def forward(self, x):
        return self.after(self.inner(x))


@dataclasses.dataclass
class Output:
    logits: Any
    loss: Any = None


class Pair(NamedTuple):
    out: Any
    aux_logits: Any


LOGITS = torch.randn(2, 5)
others = st.sampled_from(
    [
        ("loss", torch.tensor(0.3)),
        ("hidden_states", (torch.zeros(2, 9, 4), torch.zeros(2, 9, 4))),
        ("attentions", torch.zeros(2, 3, 9, 9)),
        ("features", torch.zeros(2, 64)),
        ("embedding", torch.zeros(2, 64)),
        ("last_hidden_state", torch.zeros(2, 9, 4)),
        ("pooler_output", torch.zeros(2, 64)),
        ("aux", torch.zeros(2, 5)),
        ("predicted", torch.zeros(2, 1, dtype=torch.int64)),
        ("label", "cat"),
        ("nothing", None),
    ]
)


@few
@given(beside=st.lists(others, max_size=4), key=st.sampled_from(["logits", "out", "y", "scores"]))
def test_the_one_candidate_of_a_dictionary_is_taken(beside, key):
    leaf = find({**dict(beside), key: LOGITS}, "it")
    assert leaf.tensor is LOGITS
    assert leaf.code == f'y["{key}"]'


@few
@given(
    before=st.lists(st.sampled_from([torch.tensor(1.0), torch.zeros(2, 9, 4), None, "a"])),
    nest=st.integers(0, 2),
    kind=st.sampled_from([tuple, list]),
)
def test_the_one_candidate_of_nested_sequences_is_taken(before, nest, kind):
    output = kind([*before, LOGITS])
    for _ in range(nest):
        output = kind([output, torch.tensor(0.0)])
    leaf = find(output, "it")
    assert leaf.tensor is LOGITS
    assert leaf.code == "y" + "[0]" * nest + f"[{len(before)}]"


@pytest.mark.parametrize(
    ("after", "code"),
    [
        (lambda y: (y, y.mean()), "y[0]"),
        (lambda y: [y], "y[0]"),
        (lambda y: {"logits": y, "loss": y.sum()}, 'y["logits"]'),
        (lambda y: {"logits": y, "cls_logits": y + 1, "distillation_logits": y - 1}, 'y["logits"]'),
        (lambda y: Output(y, y.sum()), "y.logits"),
        (lambda y: Pair(y, y + 1), "y.out"),
        (lambda y: types.SimpleNamespace(out=y, loss=y.sum()), "y.out"),
        (lambda y: {"head": (y, None)}, 'y["head"][0]'),
    ],
)
def test_a_structure_is_explained_as_its_logits_are(after, code):
    found = agcam.explain(Gives(after), pixels(2), 3)
    expected = agcam.explain(tower(), pixels(2), 3)
    assert found.grid_map.equal(expected.grid_map)
    assert found.logits.equal(expected.logits)
    assert any(note.startswith(f"logits: {code} of y") for note in found.notes)


@pytest.mark.parametrize(
    ("after", "hint"),
    [
        (lambda y: [y[:, :2], y[:, 2:]], "y[0] (1, 2), y[1] (1, 3)"),
        (lambda y: {"a": y, "b": y}, 'logits=lambda y: y["a"]'),
        (lambda y: {"features": y}, 'y["features"] (1, 5)'),
        (lambda y: {"loss": y.mean()}, "backbone without a classifier"),
        (lambda y: None, "no tensor"),
        (lambda y: y[:, :, None], "(1, 5, 1) instead of logits"),
    ],
)
def test_unclear_outputs_are_refused_with_the_line_to_write(after, hint):
    with pytest.raises(ModelError) as caught:
        agcam.explain(Gives(after), pixels())
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "lambda y" in str(caught.value)


def test_the_line_that_is_named_helps():
    two = Gives(lambda y: [y[:, :2], y[:, 2:]])
    chosen = agcam.load(two, logits=lambda y: torch.cat(y, 1))
    found = agcam.explain(chosen, pixels(), 3)
    assert found.grid_map.equal(agcam.explain(tower(), pixels(), 3).grid_map)
    with pytest.raises(ModelError, match="no logits where they were to be"):
        agcam.explain(agcam.load(two, logits=lambda y: y["a"]), pixels())


@pytest.mark.parametrize("squeeze", [lambda y: y[:, 0], lambda y: y.squeeze()])
def test_one_logit_a_picture_squeezed(squeeze):
    model = Gives(squeeze, tower(num_classes=1))
    found = agcam.explain(model, pixels(), 0)
    assert found.logits.equal(agcam.explain(model.inner, pixels(), 0).logits)
    assert any("sigmoid" in note for note in found.notes)


def test_only_numbers_are_logits():
    with pytest.raises(ModelError, match="a tensor"):
        as_logits([1, 2], "it", 2)


@pytest.mark.parametrize(
    ("after", "hint"),
    [
        (lambda y: y.softmax(1).topk(3), "before topk or sort"),
        (lambda y: {"scores": y.sort(descending=True)[0], "ids": y.argsort(descending=True)}, "so"),
        (lambda y: y.argmax(1), "numbers of type int64, as argmax"),
        (lambda y: y > 0, "numbers of type bool"),
        (lambda y: y.detach().numpy(), "before .numpy()"),
        (lambda y: {"logits": y.tolist()}, "before .numpy() or .tolist()"),
        (lambda y: y["image"], "does not run on an input of 160 x 160 (IndexError"),
        (lambda y: y.logits, "does not run on an input of 160 x 160 (AttributeError"),
    ],
)
@pytest.mark.parametrize("method", ["agcam", "occlusion"])
def test_what_is_made_of_logits_is_not_taken_for_them(after, hint, method):
    with pytest.raises(ModelError) as caught:
        agcam.explain(Gives(after), pixels(), method=method)
    assert hint in str(caught.value)


def test_decisions_beside_logits_are_no_ranking():
    model = Gives(lambda y: {"logits": y, "decided": (y > 0).long()})
    found, expected = (agcam.explain(some, pixels(), 3).logits for some in (model, tower()))
    torch.testing.assert_close(found, expected)


def test_classes_that_were_squeezed_are_no_pictures():
    model = Gives(lambda y: y.squeeze())  # five classes of one picture: (5,)
    with pytest.raises(ModelError, match=r"gives \(5,\) for 1 picture, .*squeeze\(-1\)"):
        agcam.explain(model, pixels())


@pytest.mark.parametrize(
    ("model", "scores"),
    [
        (tower, "softmax"),
        (lambda: tower(num_classes=1), "sigmoid"),
        (lambda: Gives(lambda y: y), "softmax"),
        (lambda: Gives(lambda y: y, tower(num_classes=1)), "sigmoid"),
        (lambda: Gives(lambda y: y.softmax(-1)), "probability"),
        (lambda: Gives(lambda y: {"y": y.softmax(-1)[:, :]}), "probability"),
        (lambda: Gives(lambda y: y.log_softmax(-1).exp()), "probability"),
        (lambda: Gives(lambda y: y.log_softmax(-1)), "softmax"),
        (lambda: Gives(lambda y: y.sigmoid()), "probability"),
        (lambda: Gives(lambda y: y.sigmoid(), tower(num_classes=1)), "probability"),
        (lambda: nn.Sequential(tower(), nn.Softmax(-1)), "probability"),
        (lambda: nn.DataParallel(nn.Sequential(tower(), nn.Sigmoid())), "probability"),
    ],
)
def test_how_logits_become_probabilities_is_seen(model, scores):
    from agcam.binding import find_logits

    classifier, _ = find_logits(agcam.load(model().eval()), pixels())
    assert classifier.scores == scores


PROTOTYPES = torch.randn(3, 64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    "after",
    [
        lambda f: -torch.cdist(f, PROTOTYPES),
        lambda f: -((f[:, None] - PROTOTYPES) ** 2).sum(-1),
        lambda f: (f[:, None] * PROTOTYPES).sum(-1),
        lambda f: nn.functional.cosine_similarity(f[:, None], PROTOTYPES, dim=-1),
    ],
)
def test_prototypes_are_a_classifier(after):
    model = Gives(after, tower(num_classes=0))
    found = agcam.explain(model, pixels(), 2)
    torch.testing.assert_close(found.logits, model(pixels()).detach(), rtol=1e-4, atol=1e-4)
    for several in (lambda f: torch.cat([f, f * 2], 1), lambda f: f.exp()):  # no prototypes
        with pytest.raises(ModelError, match="backbone without a classifier"):
            agcam.explain(Gives(several, tower(num_classes=0)), pixels())


def test_a_wrapper_passes_on_how_the_model_within_reads_its_logits():
    from agcam.binding import find_logits

    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 3}
    config = transformers.ViTConfig(
        **small,
        intermediate_size=48,
        image_size=64,
        num_labels=3,
        problem_type="multi_label_classification",
    )
    inner = transformers.ViTForImageClassification(config)
    model = Gives(lambda y: y.logits, inner).eval()
    assert find_logits(agcam.load(model), pixels(side=64))[0].scores == "sigmoid"
    other = nn.Sequential(model, nn.Linear(3, 3)).eval()  # a head of one's own behind it
    assert find_logits(agcam.load(other), pixels(side=64))[0].scores == "softmax"


@pytest.mark.parametrize("end", [nn.Softmax(-1), nn.Sigmoid()])
def test_a_head_that_was_replaced_is_seen(end):
    from agcam.binding import find_logits

    model = tower()
    model.head = nn.Sequential(model.head, end)
    assert find_logits(agcam.load(model), pixels())[0].scores == "probability"


@pytest.mark.parametrize(
    ("options", "scores"),
    [
        ({"num_labels": 3}, "softmax"),
        ({"num_labels": 3, "problem_type": "multi_label_classification"}, "sigmoid"),
        ({"num_labels": 3, "problem_type": "regression"}, "none"),
        ({"num_labels": 1}, "none"),
        ({"num_labels": 1, "problem_type": "multi_label_classification"}, "sigmoid"),
        ({"num_labels": 3, "problem_type": "single_label_classification"}, "softmax"),
    ],
)
def test_hugging_face_states_its_scores(options, scores):
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 3}
    config = transformers.ViTConfig(**small, intermediate_size=48, image_size=64, **options)
    assert agcam.load(transformers.ViTForImageClassification(config)).scores == scores


class Both(nn.Module):
    """A picture and a row of a table; perhaps a scale for all."""

    def __init__(self, side=160):
        super().__init__()
        torch.manual_seed(0)
        self.backbone = timm.create_model("test_vit", num_classes=0, img_size=side)
        self.head = nn.Linear(64 + 3, 5)

    def forward(self, x, table, scale=1.0):
        return self.head(torch.cat([self.backbone(x), table], 1)) * scale


class Fixed(nn.Module):
    """The same model with one row bound to it."""

    def __init__(self, both, row, scale):
        super().__init__()
        self.both, self.row, self.scale = both, row, scale

    def forward(self, x):
        return self.both(x, self.row.expand(len(x), -1), self.scale)


TABLE = torch.randn(3, 3, generator=torch.Generator().manual_seed(2)) * 3


@pytest.mark.parametrize("method", list(agcam.METHODS))
def test_further_inputs_go_with_their_pictures_in_every_method(method):
    model = Both(side=64).eval()
    scale, few_passes = torch.tensor(2.0), FEW_PASSES.get(method)
    given = {"table": TABLE[:2], "scale": scale}
    if method in {"legrad", "recipro_cam"}:  # several token streams of a picture, but one row
        with pytest.raises(ModelError, match="choose another method"):
            agcam.explain(model, pixels(2, side=64), 3, method, inputs=given)
        return
    torch.manual_seed(0)
    found = agcam.explain(
        model, pixels(2, side=64), 3, method, inputs=given, options=few_passes, batch_size=2
    )
    assert "inputs: table row by row with the pictures; scale whole" in found.notes
    for picture in range(2):
        fixed = Fixed(model, TABLE[picture : picture + 1], scale).eval()
        one = pixels(2, side=64)[picture : picture + 1]
        expected = agcam.explain(fixed, one, 3, method, options=few_passes, batch_size=2)
        assert found.logits[picture].equal(expected.logits[0])
        torch.testing.assert_close(found.grid_map[picture], expected.grid_map[0])


@pytest.mark.parametrize("given", [{"table": TABLE}, (TABLE,), [TABLE], TABLE])
def test_inputs_by_name_and_by_position(given):
    model = Both().eval()
    found = agcam.explain(model, pixels(3), 3, inputs=given)
    torch.testing.assert_close(found.logits, model(pixels(3), TABLE).detach())


class TableFirst(nn.Module):
    """Takes the picture last."""

    def __init__(self):
        super().__init__()
        self.both = Both()

    def forward(self, meta, image):
        return self.both(image, meta["row"], meta["scales"][0])


def test_the_picture_need_not_come_first_and_inputs_may_be_nested():
    model = TableFirst().eval()
    meta = {"row": TABLE, "scales": [torch.tensor(2.0)]}
    found = agcam.explain(model, pixels(3), 3, inputs={"meta": meta})
    torch.testing.assert_close(found.logits, model(meta, pixels(3)).detach())
    assert "inputs: meta row by row with the pictures" in found.notes


def test_captum_s_own_name():
    model = Both().eval()
    door = agcam.Attribution(model)
    maps = door.attribute(pixels(3), 3, additional_forward_args=(TABLE,))
    found = agcam.explain(model, pixels(3), 3, inputs=(TABLE,))
    assert torch.equal(maps[:, 0], torch.from_numpy(door_map(found)))


def door_map(explanation):
    import numpy as np

    return np.stack([pixel_map[0] for pixel_map in explanation.pixel_map])


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (None, 'cannot run without table; give what it needs beside the picture: inputs={"table"'),
        ({"tabel": TABLE}, "forward takes (x, table, scale) and cannot run without table"),
        ({"table": TABLE, "more": 1}, "does not fit the inputs that were given"),
        ((TABLE, 1.0, 2.0), "does not fit the inputs that were given"),
    ],
    ids=["none", "misspelt", "more", "too many"],
)
@pytest.mark.parametrize("around", [lambda m: m, nn.DataParallel, lambda m: Gives(None, m)])
def test_inputs_that_do_not_fit_are_refused(given, hint, around):
    model = around(Both().eval())
    if isinstance(model, Gives):
        model.forward = lambda x, table, scale=1.0: model.inner(x, table, scale)
    with pytest.raises(ModelError) as caught:
        agcam.explain(model, pixels(3), 3, inputs=given)
    assert hint in str(caught.value)


class Weighed(nn.Module):
    """Takes a weight for each class, whatever the pictures."""

    def __init__(self):
        super().__init__()
        self.inner = tower(num_classes=3)

    def forward(self, x, weights):
        return self.inner(x) * weights


def test_an_input_that_only_looks_as_if_it_belonged_to_the_pictures_is_refused():
    model, weights = Weighed().eval(), torch.tensor([1.0, -2.0, 3.0])
    whole = agcam.explain(model, pixels(2), 1, inputs=(weights,))
    torch.testing.assert_close(whole.logits, model(pixels(2), weights).detach())
    with pytest.raises(ModelError, match="one at a time"):  # three pictures, three classes
        agcam.explain(model, pixels(3), 1, inputs=(weights,))


class Shifted(nn.Module):
    """A backbone whose features move with a table."""

    def __init__(self):
        super().__init__()
        self.inner = tower(num_classes=0)

    def forward(self, x, table):
        return self.inner(x) + table.sum(-1, keepdim=True)


def test_a_backbone_takes_further_inputs_too():
    model = Shifted().eval()
    found = agcam.explain(model, pixels(2), lambda y: y[..., 3], inputs=(TABLE[:2],))
    assert any(note.startswith("inputs: 1 row by row") for note in found.notes)
    expected = model(pixels(2), TABLE[:2])[:, 3].tolist()
    assert [answers[0].value for answers in found.answers] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ModelError, match="one at a time"):  # one row for all looks like three
        agcam.explain(model, pixels(3), lambda y: y[..., 3], inputs=(TABLE[0],))


def test_hugging_face_takes_its_own_inputs():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    small = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 3}
    config = transformers.ViTConfig(**small, intermediate_size=48, image_size=64, num_labels=3)
    model = transformers.ViTForImageClassification(config).eval()
    hidden = {"output_hidden_states": True}
    found = agcam.explain(model, pixels(2, 64), 1, inputs=hidden)
    torch.testing.assert_close(found.grid_map, agcam.explain(model, pixels(2, 64), 1).grid_map)


@pytest.mark.parametrize(
    "classes",
    [
        ["cat", "dog", "owl", "cow", "hen"],
        ("cat", "dog", "owl", "cow", "hen"),
        {4: "hen", 0: "cat", 1: "dog", 2: "owl", 3: "cow"},
        {"0": "cat", "1": "dog", "2": "owl", "3": "cow", "4": "hen"},
        {"hen": 4, "cat": 0, "dog": 1, "owl": 2, "cow": 3},
        type("ClassLabel", (), {"names": ["cat", "dog", "owl", "cow", "hen"]})(),
    ],
    ids=["list", "tuple", "id2label", "id2label of JSON", "label2id", "ClassLabel"],
)
def test_class_names_in_any_form(classes):
    classifier = agcam.load(tower(), classes=classes)
    assert classifier.class_names == ("cat", "dog", "owl", "cow", "hen")
    assert (
        agcam.load(
            tower(),
            classes={"label": classes, "image": None} if hasattr(classes, "names") else classes,
        ).class_names
        == classifier.class_names
    )


@pytest.mark.parametrize(
    ("classes", "error", "hint"),
    [
        (["cat"], ModelError, "has 5 classes, but 1 class names"),
        ({0: "cat", 2: "dog"}, LoadError, "numbers 0 to 1, each once; 1 has none"),
        ({"cat": 0, "dog": 0}, LoadError, "1 has none"),
        ("cat", LoadError, "class names are a list"),
        ([], LoadError, "class names are a list"),
        ({}, LoadError, "all has none"),
        ([1, 2, 3, 4, 5], LoadError, "a class name is a string, not 1"),
        ({"a": "b"}, LoadError, "class names are a list"),
        (5, LoadError, "class names are a list"),
    ],
)
def test_class_names_that_do_not_fit(classes, error, hint):
    with pytest.raises(error) as caught:
        agcam.load(tower(), classes=classes)
    assert hint in str(caught.value)


def test_a_head_of_the_user_s_own_on_a_known_model_has_no_names_of_the_old_one():
    model = timm.create_model("test_vit")
    model.head = nn.Linear(64, 3)  # timm's own count of classes stays at 1000
    assert agcam.explain(model.eval(), pixels(), 2).class_names == ()


def test_the_output_of_a_module_is_looked_at_once():
    passes = []
    inner = tower()
    inner.register_forward_pre_hook(lambda *_: passes.append(1))
    own = Gives(lambda y: {"out": y}, inner)

    def count(model, batch):
        passes.clear()
        agcam.explain(model, pixels(batch), 1)
        return len(passes)

    assert count(own, 1) > 1
    assert count(own, 1) == count(own, 2) == 1  # all that a plain model of a library takes
    assert agcam.explain(own, pixels(), 1).notes == agcam.explain(own, pixels(), 1).notes


CHANGES = {
    "weights": lambda model: torch.nn.init.normal_(model.inner.head.weight),
    "a setting": lambda model: setattr(model, "flag", True),
    "a part": lambda model: setattr(model.inner, "head", nn.Linear(64, 3)),
    "a hook": lambda model: model.inner.register_forward_hook(lambda *_: None),
    "forward": lambda model: setattr(model, "forward", model.inner.forward),
    "a function": lambda model: setattr(model, "after", lambda y: {"out": y}),
    "an item": lambda model: model.names.append("c"),
    "a configuration": lambda model: setattr(model.config, "kind", "another"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_module_showed_is_forgotten_when_it_changes(change):
    model = Gives(lambda y: {"out": y}, tower())
    model.names, model.config = ["a", "b"], types.SimpleNamespace(kind="one")
    agcam.explain(model, pixels(), 1)
    state = inspection._known[model]
    agcam.explain(model, pixels(), 1)
    assert inspection._known[model] is state
    CHANGES[change](model)
    agcam.explain(model, pixels(), 1)
    assert inspection._known[model] is not state


def test_what_a_module_showed_does_not_keep_it():
    model = Gives(lambda y: {"out": y}, tower())
    agcam.explain(agcam.load(model, logits=lambda y: y["out"]), pixels(), 1)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
