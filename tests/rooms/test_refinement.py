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


def by_least_squares(values, colours, radius):
    """A guided filter as it is defined: a ridge regression on each pixel's window, then means."""
    height, width = values.shape
    value = np.pad(values, radius, mode="symmetric")
    colour = np.pad(colours, ((radius, radius), (radius, radius), (0, 0)), mode="symmetric")
    side, fits = 2 * radius + 1, np.zeros((height, width, 4))
    ridge = np.sqrt(1e-4 * side**2) * np.eye(3)
    for row, column in np.ndindex(height, width):
        window = slice(row, row + side), slice(column, column + side)
        near, target = colour[window].reshape(-1, 3), value[window].ravel()
        rows = np.concatenate([near - near.mean(0), ridge])
        right = np.concatenate([target - target.mean(), np.zeros(3)])
        slope = np.linalg.lstsq(rows, right, rcond=None)[0]
        fits[row, column] = *slope, target.mean() - slope @ near.mean(0)
    wide = np.pad(fits, ((radius, radius), (radius, radius), (0, 0)), mode="symmetric")
    means = np.lib.stride_tricks.sliding_window_view(wide, (side, side), (0, 1)).mean((-2, -1))
    return (means[..., :3] * colours).sum(-1) + means[..., 3]


@pytest.mark.parametrize("noise", [1, 12])
def test_it_is_the_mean_of_guided_filters_of_three_radii(noise):
    random = np.random.default_rng(noise)
    colours = np.full((16, 20, 3), 90) + random.integers(0, 1 + noise, (16, 20, 3))
    colours[:, 9:] += 60
    picture = Image.fromarray(colours.astype(np.uint8))
    pixels = to_pixels(random.random((1, 4, 5)), Frame.whole(20, 16))
    filtered = [by_least_squares(pixels[0], colours / 255, radius) for radius in (2, 4, 8)]
    expected = np.mean(filtered, 0).clip(pixels.min(), pixels.max())
    assert np.abs(refine(pixels, picture, (4, 4))[0] - expected).max() < 1e-6


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
    assert card.maps[0].caption.endswith("(guided filter, radii 0.5, 1, 2 patches, eps 0.0001)")
    assert "Refined" in dict(card.facts)
