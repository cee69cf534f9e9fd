"""Shifting the picture shifts the map: through preparation, views and refinement, and back.

The referee is a picture with one spot whose centre is known, and a "model" whose map is the
brightness of each patch: the centre of the map on the picture's pixels must be that of the spot.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from agcam.explainer.views import Views
from agcam.images import prepare
from agcam.maps import VIEWS, PatchMaps
from agcam.values import Grid, Preparation

BLACK, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
WIDE = 1.25  # standard deviation of the spot, in sides of a patch of the input
PLACES = st.tuples(*[st.floats(0, 1)] * 2)
REACH = 3.2  # standard deviations in which a spot ends, to a grey of 255


ERROR = {views: 0.2 if not crops else 0.4 for views, (_, crops) in VIEWS.items()}
"""Most pixels of the input: the edges of crops, within the picture, cut the spot."""
SAMPLED = 1.5  # times as many at the patches, where few numbers hold a crop's spot


@st.composite
def prepared(draw):
    """Odd pictures and inputs that patches do not fill; crops, letterboxed frames; a place."""
    patch = draw(st.sampled_from([7, 8, 14, 16]))
    grid = draw(st.tuples(*[st.integers(10, 18)] * 2))
    size = tuple(count * patch + draw(st.sampled_from([0, 0, 1, 5])) for count in grid)
    fit = draw(st.sampled_from(["crop", "squash", "pad"]))
    more = draw(st.sampled_from([1, 8 / 7]))
    resize = None if more == 1 else tuple(round(side * more) for side in size)
    if fit == "crop" and draw(st.booleans()):
        resize = round(max(size) * more)
    form = Preparation(
        size, BLACK, ONE, fit, resize, draw(st.sampled_from(["bilinear", "bicubic"]))
    )
    return draw(st.tuples(*[st.integers(90, 700)] * 2)), form, patch, draw(PLACES)


def spot(size, centre, spread):
    """A black picture of (width, height) with a bright spot."""
    across, down = (
        np.exp(-(((np.arange(side) + 0.5 - at) / wide) ** 2) / 2)
        for side, at, wide in zip(size, centre, spread, strict=True)
    )
    grey = np.rint(255 * np.outer(down, across)).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def maps_of(picture, form, patch, views, refined):
    """The brightness of each patch of each view, and the picture's frame."""
    tensor, frame = prepare(picture, form)
    (height, width), (rows, columns) = form.size, (side // patch for side in form.size)
    extent = (0, rows * patch / height), (0, columns * patch / width)
    every = Views.of(views, form.size, Grid(rows, columns, 1, extent=extent))
    seen = every.of_pictures(tensor[None, :1].double())
    brightness = torch.nn.functional.avg_pool2d(seen, patch)[:, 0].numpy()[None]
    return PatchMaps(brightness, every.windows, refined, extent), frame


def centre_of(relevance):
    """Where a map has its centre (x, y), in its own pixels or patches."""
    known = np.nan_to_num(np.asarray(relevance)).clip(min=0)
    sums = (known.sum(axis) for axis in (0, 1))
    return np.array([(line * (np.arange(len(line)) + 0.5)).sum() / line.sum() for line in sums])


def of_picture(picture, form, patch, views, refined):
    """The centre of the map on the picture's pixels."""
    maps, frame = maps_of(picture, form, patch, views, refined)
    return centre_of(maps.on_pixels(frame, picture)[0])


def of_patches(picture, form, patch, views, refined):
    """The centre of the map at the patches, brought to the picture's pixels."""
    maps, frame = maps_of(picture, form, patch, views, refined)
    left, top, right, bottom = frame.window
    scale = (right - left) / form.size[1], (bottom - top) / form.size[0]
    return np.array([left, top]) + centre_of(maps.grid[0]) * patch * scale


@pytest.mark.parametrize(
    ("found_by", "refined"), [(of_picture, False), (of_picture, True), (of_patches, False)]
)
@pytest.mark.parametrize("views", VIEWS)
@settings(max_examples=15)
@given(drawn=prepared())
def test_a_shifted_picture_has_a_shifted_map(views, found_by, refined, drawn):
    size, form, patch, place = drawn
    left, top, right, bottom = prepare(Image.new("RGB", size), form)[1].window
    scale = (right - left) / form.size[1], (bottom - top) / form.size[0]
    spread = tuple(WIDE * patch * one for one in scale)
    centre = []
    for side, start, one, wide, length, share in zip(
        size, (left, top), scale, spread, form.size[::-1], place, strict=True
    ):
        stop = start + length // patch * patch * one  # of the last patch
        low, high = max(0, start) + REACH * wide, min(side, stop) - REACH * wide
        if low > high:
            return  # too little of the picture is seen
        centre.append(low + share * (high - low))
    found = found_by(spot(size, centre, spread), form, patch, views, refined)
    most = ERROR[views] * (SAMPLED if found_by is of_patches else 1)
    assert np.abs((found - centre) / scale).max() < most
