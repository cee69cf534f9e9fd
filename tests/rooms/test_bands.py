"""Channels other than three: tensors, arrays, TIFF files; and deep greys."""

import io

import numpy as np
import pytest
import tifffile
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import agcam
from agcam.errors import ModelError, PictureError
from agcam.images import open_picture, prepare, prepare_picture
from agcam.values import Preparation

RNG = np.random.default_rng(0)
BANDS = (RNG.random((80, 90, 13)) * 3000).astype(np.uint16)
OF_SENSOR = Preparation((160, 160), (1000.0,) * 13, (500.0,) * 13, "squash", None, "bilinear")
COLOUR = Image.fromarray(RNG.integers(0, 255, (90, 120, 3), dtype=np.uint8))


def vit(channels=3):
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=5, in_chans=channels).eval()


@pytest.mark.parametrize("channels", [1, 2, 4, 13])
def test_prepared_tensors_of_any_number_of_channels(channels):
    model, pixels = vit(channels), torch.randn(2, channels, 160, 160)
    found = agcam.explain(model, pixels)
    assert torch.allclose(found.logits, model(pixels).detach(), atol=1e-5)
    assert {picture.mode for picture in found.pictures} == {"RGB"}
    assert found.overlay(1).size == (160, 160)


@pytest.mark.parametrize("channels", [1, 4, 5])
def test_an_error_names_the_channels_of_the_model(channels):
    import transformers

    config = transformers.ViTConfig(
        hidden_size=64, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
        image_size=160,
    )  # fmt: skip
    for model in (vit(), transformers.ViTForImageClassification(config).eval()):
        agcam.explain(model, torch.randn(1, 3, 160, 160))  # its layout is known from here on
        with pytest.raises(ModelError, match=f"takes 3 .* the pixels have {channels}"):
            agcam.explain(model, torch.randn(1, channels, 160, 160))


def test_colour_is_made_grey_for_a_model_of_one_channel_and_noted():
    model = vit(1)
    found = agcam.explain(model, COLOUR)
    assert any("one channel" in note for note in found.notes)
    grey = COLOUR.convert("L")
    for same in (grey, np.asarray(grey), np.asarray(grey)[:, :, None]):
        reopened = agcam.explain(model, same)
        assert torch.equal(reopened.logits, found.logits)
        assert not any("one channel" in note for note in reopened.notes)


def test_a_preparation_is_only_guessed_for_channels_that_it_speaks_of():
    assert agcam.load(vit(1)).preparation.mean == (0.5,)
    assert agcam.load(vit(13)).preparation is None
    with pytest.raises(ModelError, match=r"preparation=agcam\.Preparation"):
        agcam.explain(vit(13), BANDS)


def test_an_array_of_many_bands_is_resized_and_normalized_band_by_band():
    """The referee is torch: bilinear with antialias on the whole array."""
    pixels, frame = prepare(BANDS.astype(np.float32), OF_SENSOR)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(BANDS.astype(np.float32)).permute(2, 0, 1)[None],
        (160, 160), mode="bilinear", antialias=True, align_corners=False,
    )[0]  # fmt: skip
    assert torch.allclose(pixels, (theirs - 1000) / 500, atol=1e-3)
    assert frame.window == (0, 0, 90, 80)
    found = agcam.explain(vit(13), BANDS, method="agcam", preparation=OF_SENSOR)
    assert found.pictures[0].size == (90, 80)
    assert not found.notes


@pytest.mark.parametrize("wrong", [COLOUR, BANDS[:, :, :12].astype(np.uint8)])
def test_bands_that_the_model_does_not_take_are_refused_with_both_numbers(wrong):
    with pytest.raises(PictureError, match=r"13|12"):
        prepare_picture(wrong, OF_SENSOR)


def test_bands_in_other_units_than_the_normalization_are_noted():
    ready = prepare_picture(BANDS, Preparation((32, 32), (0.5,) * 13, (0.5,) * 13))
    assert any("scale and normalize" in note for note in ready.notes)
    stated = Preparation((32, 32), (0.5,) * 13, (0.5,) * 13, value_range=(0, 3000))
    ready = prepare_picture(BANDS, stated)
    assert not ready.notes
    assert ready.pixels.abs().max() <= 1 + 1e-5


