"""Refinement by the picture: maps keep their range and their holes, and move to the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import agcam
from agcam.maps import PixelMap, refine, to_pixels
from agcam.values import Frame

PATCH = (16.0, 16.0)
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
PICTURE = Image.fromarray(NOISE)


def pixel_map(values, frame=None):
    return to_pixels(np.asarray(values, np.float32), frame or Frame.whole(*PICTURE.size))


@given(arrays(np.float32, (2, 3, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_values_stay_within_the_range_of_each_map(grid):
    pixels = pixel_map(grid)
    refined = refine(pixels, PICTURE, PATCH)
    assert isinstance(refined, PixelMap)
    assert refined.dtype == pixels.dtype
    for one, before in zip(refined, pixels, strict=True):
        assert before.min() <= one.min() <= one.max() <= before.max()


@pytest.mark.parametrize("value", [0.0, 0.1, -3e-9, 1e7])
def test_a_constant_map_stays_constant(value):
    pixels = pixel_map(np.full((1, 3, 4), value))
    assert np.array_equal(refine(pixels, PICTURE, PATCH), pixels)


@pytest.mark.parametrize("window", [(5.5, -4, 50, 60), (10, 10, 11, 11), (63.8, 0, 63.9, 48)])
def test_what_was_not_seen_stays_unseen_and_is_not_read(window):
    pixels = pixel_map(np.arange(12).reshape(1, 3, 4), Frame(*PICTURE.size, window))
    refined = refine(pixels, PICTURE, PATCH)
    assert np.array_equal(np.isnan(refined), np.isnan(pixels))
    outside = NOISE.copy()
    outside[~pixels.seen] = 0
    assert np.array_equal(refined, refine(pixels, Image.fromarray(outside), PATCH), equal_nan=True)


def test_its_arguments_are_left_as_they_were():
    pixels = pixel_map(np.arange(12).reshape(1, 3, 4))
    before = np.array(pixels)
    refine(pixels, PICTURE, PATCH)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("scale", [1, 4])
def test_the_edge_of_a_map_moves_to_the_edge_of_the_picture(scale):
    """A patch that is half object: the map is bilinear there, the refined one has the edge."""
    side = 112 * scale
    colours = np.full((side, side, 3), 40, np.uint8)
    edge = 56 * scale
    colours[:, edge:] = 200
    grid = np.repeat([[[0, 0, 0, 0.5, 1, 1, 1]]], 7, axis=1)
    pixels = to_pixels(grid, Frame.whole(side, side))
    refined = refine(pixels, Image.fromarray(colours), (side / 7, side / 7))[0]
    step = refined[:, edge + 2 * scale] - refined[:, edge - 3 * scale]
    assert (step > 0.5).all()
    assert np.abs(pixels[0][:, edge + 2 * scale] - pixels[0][:, edge - 3 * scale]).max() < 0.25


def test_it_is_linear_in_the_map():
    grid = np.random.default_rng(1).normal(size=(1, 3, 4))
    one, other = (
        refine(to_pixels(g, Frame.whole(*PICTURE.size)), PICTURE, PATCH)
        for g in (grid, 3 * grid - 5)
    )
    assert np.abs(3 * one - 5 - other).max() < 1e-5


def test_an_explanation_refines_all_that_is_on_pixels(tiny, pixels, tmp_path):
    raw = agcam.explain(tiny, pixels, [[1, 2]] * 3)
    made = agcam.explain(tiny, pixels, [[1, 2]] * 3, refine=True)
    assert made.grid_map.equal(raw.grid_map)
    patch = pixels.shape[-1] / 4
    expected = refine(raw.pixel_map[1], raw.pictures[1], (patch, patch))
    assert np.array_equal(made.pixel_map[1], expected)
    assert not np.array_equal(made.pixel_map[1], raw.pixel_map[1])
    assert np.array_equal(made.normalized(1, 1), expected.normalized()[1])
    assert made.overlay(1) != raw.overlay(1)
    assert raw.manifest()["refine"] is None
    assert made.manifest()["refine"]["filter"] == "guided filter"
    files = made.save(tmp_path)
    saved = np.load(next(path for path in files if path.suffix == ".npy"))
    assert np.array_equal(saved, made.pixel_map[0])


def test_the_page_shows_the_refined_map_and_says_so(tiny, pixels):
    card = agcam.explanation.card_of(agcam.explain(tiny, pixels, 1, refine=True))
    assert card.maps[0].values.shape == pixels.shape[-2:]
    assert card.maps[0].caption.endswith("(guided filter, radius 1 patch, eps 0.001)")
    assert "Refined" in dict(card.facts)
