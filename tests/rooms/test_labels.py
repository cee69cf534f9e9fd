"""Names of classes in one text, between commas, where names have commas themselves."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agcam import TargetError
from agcam.annotations.labels import names_in

words = st.sampled_from(("crane", "bird", "dog", "a b"))
names = st.lists(words, min_size=1, max_size=3).map(", ".join)


def readings(text):
    """Every way to cut a text at some of its commas."""
    parts = text.split(",")
    for kept in itertools.product((True, False), repeat=len(parts) - 1):
        joined = parts[0]
        for cut, part in zip(kept, parts[1:], strict=True):
            joined += ("|" if cut else ",") + part
        yield tuple(name.strip() for name in joined.split("|"))


@given(
    known=st.lists(names, min_size=1, max_size=5),
    given_names=st.lists(names, min_size=1, max_size=3),
)
def test_a_text_is_read_with_the_fewest_unknown_names(known, given_names):
    def cost(reading):
        unknown = [name for name in reading if name not in known]
        return len(unknown), len(reading)

    text = ",".join(given_names)
    possible = [r for r in readings(text) if all("," not in n or n in known for n in r)]
    least = min(map(cost, possible))
    best = {reading for reading in possible if cost(reading) == least}
    if len(best) > 1:
        with pytest.raises(TargetError, match="in Python"):
            names_in(text, known)
    else:
        assert (names_in(text, known),) == tuple(best)
    assert names_in(given_names, known) == tuple(given_names)


def test_commas_that_separate_nothing_are_passed_over():
    assert names_in("dog,, crane, bird ,", ["crane, bird"]) == ("dog", "crane, bird")
    assert names_in(" , ", []) == ()