LAYOUTS = {
    "pages of rows": (BANDS, {}),
    "contiguous": (BANDS, {"photometric": "minisblack", "planarconfig": "contig"}),
    "separate": (
        np.moveaxis(BANDS, 2, 0),
        {"photometric": "minisblack", "planarconfig": "separate"},
    ),
    "pages of bands": (np.moveaxis(BANDS, 2, 0), {"photometric": "minisblack"}),
    "compressed": (BANDS, {"planarconfig": "contig", "compression": "zlib"}),
    "BigTIFF": (BANDS, {"planarconfig": "contig", "bigtiff": True}),
    "big endian": (BANDS, {"planarconfig": "contig", "byteorder": ">"}),
    "without a description": (BANDS, {"planarconfig": "contig", "metadata": None}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bands_of_a_tiff_are_the_array_that_was_written(tmp_path, layout):
    array, options = LAYOUTS[layout]
    tifffile.imwrite(tmp_path / "bands.tif", array, **options)
    ready = prepare_picture(tmp_path / "bands.tif", OF_SENSOR)
    assert torch.equal(ready.pixels[0], prepare(BANDS.astype(np.float32), OF_SENSOR)[0])
    with pytest.raises(PictureError, match=r"13 bands .* the model takes 3"):
        open_picture(tmp_path / "bands.tif")


@settings(max_examples=40)
@given(
    st.sampled_from([np.uint8, np.uint16, np.float32]),
    st.integers(2, 14),
    st.integers(20, 40),
    st.integers(20, 40),
    st.sampled_from(["contig", "separate"]),
)
def test_no_tiff_of_several_bands_becomes_a_picture_of_another_shape(
    kind, bands, height, width, planar
):
    shape = (height, width, bands) if planar == "contig" else (bands, height, width)
    buffer = io.BytesIO()
    array = np.random.default_rng(bands).integers(0, 200, shape).astype(kind)
    tifffile.imwrite(buffer, array, photometric="minisblack", planarconfig=planar)
    buffer.seek(0)
    if bands == 3 and kind == np.uint8:
        assert open_picture(buffer).size == (width, height)
    else:
        with pytest.raises(PictureError, match=r"bands|floats|uint16"):
            open_picture(buffer)


def test_rows_of_an_array_that_nothing_describes_are_no_picture(tmp_path):
    tifffile.imwrite(tmp_path / "bands.tif", BANDS, metadata=None, photometric="minisblack")
    with pytest.raises(PictureError, match="pages of 13 x 90 pixels, which is an array"):
        open_picture(tmp_path / "bands.tif")


def test_without_tifffile_bands_are_named_for_what_they_are(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "bands.tif", BANDS)
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(PictureError, match=r"80 x 90 x 13.*pip install 'agcam\[tiff\]'"):
        open_picture(tmp_path / "bands.tif")


def test_a_stack_of_pages_is_its_first_and_noted(tmp_path):
    pages = [Image.fromarray(RNG.integers(0, 255, (40, 50), dtype=np.uint8)) for _ in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    ready = prepare_picture(tmp_path / "stack.tif", Preparation((40, 50), (0.0,), (1.0,), "squash"))
    assert any("3 pages; the first" in note for note in ready.notes)
    assert np.array_equal(np.asarray(ready.pictures[0])[:, :, 0], np.asarray(pages[0]))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)])
def test_floats_in_a_tiff_are_greys_and_colours_within_0_and_1(tmp_path, kind, shape):
    values = RNG.random(shape).astype(kind)
    tifffile.imwrite(tmp_path / "f.tif", values, photometric="rgb" if len(shape) == 3 else None)
    found = np.asarray(open_picture(tmp_path / "f.tif"), dtype=float)
    want = values if len(shape) == 3 else values[:, :, None]
    assert np.abs(found - want * 255).max() <= 0.51


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("form", ["png", "tif"])
def test_low_bits_of_16_are_noted_and_a_range_is_taken(tmp_path, bits, form):
    values = np.linspace(0, 2**bits - 1, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(values).save(tmp_path / f"deep.{form}")
    plain = Preparation((64, 64), (0.0,) * 3, (1.0,) * 3, "squash")
    dark = prepare_picture(tmp_path / f"deep.{form}", plain)
    (note,) = dark.notes
    assert f"the low {bits} of its 16 bits" in note
    assert f"--range 0,{2**bits - 1}" in note
    ranged = Preparation((64, 64), (0.0,) * 3, (1.0,) * 3, "squash", value_range=(0, 2**bits - 1))
    bright = prepare_picture(tmp_path / f"deep.{form}", ranged)
    assert not bright.notes
    assert np.asarray(bright.pictures[0]).max() == 255
    reopened = open_picture(tmp_path / f"deep.{form}", value_range=(0, 2**bits - 1))
    assert np.array_equal(np.asarray(reopened), np.asarray(bright.pictures[0]))


def test_all_16_bits_are_not_noted(tmp_path):
    Image.fromarray(np.full((8, 8), 40000, np.uint16)).save(tmp_path / "deep.png")
    assert not prepare_picture(tmp_path / "deep.png", Preparation((8, 8), (0.0,), (1.0,))).notes


def test_a_range_reaches_the_model_by_the_command_line_and_by_python(tmp_path):
    Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)).save(tmp_path / "deep.png")
    found = agcam.explain(
        vit(), tmp_path / "deep.png", preparation={"value_range": (0, 4095), "fit": "squash"}
    )
    assert np.asarray(found.pictures[0]).max() == 255
    assert found.manifest()["preparation"]["value_range"] == (0, 4095)
    with pytest.raises(PictureError, match="a range is two numbers"):
        agcam.load(vit(), preparation={"value_range": (4, 4)})
    with pytest.raises(ModelError, match="a preparation has no rnge"):
        agcam.load(vit(), preparation={"rnge": (0, 4)})


