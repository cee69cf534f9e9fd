"""Laws of the way there and back: picture -> input, patch -> pixel."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from agcam.images import prepare
from agcam.maps import to_pixels
from agcam.values import Frame, Preparation

quick = settings(max_examples=60)
ONE, ZERO = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
sides = st.integers(1, 260)


@st.composite
def preparations(draw):
    size = draw(st.tuples(st.integers(16, 64), st.integers(16, 64)))
    fit = draw(st.sampled_from(["crop", "squash", "pad"]))
    resize = draw(
        st.one_of(
            st.none(), st.integers(12, 90), st.tuples(st.integers(12, 90), st.integers(12, 90))
        )
    )
    return Preparation(
        size, ZERO, ONE, fit, resize,
        draw(st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"])),
        crop_rounding=draw(st.sampled_from(["round", "floor"])),
    )  # fmt: skip


def centres(frame, size):
    """Where the centres of the input's rows and columns lie in the original."""
    left, top, right, bottom = frame.window
    rows = top + (np.arange(size[0]) + 0.5) * (bottom - top) / size[0]
    columns = left + (np.arange(size[1]) + 0.5) * (right - left) / size[1]
    return rows, columns


@quick
@given(sides, sides, preparations())
def test_each_input_pixel_comes_from_where_the_frame_says(width, height, preparation):
    """A picture whose colours are its coordinates reads back the frame's coordinates.

    Bilinear resizing of a ramp gives the ramp at the pixel's centre (to the rounding of 8 bits),
    but for the pixels whose filter reaches beyond the picture's edge.
    """
    down, across = np.mgrid[:height, :width]
    ramp = np.stack([across, down, np.full_like(down, 255)], axis=-1)
    picture = Image.fromarray(np.minimum(ramp, 255).astype(np.uint8))
    plain = Preparation(
        preparation.size, ZERO, ONE, preparation.fit, preparation.resize, "bilinear",
        crop_rounding=preparation.crop_rounding,
    )  # fmt: skip
    tensor, frame = prepare(picture, plain)
    values = tensor.numpy() * 255
    rows, columns = centres(frame, plain.size)
    steps = (
        (frame.window[2] - frame.window[0]) / plain.size[1],
        (frame.window[3] - frame.window[1]) / plain.size[0],
    )
    inside = [
        (place > max(1, step) + 0.5) & (place < min(length, 250) - max(1, step) - 0.5)
        for place, step, length in ((columns, steps[0], width), (rows, steps[1], height))
    ]
    seen = inside[1][:, None] & inside[0][None, :]
    assert (frame.width, frame.height) == (width, height)
    expected = np.broadcast_to(columns - 0.5, plain.size)
    assert np.abs(values[0] - expected)[seen].max(initial=0) < 1.1
    expected = np.broadcast_to((rows - 0.5)[:, None], plain.size)
    assert np.abs(values[1] - expected)[seen].max(initial=0) < 1.1
    # What lies outside the picture is the fill, what lies inside is the picture.
    beyond = (columns < 0) | (columns > width) | ((rows < 0) | (rows > height))[:, None]
    assert np.array_equal(values[2] == 0, beyond)


@quick
@given(st.integers(20, 260), st.integers(20, 260), preparations(), st.data())
def test_a_bright_dot_comes_back_to_its_place(width, height, preparation, data):
    """Draw a dot, prepare, take the input as the grid map, spread it: the dot is where it was."""
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    values = np.zeros((height, width, 3), np.uint8)
    radius = max(1, max(width, height) // 16)
    values[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] = 255
    tensor, frame = prepare(Image.fromarray(values), preparation)
    back = to_pixels(tensor[:1].numpy(), frame)[0]
    assert back.shape == (height, width)
    left, top, right, bottom = frame.window
    rows, columns = preparation.size
    cell = max((right - left) / columns, (bottom - top) / rows)
    margin = radius + 2 + 3 * cell
    if not (left + margin < x < right - margin and top + margin < y < bottom - margin):
        return  # the dot is cut or not seen at all
    if not (margin < x < width - margin and margin < y < height - margin):
        return  # the dot is cut by the picture's edge
    weight = np.nan_to_num(np.asarray(back, dtype=float)).clip(min=0.02) - 0.02
    if preparation.interpolation == "nearest" and cell > radius:
        return  # a filter that skips pixels may skip the dot
    down, across = np.mgrid[:height, :width]
    tolerance = 0.5 + 0.75 * cell
    assert abs((weight * across).sum() / weight.sum() - x) < tolerance
    assert abs((weight * down).sum() / weight.sum() - y) < tolerance


def slow(grid, frame):
    """The formula of to_pixels, one pixel at a time."""
    (targets, rows, columns), (left, top, right, bottom) = grid.shape, frame.window
    out = np.full((targets, frame.height, frame.width), np.nan)
    for y in range(frame.height):
        for x in range(frame.width):
            if not (left <= x + 0.5 <= right and top <= y + 0.5 <= bottom):
                continue
            across = (x + 0.5 - left) / (right - left) * columns - 0.5
            down = (y + 0.5 - top) / (bottom - top) * rows - 0.5
            across, down = min(max(across, 0), columns - 1), min(max(down, 0), rows - 1)
            x0, y0 = math.floor(across), math.floor(down)
            x1, y1 = min(x0 + 1, columns - 1), min(y0 + 1, rows - 1)
            u, v = across - x0, down - y0
            for k in range(targets):
                upper = (1 - u) * grid[k, y0, x0] + u * grid[k, y0, x1]
                lower = (1 - u) * grid[k, y1, x0] + u * grid[k, y1, x1]
                out[k, y, x] = (1 - v) * upper + v * lower
    return out


edges = st.floats(-20, 60, allow_nan=False)
lengths = st.floats(0.3, 80, allow_nan=False)


@quick
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    st.tuples(edges, edges, lengths, lengths),
    st.integers(0, 10),
)
def test_pixels_equal_the_slow_formula(shape, size, window, seed):
    grid = np.random.default_rng(seed).normal(size=shape)
    left, top, across, down = window
    frame = Frame(*size, (left, top, left + across, top + down))
    pixels = to_pixels(grid, frame)
    assert np.allclose(pixels, slow(grid, frame), rtol=0, atol=1e-12, equal_nan=True)
    assert pixels.seen.shape == (size[1], size[0])


@quick
@given(sides, sides, preparations())
def test_the_middle_of_every_picture_is_seen(width, height, preparation):
    _, frame = prepare(Image.new("RGB", (width, height)), preparation)
    left, top, right, bottom = frame.window
    assert left < right
    assert top < bottom
    rows, columns = preparation.size  # the crop is centred to a pixel of the input
    assert (left + right) / 2 == pytest.approx(width / 2, abs=1.01 * (right - left) / columns)
    assert (top + bottom) / 2 == pytest.approx(height / 2, abs=1.01 * (bottom - top) / rows)
    if preparation.fit == "squash" and preparation.resize is None:
        assert frame == Frame.whole(width, height)
