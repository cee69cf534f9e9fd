"""Black-box methods on pictures, clips and sounds: the same formulas along every side."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import agcam
from agcam.methods import named
from agcam.methods.input_space import cells, patch_mean, patch_sum
from agcam.values import (
    CLIP,
    CLIP_CHANNELS_FIRST,
    PICTURE,
    SOUND,
    Grid,
    Query,
)
from rooms.test_clips import videomae
from rooms.test_sounds import ast

MEDIA = (PICTURE, CLIP, CLIP_CHANNELS_FIRST, SOUND)
SIDES = ("frame", "row", "column")


@st.composite
def inputs(draw):
    """A medium, and the length of each of its axes by name."""
    medium = draw(st.sampled_from(MEDIA))
    lengths = {axis.lstrip("-"): draw(st.integers(1, 7)) for axis in medium.axes}
    return medium, lengths


@given(inputs())
def test_axes_go_to_their_places_and_back(given_):
    medium, lengths = given_
    pixels = torch.randn(2, *(lengths[axis.lstrip("-")] for axis in medium.axes))
    drawn = medium.as_drawn(pixels)
    sides = [side for side in SIDES if side in lengths]
    assert drawn.shape == (2, lengths.get("channel", 1), *(lengths[side] for side in sides))
    assert medium.as_given(drawn).equal(pixels)
    places = {name: length // 2 for name, length in lengths.items()}
    there = tuple(
        lengths[axis[1:]] - 1 - places[axis[1:]] if axis.startswith("-") else places[axis]
        for axis in medium.axes
    )
    at = (places.get("channel", 0), *(places[side] for side in sides))
    assert drawn[(1, *at)] == pixels[(1, *there)]


class Linear(nn.Module):
    """Logits that are sums of weighted pixels: what each pixel adds is known."""

    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, math.prod(shape), dtype=torch.float64))

    def forward(self, pixels):
        return pixels.flatten(1) @ self.weight.T


@settings(max_examples=8)
@given(st.sampled_from((CLIP, CLIP_CHANNELS_FIRST)), st.sampled_from((2, 5, 6)), st.integers(0, 9))
def test_of_a_sum_each_cube_of_a_clip_has_its_own_terms(medium, frames, seed):
    torch.manual_seed(seed)
    lengths = {"frame": frames, "channel": 3, "row": 40, "column": 24}
    shape = [lengths[axis] for axis in medium.axes]
    pixels, model = torch.randn(1, *shape, dtype=torch.float64), Linear(shape)
    terms = medium.as_drawn(pixels * model.weight[1].reshape(1, *shape))[0].sum(0)
    steps, rows, columns = max(1, round(frames / 2)), round(40 / 16), round(24 / 16)
    expected = torch.zeros(steps, rows, columns, dtype=torch.float64)
    for t, y, x in itertools.product(range(frames), range(40), range(24)):
        expected[t * steps // frames, y * rows // 40, x * columns // 24] += terms[t, y, x]
    for method in ("occlusion", "input_x_gradient", "integrated_gradients"):
        found = agcam.explain(model, pixels, 1, method).grid_map[0, 0].double()
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)


def test_a_note_states_how_axes_were_taken_that_could_be_either():
    shape = (1, 3, 3, 16, 16)
    found = agcam.explain(
        Linear(shape[1:]), torch.randn(shape, dtype=torch.float64), 1, "occlusion"
    )
    assert any("(batch, channel, frame, row, column)" in note for note in found.notes)


def query_of(medium_sides, grid, seed):
    """A linear model on one input with these sides."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randn(1, 2, *medium_sides, generator=generator, dtype=torch.float64)
    weight = torch.randn(2, *medium_sides, generator=generator, dtype=torch.float64)

    def logit(some, _):
        return (some * weight).flatten(1).sum(1)

    return Query(pixels, torch.tensor([0]), grid, 4, logit, logit)