@pytest.mark.parametrize(
    ("pixels", "note"),
    [
        (torch.rand(1, 3, 160, 160) * 255, "run from 0 to 255.*scale and normalize"),
        (torch.rand(1, 3, 160, 160), "scaled to 0 ... 1, but not normalized"),
        (torch.randn(1, 3, 160, 160), None),
        (torch.zeros(1, 3, 160, 160), None),
    ],
)
def test_a_tensor_that_was_not_normalized_is_noted(pixels, note):
    notes = agcam.explain(vit(), pixels, method="agcam").notes
    if note is None:
        assert not notes
    else:
        assert len(notes) == 1
        assert __import__("re").search(note, notes[0])


def row(**more):
    return {"image": COLOUR, **more}


def opened_file():
    buffer = io.BytesIO()
    COLOUR.save(buffer, "PNG")
    buffer.seek(0)
    return buffer


def at_its_end():
    file = opened_file()
    file.seek(0, io.SEEK_END)
    return file


@pytest.mark.parametrize(
    "given",
    [
        row(label=3),
        (COLOUR, 3),
        (COLOUR, torch.tensor(3)),
        [row(label=1)],
        [(COLOUR, 1)],
        opened_file(),
        opened_file().getvalue(),
        bytearray(opened_file().getvalue()),
        np.asarray(COLOUR),
        np.asarray(COLOUR) / 255,
    ],
)
def test_pictures_as_data_sets_and_programs_hold_them(given):
    model = vit()
    want = agcam.explain(model, COLOUR).logits
    assert torch.equal(agcam.explain(model, given).logits, want)
    assert torch.equal(agcam.explain(model, given).logits, want)  # a file is put back


def test_a_batch_of_a_loader_and_a_row_of_bytes():
    model, pixels = vit(), torch.randn(2, 3, 160, 160)
    want = agcam.explain(model, pixels).logits
    assert torch.equal(agcam.explain(model, [pixels, torch.tensor([0, 1])]).logits, want)
    stored = {"image": {"bytes": opened_file().getvalue(), "path": None}, "label": 1}
    want = agcam.explain(model, COLOUR).logits
    assert torch.equal(agcam.explain(model, stored).logits, want)


def test_one_stated_number_is_that_of_every_channel_of_the_model():
    found = agcam.load(vit(13), preparation={"size": 160, "mean": 1000.0, "std": 500.0})
    assert found.preparation.mean == (1000.0,) * 13
    assert agcam.explain(found, BANDS).pictures[0].size == (90, 80)


@pytest.mark.parametrize("key", ["pixel_values", "images"])
def test_pixels_as_processors_give_them(key):
    model, pixels = vit(), torch.randn(2, 3, 160, 160)
    want = agcam.explain(model, pixels)
    for given_ in ({key: pixels}, list(pixels), [one[None] for one in pixels], {key: list(pixels)}):
        assert torch.equal(agcam.explain(model, given_).logits, want.logits)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([torch.zeros(3, 160, 160), torch.zeros(3, 96, 160)], "of one size"),
        ([torch.zeros(3, 160, 160), COLOUR], "tensors and other pictures"),
        ({"label": 3}, "holds no pixel_values or image"),
        (np.zeros((3, 160, 160), np.float32), r"torch\.from_numpy"),
        (np.zeros((2, 3, 160, 160), np.float32), r"torch\.from_numpy"),
        (np.random.default_rng(0).normal(size=(160, 160, 3)), "undo the normalization"),
        (io.StringIO("text"), "mode 'rb'"),
        (at_its_end(), "stands at its end"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_line_to_write(given, reason):
    with pytest.raises(PictureError, match=reason):
        agcam.explain(vit(), given)


def test_an_array_that_would_fill_the_memory_is_refused_before_it_is_read(monkeypatch):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, BANDS, planarconfig="contig")
    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", lambda *_: pytest.fail("it was read"))
    with pytest.raises(PictureError, match="bytes, which is too large"):
        open_picture(buffer.getvalue(), max_pixels=BANDS.nbytes // 8 - 1)
