"""Room maps: pixels equal torch's, colours blend as documented, files are whole."""

import errno
import io
import pickle
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image

from agcam.errors import AgcamError, RenderError, SaveError, UnknownNameError
from agcam.maps import (
    PixelMap,
    heat_map,
    npy_bytes,
    overlay,
    png_bytes,
    resize_map,
    to_pixels,
    write_atomically,
)
from agcam.maps import files as files_module
from agcam.values import Frame

GRID = np.random.default_rng(0).normal(size=(3, 7, 5))


@pytest.mark.parametrize("size", [(224, 224), (7, 5), (3, 2), (1, 1), (40, 333)])
@pytest.mark.parametrize("cells", [(7, 5), (1, 5), (7, 1), (1, 1), (2, 2)])
def test_whole_window_equals_torch(size, cells):
    grid = GRID[:, : cells[0], : cells[1]]
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(grid)[None], size, mode="bilinear", align_corners=False
    )[0].numpy()
    assert np.abs(resize_map(grid, size) - theirs).max() < 1e-12
    pixels = to_pixels(grid, Frame.whole(size[1], size[0]))
    assert np.abs(pixels - theirs).max() < 1e-12
    assert pixels.seen.all()


def test_resize_map_gives_a_plain_array_of_any_leading_shape():
    resized = resize_map(GRID[None], 224)
    assert type(resized) is np.ndarray
    assert resized.shape == (1, 3, 224, 224)
    assert np.array_equal(resized[0, 1], resize_map(GRID[1], (224, 224)))


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float32", "float32"), ("float64", "float64"), ("float16", "float32"), ("int64", "float64")],
)
def test_dtype(given, kept):
    pixels = to_pixels(GRID.astype(given), Frame.whole(9, 8))
    assert pixels.dtype == kept
    assert pixels.normalized().dtype == kept


FRAME = Frame(30, 20, (4.5, -3.0, 25.25, 23.0))


def test_unseen_is_nan_and_nothing_else():
    pixels = to_pixels(GRID, FRAME)
    assert pixels.shape == (3, 20, 30)
    assert pixels.seen.shape == (20, 30)
    assert pixels.seen.dtype == bool
    assert pixels.seen[:, 4:25].all()  # the centre of pixel 4 is on the window's edge: seen
    assert not pixels.seen[:, :4].any()
    assert not pixels.seen[:, 25:].any()
    assert np.array_equal(np.isnan(pixels[1]), ~pixels.seen)
    assert np.array_equal(pixels[1].seen, pixels.seen)


def test_normalized():
    pixels = to_pixels(np.concatenate([GRID, np.full((1, 7, 5), 3.0)]), FRAME)
    raw = np.array(pixels)
    normalized = pixels.normalized()
    assert isinstance(normalized, PixelMap)
    assert np.array_equal(np.asarray(pixels), raw, equal_nan=True)  # the raw map is not changed
    assert np.array_equal(normalized.seen, pixels.seen)
    for row in np.asarray(normalized)[:3]:
        assert (np.nanmin(row), np.nanmax(row)) == (0, 1)
    assert set(np.asarray(normalized)[3][pixels.seen]) == {0}
    one = np.asarray(pixels)[2]
    expected = (one - np.nanmin(one)) / (np.nanmax(one) - np.nanmin(one))
    assert np.allclose(np.asarray(normalized)[2], expected, atol=1e-15, equal_nan=True)
    assert np.array_equal(pixels[2].normalized(), normalized[2], equal_nan=True)


def test_the_map_is_an_array_like_others():
    pixels = to_pixels(GRID, FRAME)
    for copy in (pickle.loads(pickle.dumps(pixels)), pixels.copy(), pixels[:], pixels + 0):
        assert isinstance(copy, PixelMap)
        assert np.array_equal(copy, pixels, equal_nan=True)
        assert np.array_equal(copy.seen, pixels.seen)
    assert isinstance(pixels[0, 2:9], PixelMap)
    assert isinstance(np.nanmax(pixels), float)
    assert isinstance(pixels[0, 5, 6], float)
    saved = io.BytesIO()
    np.save(saved, pixels)
    for data in (saved.getvalue(), npy_bytes(pixels)):
        read = np.load(io.BytesIO(data), allow_pickle=False)
        assert np.array_equal(read, pixels, equal_nan=True)


