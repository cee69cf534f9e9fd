"""Two maps that disagree have a note; nothing else changes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import agcam
from agcam.explainer import doubts
from agcam.explainer.doubts import agreement


@settings(max_examples=30)
@given(arrays.arrays(np.float64, (2, 1, 2, 3, 4), elements=st.integers(-5, 5).map(float)))
def test_agreement_is_pearsons(maps):
    first, second = torch.from_numpy(maps)
    found = agreement(first, second)
    for target in range(2):
        one, other = first[0, target].flatten().numpy(), second[0, target].flatten().numpy()
        if one.std() == 0 or other.std() == 0:
            assert found[0, target].isnan()
        else:
            assert float(found[0, target]) == pytest.approx(np.corrcoef(one, other)[0, 1])


@pytest.mark.parametrize("names", [("agcam", "agcam_spread"), ("agcam_spread", "agcam")])
def test_each_unsure_map_has_a_note_with_its_score(tiny, pixels, names, monkeypatch):
    targets = [[1, 2]] * 3
    both = agcam.explain(tiny, pixels, targets, names)
    spread = both.by("agcam_spread")
    scores = agreement(spread.grid_map, both.by("agcam").grid_map)
    middle = float(scores.flatten().median()) + 1e-9
    for bound, number in ((-2.0, 0), (middle, 3), (2.0, 6)):
        monkeypatch.setattr(doubts, "UNSURE", bound)
        made = agcam.explain(tiny, pixels, targets, names)
        notes = [note for note in made.notes if "agree little" in note]
        assert len(notes) == number
        assert notes == [n for n in made.by("agcam_spread").notes if "agree little" in n]
        for source, answers, row in zip(made.sources, made.answers, scores.tolist(), strict=True):
            for answer, score in zip(answers, row, strict=True):
                stated = [n for n in notes if f" {answer.name} in {source} " in n]
                assert len(stated) == (score < bound)
                assert all(f"{score:.2f}" in note for note in stated)
        assert made.grid_map.equal(both.grid_map)
    single = agcam.explain(tiny, pixels, targets, "agcam_spread")
    assert not any("agree little" in note for note in single.notes)