@given(
    st.lists(st.integers(4, 9), min_size=2, max_size=3),
    st.integers(1, 3),
    st.floats(0, 0.2),
    st.floats(0.8, 1),
)
def test_a_pixel_belongs_to_the_patch_whose_middle_is_nearest(sides, count, start, stop):
    grid = Grid(
        count, count, 0, frames=count * (len(sides) == 3), extent=((start, stop),) * len(sides)
    )
    numbers = cells(query_of(sides, grid, 0))
    middles = start + (torch.arange(count, dtype=torch.float64) + 0.5) / count * (stop - start)
    for at in itertools.product(*map(range, sides)):
        number, places = int(numbers[at]), []
        for _ in sides:
            number, place = divmod(number, count)
            places.insert(0, place)
        for pixel, side, place in zip(at, sides, places, strict=True):
            far = ((pixel + 0.5) / side - middles).abs()
            assert far[place] <= far.min() + 1e-9


@settings(max_examples=10)
@given(st.lists(st.integers(4, 9), min_size=2, max_size=3), st.integers(2, 4))
def test_rise_is_its_sum_over_masks_along_every_side(sides, cells_):
    grid = Grid(2, 2, 0, frames=2 * (len(sides) == 3))
    query, masks = query_of(sides, grid, 1), []

    def probability(some, target):
        """The mask itself shows in a picture of ones."""
        masks.append(some[:, 0].clone())
        return query.logit(some, target)

    ones = replace(query, pixels=torch.ones_like(query.pixels), probability=probability)
    (method,) = named("rise", {"masks": 7, "cells": cells_})
    found = method.function(ones)
    every = torch.cat(masks)
    assert every.shape == (7, *sides)
    assert float(every.min()) >= 0
    assert float(every.max()) <= 1
    scores = query.logit(every[:, None].expand(-1, 2, *sides), None)
    total = torch.tensordot(scores, every, dims=1)[None] / (7 * 0.5)
    torch.testing.assert_close(found.double(), patch_mean(total, grid), rtol=1e-5, atol=1e-6)
    ones_sum = patch_sum(torch.ones_like(total), grid)
    assert float(ones_sum.sum()) == math.prod(sides)


def test_a_video_model_is_run_with_one_cube_hidden_at_a_time():
    model = videomae(6, (16, 32))
    clip = torch.randn(1, 6, 3, 16, 32)
    found = agcam.explain(model, clip, 2, "occlusion").grid_map[0, 0]
    with torch.no_grad():
        plain = model(clip).logits[0, 2]
        for t, y, x in itertools.product(range(3), range(2), range(4)):
            hidden = clip.clone()
            hidden[:, 2 * t : 2 * t + 2, :, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = 0
            fall = plain - model(hidden).logits[0, 2]
            assert found[t, y, x] == pytest.approx(float(fall), rel=1e-3, abs=1e-5)


def test_a_sound_model_is_run_with_one_patch_of_its_spectrogram_hidden_at_a_time():
    model, values = ast(time=33, bins=20, strides=(6, 4)), torch.randn(1, 33, 20)
    found = agcam.explain(model, values, 1, "occlusion")
    rows, columns = found.grid_map.shape[-2:]
    assert (rows, columns) == ((20 - 8) // 6 + 1, (33 - 8) // 4 + 1)
    belongs = [
        (torch.arange(length)[:, None] + 0.5 - (torch.arange(count) * step + 4)).abs().argmin(1)
        for length, count, step in ((33, columns, 4), (20, rows, 6))
    ]
    with torch.no_grad():
        plain = model(values).logits[0, 1]
        for row, column in itertools.product(range(rows), range(columns)):
            there = (belongs[0] == column)[:, None] & (belongs[1] == rows - 1 - row)
            fall = plain - model(values.masked_fill(there, 0)).logits[0, 1]
            assert found.grid_map[0, 0, row, column] == pytest.approx(
                float(fall), rel=1e-3, abs=1e-5
            )