def test_a_large_picture_needs_little_more_memory_than_its_map():
    tracemalloc.start()
    try:
        pixels = to_pixels(GRID.astype(np.float32), Frame(3000, 2000, (500, 0, 2500, 2000)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * pixels.nbytes


RAMP = np.linspace(0, 1, 256).reshape(16, 16)


def test_heat_map_is_matplotlibs():
    from matplotlib import colormaps

    for name in ("turbo", "jet", "viridis"):
        expected = colormaps[name](RAMP, bytes=True)[..., :3]
        assert np.array_equal(np.asarray(heat_map(RAMP, name)), expected)


def test_heat_map_marks_the_unseen_in_grey():
    values = RAMP.copy()
    values[:4] = np.nan
    drawn = np.asarray(heat_map(values)).astype(int)
    assert np.ptp(drawn[:4], axis=-1).max() == 0  # grey
    assert len(np.unique(drawn[:4])) == 2  # striped
    assert np.array_equal(drawn[4:], np.asarray(heat_map(RAMP))[4:])


def test_overlay_weighs_the_map_by_alpha():
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    colours = np.asarray(heat_map(RAMP)).astype(float)
    for alpha in (0, 0.25, 0.5, 1):
        drawn = np.asarray(overlay(picture, RAMP, alpha)).astype(float)
        assert np.abs(drawn - (alpha * colours + (1 - alpha) * noise)).max() <= 1
    assert np.array_equal(np.asarray(picture), noise)


def test_overlay_shows_the_unseen_without_colour_and_dimmed():
    picture = Image.new("RGB", (16, 16), (250, 240, 10))
    values = RAMP.copy()
    values[:, :5] = np.nan
    drawn = np.asarray(overlay(picture, values)).astype(int)
    assert np.ptp(drawn[:, :5], axis=-1).max() == 0
    assert drawn[:, :5].max() < 180
    assert np.array_equal(drawn[:, 5:], np.asarray(overlay(picture, RAMP))[:, 5:])
    nothing = np.asarray(overlay(picture, np.full((16, 16), np.nan)))
    assert np.ptp(nothing.astype(int), axis=-1).max() == 0


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_out_of_range(alpha):
    with pytest.raises(RenderError, match="weight of the map") as caught:
        overlay(Image.new("RGB", (16, 16)), RAMP, alpha)
    assert isinstance(caught.value, AgcamError)
    assert isinstance(caught.value, ValueError)


def test_maps_that_cannot_be_drawn():
    with pytest.raises(RenderError, match="normalized"):
        heat_map(RAMP * 2)
    with pytest.raises(RenderError, match="normalized"):
        heat_map(RAMP - 0.5)
    with pytest.raises(RenderError, match="one map"):
        heat_map(GRID)
    with pytest.raises(RenderError, match="16 rows and 17 columns"):
        overlay(Image.new("RGB", (17, 16)), RAMP)
    with pytest.raises(UnknownNameError, match="turbo"):
        heat_map(RAMP, "tubro")


def test_pyplot_is_not_imported():
    import subprocess
    import sys

    code = (
        "import sys, numpy; from agcam.maps import heat_map; heat_map(numpy.zeros((2, 2)));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_written_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "a.bin"
    write_atomically(path, b"old")
    write_atomically(str(path), b"new", sync=True)
    assert path.read_bytes() == b"new"
    assert [item.name for item in path.parent.iterdir()] == ["a.bin"]
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode  # as readable as any other file


class FullDisk:
    """A file on a disk with room for ten bytes."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.file.write(data[:10])
        raise self.problem


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), "permission denied"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (KeyboardInterrupt(), None),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, problem, words):
    path = tmp_path / "map.npy"
    path.write_bytes(b"old")
    monkeypatch.setattr(FullDisk, "problem", problem, raising=False)
    whole = files_module.Path.open
    monkeypatch.setattr(files_module.Path, "open", lambda *args: FullDisk(whole(*args)))
    with pytest.raises(SaveError if words else KeyboardInterrupt) as caught:
        write_atomically(path, b"x" * 100)
    monkeypatch.undo()
    if words:
        assert words in str(caught.value)
        assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_and_folders_in_the_way(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for path, words in [
        (tmp_path / "file" / "a.png", "a file stands where a folder should be"),
        (tmp_path / "file" / "b" / "a.png", "a file stands where a folder should be"),
        (tmp_path / "folder", "a folder of that name"),
        (tmp_path / ("long" * 200) / "a.png", "too long"),
        (tmp_path / "nul\0", "not a file name"),
    ]:
        with pytest.raises(SaveError, match=words):
            write_atomically(path, b"data")
    assert sorted(tmp_path.rglob("*")) == before


def test_png_bytes():
    picture = heat_map(RAMP)
    read = Image.open(io.BytesIO(png_bytes(picture)))
    assert read.format == "PNG"
    assert np.array_equal(np.asarray(read), np.asarray(picture))
