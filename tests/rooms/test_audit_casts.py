"""Casts that an audit takes off and lays on, on pictures made by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agcam.auditing.casts import Cast

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
CENTRE, SCALE = (torch.tensor(one).reshape(-1, 1, 1) for one in (MEAN, STD))
SIDE, COUNT = 24, 10
GAINS = st.permutations([1.15, 0.95, 0.7])


def prepared(shown):
    return (torch.as_tensor(shown, dtype=torch.float32) - CENTRE) / SCALE


def pictures(seed, grey):
    """Pictures of 256 levels with a fifth of white in each."""
    draw = np.random.default_rng(seed)
    shown = draw.integers(10, 200, (COUNT, 1 if grey else 3, SIDE, SIDE)) / 255
    shown[:, :, :5] = 1.0
    return torch.from_numpy(np.repeat(shown, 3, 1) if grey else shown).float()


def cast(shown, gains):
    """As a file of 256 levels holds it: cut off at white."""
    gain = torch.tensor(gains).reshape(-1, 1, 1)
    return (shown * gain * 255).clamp(0, 255).floor() / 255


@given(GAINS, st.integers(0, 9), st.booleans(), st.floats(0.8, 1.3))
def test_a_cast_is_taken_off_where_white_is_cut_off(gains, seed, grey, wrong):
    """Whatever common factor is missing in the ratios: white states it."""
    clean, others = pictures(seed, grey), pictures(seed + 100, grey)
    own = [prepared(one) for one in cast(clean, gains)]
    ratios = [wrong * gain for gain in gains]
    made = Cast(own, [prepared(one) for one in others], ratios, MEAN, STD)
    assert made.gains.tolist() == pytest.approx(gains, abs=0.01)
    back = torch.stack([made.off(one) for one in own]) * SCALE + CENTRE
    assert (back - clean).abs().mean() < 0.05
    if grey:  # no trace of colour is left
        assert (back.amax(1) - back.amin(1)).max() < 1e-5
    other = torch.stack([made.other_off(one) for one in own]) * SCALE + CENTRE
    assert (other - clean).abs().mean() > 2 * (back - clean).abs().mean()


@given(GAINS, st.integers(0, 9))
def test_a_cast_is_laid_on_and_cut_off_at_white(gains, seed):
    clean, others = pictures(seed, False), pictures(seed + 100, False)
    made = Cast(
        [prepared(one) for one in cast(clean, gains)], list(map(prepared, others)), gains, MEAN, STD
    )
    there = made.on(prepared(others[0])) * SCALE + CENTRE
    assert (there - cast(others[0], gains)).abs().max() < 0.02


def test_without_anything_below_white_the_ratios_are_what_is_known():
    white = [prepared(torch.ones(3, SIDE, SIDE))] * 2
    assert Cast(white, white, (1.5, 1.2, 1.0), MEAN, STD).gains.tolist() == pytest.approx(
        [1.5, 1.2, 1.0]
    )
