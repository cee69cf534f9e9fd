"""Targets: every form means what is written; every mistake is reported with its fix."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import agcam
from agcam import TargetError, Top
from agcam.targets import parse
from agcam.values import name_of

NAMES = ("tabby, tabby cat", "tiger cat", "dalmatian, coach dog", "crane", "crane, machine", "cup")
LOGITS = torch.tensor([[0.0, 5.0, 1.0, 4.0, 2.0, 3.0], [9.0, 0.0, 1.0, 2.0, 3.0, 8.0]])


def resolve(target, logits, names):
    """Parsed before the model runs; columns once its logits are there."""
    return parse(target, len(logits)).columns(logits, names)


def columns(target, names=NAMES, logits=LOGITS):
    found = resolve(target, logits, names)
    assert found.dtype == torch.int64
    return found.tolist()


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (None, [[1], [0]]),
        (3, [[3], [3]]),
        (0, [[0], [0]]),
        (np.int64(3), [[3], [3]]),
        (np.array(3), [[3], [3]]),
        (torch.tensor(3), [[3], [3]]),
        ("tiger cat", [[1], [1]]),
        ("  Tiger CAT ", [[1], [1]]),
        ("tabby", [[0], [0]]),
        ("coach dog", [[2], [2]]),
        ("tabby, tabby cat", [[0], [0]]),
        ("crane", [[3], [3]]),  # the whole name before a synonym of another
        (np.array("cup"), [[5], [5]]),
        ([1, 2], [[1], [2]]),
        ((1, 2), [[1], [2]]),
        (range(2), [[0], [1]]),
        (["cup", 2], [[5], [2]]),
        (np.array([1, 2]), [[1], [2]]),
        (torch.tensor([1, 2]), [[1], [2]]),
        ([np.int32(1), torch.tensor(2)], [[1], [2]]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ([["cup", 1], (0, "tabby")], [[5, 1], [0, 0]]),
        (torch.tensor([[1, 2, 3], [3, 4, 5]]), [[1, 2, 3], [3, 4, 5]]),
        ([torch.tensor([1, 2]), np.array([3, 4])], [[1, 2], [3, 4]]),
        (Top(1), [[1], [0]]),
        (Top(3), [[1, 3, 5], [0, 5, 4]]),
        (Top(6), [[1, 3, 5, 4, 2, 0], [0, 5, 4, 3, 2, 1]]),
    ],
    ids=repr,
)
def test_forms(target, found):
    assert columns(target) == found


@pytest.mark.parametrize(
    ("target", "fix"),
    [
        (6, "class 6 is out of range: this model knows 0 to 5"),
        (-1, "class -1 is out of range: this model knows 0 to 5"),
        ([0, 6], "class 6 is out of range"),
        ([[0, 1], [2, -7]], "class -7 is out of range"),
        (torch.tensor([[0], [6]]), "class 6 is out of range"),
        (True, "a class is a whole number or a name, not True"),
        ([False, 1], "a class is a whole number or a name, not False"),
        (1.0, "a class is a whole number or a name, not 1.0"),
        (float("nan"), "a class is a whole number or a name, not nan"),
        (torch.tensor([1.0, 2.0]), "a class is a whole number or a name, not 1.0"),
        ([None, 1], "a class is a whole number or a name, not None"),
        ([[[1]], [[2]]], "a class is a whole number or a name"),
        ({1, 2}, "a target is a class number, a name or a list, not {1, 2}"),
        ({"a": 1, "b": 2}, "a target is a class number, a name or a list"),
        (b"cup", "a target is a class number, a name or a list, not b'cup'"),
        ([1, 2, 3], "3 targets for 2 pictures: a list has one target per picture"),
        ([1, 2, 3], "give a list of lists, as in [[1, 2], [1, 2]]"),
        ([[1, 2]], "1 targets for 2 pictures"),
        ([], "0 targets for 2 pictures"),
        (torch.tensor([1, 2, 3]), "3 targets for 2 pictures"),
        ([[], []], "the same number of targets, at least one"),
        ([[1, 2], [3]], "the same number of targets"),
        ([1, [2, 3]], "the same number of targets"),
        (torch.zeros(2, 0, dtype=torch.long), "at least one"),
        (Top(0), "top 0 of 6 classes: give a number from 1 to 6"),
        (Top(7), "top 7 of 6 classes: give a number from 1 to 6"),
        (Top(-1), "give a number from 1 to 6"),
        (Top(1.5), "give a number from 1 to 6"),
        (Top(True), "give a number from 1 to 6"),
        ("tiger cta", "this model has no class 'tiger cta'; did you mean tiger cat?"),
        ("Dalmation", "did you mean dalmatian?"),
        ("xyzzy", "this model has no class 'xyzzy'; it knows 6 others"),
        ("", "this model has no class ''"),
        (["cup", "tabi"], "did you mean tabby"),
    ],
    ids=repr,
)
def test_mistakes_name_the_fix(target, fix):
    with pytest.raises(TargetError) as caught:
        columns(target)
    assert fix in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_classes_that_begin_alike_are_called_by_all_of_their_names():
    names = ("cup, red", "cup, blue", "bow tie, bow-tie", "dog")
    shown = [name_of(names, number) for number in range(len(names))]
    assert shown == ["cup, red", "cup, blue", "bow tie", "dog"]


def test_a_name_of_several_classes_lists_their_numbers():
    names = ("crane, bird", "crane, machine", "cup")
    with pytest.raises(TargetError, match=r"names several classes: 0 \(crane, bird\), 1 \(crane"):
        resolve("crane", LOGITS[:, :3], names)
    twice = ("maillot", "cup", "Maillot")
    with pytest.raises(TargetError, match=r"0 \(maillot\), 2 \(Maillot\); give the number"):
        resolve("MAILLOT", LOGITS[:, :3], twice)
    assert resolve("Maillot", LOGITS[:1, :3], twice).tolist() == [[2]]


def test_a_name_where_none_are_known():
    with pytest.raises(TargetError, match=r"give a number, or name them: agcam.load\(model, cla"):
        columns("cup", names=())


def test_one_picture_is_spoken_of_as_one():
    with pytest.raises(TargetError, match=r"2 targets for 1 picture: .* as in \[\[1, 2\]\]"):
        columns([1, 2], logits=LOGITS[:1])


@given(classes=st.integers(1, 20), number=st.integers(-(10**12), 10**12))
def test_a_number_is_taken_exactly_where_it_is_in_range(classes, number):
    logits = torch.zeros(3, classes)
    if 0 <= number < classes:
        assert resolve(number, logits, ()).tolist() == [[number]] * 3
        assert resolve([[number, 0]] * 3, logits, ()).tolist() == [[number, 0]] * 3
        return
    for form in (number, [number] * 3, [[0, number]] * 3):
        with pytest.raises(TargetError) as caught:
            resolve(form, logits, ())
        assert f"class {number} is out of range: this model knows 0 to {classes - 1}." in str(
            caught.value
        )


@given(classes=st.integers(1, 20), count=st.integers(-5, 30))
def test_top_is_the_most_probable_in_order(classes, count):
    logits = torch.randn(2, classes, generator=torch.Generator().manual_seed(classes))
    if 1 <= count <= classes:
        order = logits.argsort(dim=1, descending=True)[:, :count]
        assert resolve(Top(count), logits, ()).equal(order)
        return
    with pytest.raises(
        TargetError, match=f"top {count} of {classes} classes: give a number from 1 to"
    ):
        resolve(Top(count), logits, ())


@given(pictures=st.integers(1, 6), length=st.integers(0, 8), several=st.booleans())
def test_a_list_is_one_a_picture(pictures, length, several):
    target = [[k % 4, 1] for k in range(length)] if several else [k % 4 for k in range(length)]
    logits = torch.zeros(pictures, 4)
    if length == pictures:
        rows = target if several else [[k] for k in target]
        assert resolve(target, logits, ()).tolist() == rows
        parsed = parse(target, pictures)
        batches = [parsed.part(slice(k, k + 2)).rows for k in range(0, length, 2)]
        assert [list(row) for batch in batches for row in batch] == rows
        return
    wrong = f"{length} targets for {pictures} picture"
    with pytest.raises(TargetError, match=wrong):
        parse(target, pictures)


@pytest.mark.parametrize("target", [None, 3, "cup", Top(2)])
def test_one_target_for_all_pictures_is_that_of_every_part(target):
    assert parse(target, 4).part(slice(1, 2)) == parse(target, 1)


def test_a_short_list_is_not_used_again_for_the_next_batch(tiny, pixels):
    four = pixels[[0, 1, 2, 0]]
    with pytest.raises(TargetError, match="2 targets for 4 pictures"):
        agcam.explain(tiny, four, [1, 2], batch_size=2)
    right = agcam.explain(tiny, four, torch.tensor([1, 2, 3, 4]), batch_size=3)
    assert right.target.tolist() == [[1], [2], [3], [4]]


def test_prompts_are_taken_once_each_in_order():
    assert parse("a cat", 3).prompts == ["a cat"]
    found = parse([["a cat", "a dog"], ["a dog", "a cup"]], 2).prompts
    assert found == ["a cat", "a dog", "a cup"]


@pytest.mark.parametrize(
    ("target", "fix"),
    [
        (None, 'target="a photo of a cat"'),
        (Top(2), "agcam.load(model, classes=[...])"),
        (3, "give words, not numbers"),
        (["a cat", 3], "give words, not numbers"),
    ],
)
def test_a_contrastive_model_needs_words(target, fix):
    with pytest.raises(TargetError) as caught:
        _ = parse(target, 2).prompts
    assert fix in str(caught.value)
