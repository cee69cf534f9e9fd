"""A data set of one sample a picture: what it was stays, and annotations are found by it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agcam.datasets import by_picture
from agcam.values import UNLABELLED, DataSet, Sample, Truth

CLASSES = (("cup",), ("dog", "hound"), ("a#b",))
FILES = ("1.jpg", "x#y.jpg", "deep/er/2.jpg")

pairs = st.lists(st.tuples(st.sampled_from(FILES), st.integers(0, 2)), min_size=1, unique=True)
known = st.lists(st.none() | st.integers(0, 9), min_size=3, max_size=3)


@given(pairs, known, st.booleans())
def test_each_picture_is_once_and_keeps_its_classes(found, known, named):
    samples = tuple(
        Sample(f"{file}#{CLASSES[label][0]}" if named else f"{file}-{label}", f"/d/{file}", label)
        for file, label in found
    )
    truths = {one.name: Truth(np.full((1, 4), number)) for number, one in enumerate(samples)}
    made = by_picture(DataSet("d", CLASSES, samples, lambda one: truths[one.name]), known)
    assert [one.address for one in made.samples] == list(dict.fromkeys(s.address for s in samples))
    assert {one.name for each in made.samples for one in each.each or (each,)} == set(truths)
    for one in made.samples:
        own = one.each or (one,)
        assert all(made.truth(each).boxes.size for each in own)
        assert one.label in [each.label for each in own]
        if any(known[each.label] is not None for each in own):
            assert known[one.label] is not None
        if named:
            assert one.address == f"/d/{one.name}"


def test_what_has_a_problem_or_no_class_stays_as_it_is():
    samples = (
        Sample("a.jpg", "/a.jpg", 0),
        Sample("line 3", "", 0, "it lacks a path"),
        Sample("line 4", "", 0, "it lacks a path"),
    )
    data = DataSet("d", CLASSES, samples, lambda one: Truth(np.zeros((0, 4))))
    assert by_picture(data, (0, 1, 2)).samples == samples
    bare = (Sample("a.jpg", "/a.jpg", UNLABELLED),)
    assert by_picture(DataSet("d", (), bare, data.truth), ()).samples == bare
