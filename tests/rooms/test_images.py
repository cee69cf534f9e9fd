"""Room images: every odd file is handled right or refused in one sentence; prepare agrees."""

import io
import os
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile
from timm.data import create_transform

from agcam.errors import PictureError
from agcam.images import find_pictures, open_picture, prepare
from agcam.images import open as open_module
from agcam.images.decode import Wanted
from agcam.images.open import open_any
from agcam.values import Preparation

HALF, PLAIN = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def photograph(width=64, height=48, seed=0):
    """Smooth colours and a little noise, so that every filter and format has something to do."""
    noise = np.random.default_rng(seed)
    rough = Image.fromarray(noise.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(rough.resize((width, height), Image.Resampling.BICUBIC), dtype=int)
    grain = noise.integers(-9, 10, smooth.shape)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))


def saved(picture, form, **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def pixels(picture):
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


def refusal(source):
    with pytest.raises(PictureError) as caught:
        open_picture(source)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP", "JPEG", "JPEG2000"])
def test_formats(tmp_path, form):
    picture = photograph()
    path = tmp_path / "a picture.bin"  # the name does not matter
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(form, {})
    path.write_bytes(saved(picture, form, **options))
    off = np.abs(pixels(open_picture(path)) - pixels(picture))
    assert off.mean() < {"GIF": 12, "JPEG": 6}.get(form, 0.001)
    assert np.array_equal(pixels(open_picture(str(path))), pixels(open_picture(path)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
def test_exif_rotation_is_applied(tmp_path, form, orientation):
    upright = Image.new("RGB", (40, 24))
    upright.paste((255, 0, 0), (0, 0, 16, 8))  # a red corner top left
    stored_as = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(stored_as(np.asarray(upright))))
    path = tmp_path / "turned"
    path.write_bytes(saved(stored, form, exif=exif, **({"quality": 95} if form == "JPEG" else {})))
    opened = open_picture(path)
    assert opened.size == (40, 24)
    assert np.abs(pixels(opened) - pixels(upright)).mean() < 3


def test_broken_metadata_does_not_spoil_the_picture(tmp_path):
    path = tmp_path / "odd.jpg"
    path.write_bytes(saved(photograph(), "JPEG", exif=b"Exif\0\0nonsense, not TIFF"))
    assert open_picture(path).size == (64, 48)


def test_cmyk_is_not_inverted(tmp_path):
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    path = tmp_path / "print.jpg"
    path.write_bytes(saved(cyan, "JPEG", quality=95))  # PIL writes it Adobe's way: inverted
    red, green, blue = pixels(open_picture(path))[8, 8]
    assert red < 20
    assert green > 235
    assert blue > 235


def test_grey_palette_and_bits(tmp_path):
    grey = photograph().convert("L")
    expected = pixels(grey.convert("RGB"))
    assert np.array_equal(pixels(open_picture(grey)), expected)
    path = tmp_path / "x.png"
    grey.convert("P").save(path)
    assert np.array_equal(pixels(open_picture(path)), expected)
    grey.convert("1").save(path)
    assert set(np.unique(pixels(open_picture(path)))) == {0, 255}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "RGBa", "La", "RGB", "L"])
def test_alpha_is_composited_over_white(mode):
    clear = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    clear.putpixel((1, 0), (0, 0, 0, 255))
    if mode == "P":
        picture = Image.new("P", (2, 1))
        picture.putpalette([0, 0, 0, 0, 0, 0])
        picture.putpixel((1, 0), 1)
        picture.info["transparency"] = 0
    elif mode in {"RGB", "L"}:  # one colour is transparent, as a PNG can say
        picture = Image.new(mode, (2, 1), "white")
        picture.putpixel((0, 0), (9, 9, 9) if mode == "RGB" else 9)
        picture.putpixel((1, 0), (0, 0, 0) if mode == "RGB" else 0)
        picture.info["transparency"] = (9, 9, 9) if mode == "RGB" else 9
    elif mode == "La":
        picture = clear.convert("LA").convert("La")
    elif mode == "PA":
        picture = Image.new("PA", (2, 1))
        picture.putpalette([0, 0, 0])
        picture.putpixel((1, 0), (0, 255))
    else:
        picture = clear.convert(mode)
    assert pixels(open_picture(picture))[0].tolist() == [[255] * 3, [0] * 3]


def test_half_clear_red_over_white_is_pink():
    red = Image.new("RGBA", (1, 1), (255, 0, 0, 128))
    assert pixels(open_picture(red))[0, 0].tolist() == [255, 127, 127]


RAMP = np.array([[0, 257, 128 * 257, 65535]])


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(tmp_path, form):
    path = tmp_path / "deep"
    path.write_bytes(saved(Image.fromarray(RAMP.astype(np.uint16)), form))
    assert pixels(open_picture(path))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_deep_modes():
    big = Image.frombytes("I;16B", (4, 1), RAMP.astype(">u2").tobytes())
    assert pixels(open_picture(big))[0, :, 0].tolist() == [0, 1, 128, 255]
    whole = Image.fromarray(RAMP.astype(np.int32))
    assert whole.mode == "I"
    assert pixels(open_picture(whole))[0, :, 0].tolist() == [0, 1, 128, 255]
    for full in (1.0, 255.0, 65535.0):
        floats = Image.fromarray((RAMP / 65535 * full).astype(np.float32))
        assert floats.mode == "F"
        assert pixels(open_picture(floats))[0, :, 0].tolist() == [0, 1, 128, 255]
    dark = Image.fromarray(np.full((2, 2), 300, np.uint16))  # not stretched to its own extremes
    assert pixels(open_picture(dark)).max() == 1


@pytest.mark.parametrize("values", [[0, np.nan], [-1, 1], [0, 1e9]])
def test_deep_greys_without_a_range(values):
    assert "grey values" in refusal(Image.fromarray(np.array([values], np.float32)))


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_an_animation(tmp_path, form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    path = tmp_path / "moving"
    path.write_bytes(saved(frames[0], form, save_all=True, append_images=frames[1:]))
    assert np.abs(pixels(open_picture(path))[0, 0] - [255, 0, 0]).max() < 6
    for name, count in (("moving", 1), ("still", 0)):
        (tmp_path / "still").write_bytes(saved(frames[0], form))
        notes = open_any(tmp_path / name, Wanted()).notes
        assert len([note for note in notes if "first" in note]) == count


def test_one_pixel(tmp_path):
    path = tmp_path / "dot.png"
    Image.new("RGB", (1, 1), (1, 2, 3)).save(path)
    picture = open_picture(path)
    assert pixels(picture).tolist() == [[[1, 2, 3]]]
    tensor, frame = prepare(picture, Preparation((8, 8), HALF, HALF))
    assert tensor.shape == (3, 8, 8)
    assert frame.window == (0, 0, 1, 1)


def test_arrays():
    picture = photograph()
    values = np.asarray(picture)
    assert np.array_equal(pixels(open_picture(values)), values)
    assert np.array_equal(pixels(open_picture(values / 255)), values)
    assert np.array_equal(pixels(open_picture((values / 255).astype(np.float32))), values)
    flipped = open_picture(values[::-1, ::-1])
    assert np.array_equal(pixels(flipped), values[::-1, ::-1])
    assert np.array_equal(pixels(open_picture(values[..., 0]))[..., 2], values[..., 0])
    clear = np.dstack([values, np.zeros(values.shape[:2], np.uint8)])
    assert pixels(open_picture(clear)).min() == 255
    before = values.copy()
    open_picture(values).paste("black", (0, 0, 9, 9))
    assert np.array_equal(values, before)


@pytest.mark.parametrize(
    ("array", "fix"),
    [
        (np.zeros((3, 20, 20), np.uint8), "transpose"),
        (np.zeros((1, 20, 20)), "transpose"),
        (np.zeros((2, 20, 20, 3), np.uint8), "list"),
        (np.zeros((20, 20, 2)), "(height, width, 3)"),
        (np.zeros(20), "(height, width, 3)"),
        (np.zeros((20, 20, 3), np.int64), "uint8"),
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4, 3), np.inf), "infinite"),
        (np.full((4, 4, 3), 17.0), "divide by 255"),
        (np.full((4, 4, 3), -0.5), "normalization"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.zeros((2, 2), bool), "uint8"),
        (7, "not a picture"),
    ],
)
def test_arrays_refused(array, fix):
    assert fix in refusal(array)


def test_bad_files_are_refused_by_name(tmp_path):
    empty, text, folder = tmp_path / "empty.png", tmp_path / "text.jpg", tmp_path / "folder.jpg"
    zeros, vector, fifo = tmp_path / "zeros.jpg", tmp_path / "a.svg", tmp_path / "fifo.png"
    empty.touch()
    text.write_text("Dear sir or madam, this is not a picture. " * 20)
    zeros.write_bytes(bytes(5000))
    vector.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    folder.mkdir()
    os.mkfifo(fifo)
    for path, words in [
        (tmp_path / "missing.jpg", "does not exist"),
        (empty, "is empty"),
        (text, "not a picture of a known format"),
        (zeros, "zeros"),
        (vector, "not a picture of a known format"),
        (folder, "is a folder"),
        (fifo, "not a regular file"),
        (text / "below.jpg", "could not be opened"),
        (tmp_path / ("long" * 200), "could not be opened"),
    ]:
        sentence = refusal(path)
        assert words in sentence
        assert str(path) in sentence
    assert "not a file name" in refusal("nul\0.jpg")


def test_permission_denied(tmp_path, monkeypatch):
    path = tmp_path / "secret.png"
    photograph().save(path)

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(open_module.io, "FileIO", deny)  # root may read everything, so pretend
    assert "permission denied" in refusal(path)


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
def test_truncated_is_an_error_and_never_half_grey(tmp_path, monkeypatch, form, lenient):
    # Some libraries set this for the whole process; it must neither matter nor be changed.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    data = saved(photograph(200, 150), form)
    path = tmp_path / f"cut.{form}"
    path.write_bytes(data)
    open_picture(path)
    for part in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(data[: int(len(data) * part)])
        assert any(word in refusal(path) for word in ("truncated", "damaged"))
    assert lenient is ImageFile.LOAD_TRUNCATED_IMAGES


def test_garbage_in_the_middle_is_an_error_or_a_picture(tmp_path):
    noise = np.random.default_rng(0)
    path = tmp_path / "spoilt"
    for form in ("JPEG", "PNG", "WEBP", "GIF", "TIFF"):
        data = saved(photograph(), form)
        for _ in range(25):
            spoilt = bytearray(data)
            for place in noise.integers(4, len(data), 8):
                spoilt[place] = noise.integers(256)
            path.write_bytes(spoilt)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PIL warns about odd metadata
                try:
                    mode, sentence = open_picture(path).mode, str(path)
                except PictureError as error:  # any other exception fails the test
                    mode, sentence = "RGB", str(error)
            assert mode == "RGB"
            assert str(path) in sentence


def png_header(width, height):
    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    size = width.to_bytes(4) + height.to_bytes(4)
    data = zlib.compress(bytes(1000))
    head = chunk(b"IHDR", size + bytes([8, 2, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_decompression_bomb(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(60_000, 60_000))
    assert "60000 x 60000" in refusal(path)


def test_between_the_limits_of_pil_and_ours_nothing_leaks(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(png_header(13_500, 13_500))  # PIL would refuse it, unread
    assert "truncated" in refusal(path)  # read, and found without its pixels


def test_100_megapixels_in_threads_without_a_warning(tmp_path, recwarn):
    limit = Image.MAX_IMAGE_PIXELS
    path = tmp_path / "large.png"
    Image.new("L", (10_000, 10_000), 77).save(path, compress_level=1)
    sizes = []
    threads = [
        threading.Thread(target=lambda: sizes.append(open_picture(path).size)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [(10_000, 10_000)] * 2
    assert not recwarn.list
    assert limit == Image.MAX_IMAGE_PIXELS


def test_given_pictures_are_not_changed_or_closed(tmp_path):
    path = tmp_path / "turned.gif"
    frames = [Image.new("RGB", (8, 4), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with Image.open(path) as moving:
        moving.seek(1)
        assert pixels(open_picture(moving))[0, 0].tolist() == [0, 255, 0]
        assert moving.tell() == 1
        moving.seek(2)  # still open
    plain = photograph()
    before = plain.tobytes()
    opened = open_picture(plain)
    opened.paste("black", (0, 0, 20, 20))
    assert plain.tobytes() == before
    turned = photograph(30, 20)
    turned.getexif()[0x0112] = 6
    assert open_picture(turned).size == (20, 30)
    assert turned.size == (30, 20)
    assert turned.getexif()[0x0112] == 6


def test_find_pictures(tmp_path):
    for name in ("b10.png", "b2.JPG", "notes.txt", "deep/er/c.webp", ".hidden.png", ".h/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    inside = [tmp_path / name for name in ("b2.JPG", "b10.png", "deep/er/c.webp")]
    assert find_pictures([tmp_path]) == inside
    assert find_pictures([str(tmp_path / "*.???")]) == [*inside[:2], tmp_path / "notes.txt"]
    assert find_pictures([tmp_path / "**/*.webp"]) == inside[2:]
    missing = tmp_path / "missing.png"
    order = [inside[1], missing, tmp_path / "notes.txt"]
    assert find_pictures([*order, tmp_path, inside[1]]) == [*order, inside[0], inside[2]]
    for bad in (tmp_path / ".h" / "none", tmp_path / "*.tiff", tmp_path / "deep" / "empty"):
        if "*" not in bad.name:
            bad.mkdir()
        with pytest.raises(PictureError, match="no picture"):
            find_pictures([inside[0], bad])


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    path = tmp_path / "cat[1].png"
    path.touch()
    assert find_pictures([path]) == [path]


def test_the_same_file_by_two_names(tmp_path, monkeypatch):
    (tmp_path / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    assert find_pictures(["a.png", "./a.png", tmp_path / "a.png"]) == [Path("a.png")]


SIZES = [(333, 250), (250, 333), (100, 91), (37, 500), (1, 1), (224, 224), (225, 401), (640, 427)]
FILTERS = ["bilinear", "bicubic"]


def agrees(theirs, preparation, sizes=SIZES, within=1e-6):
    for width, height in sizes:
        picture = photograph(width, height, seed=width)
        ours, _ = prepare(picture, preparation)
        assert (theirs(picture) - ours).abs().max() <= within, (width, height)


@pytest.mark.parametrize("interpolation", [*FILTERS, "lanczos"])
@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize(("size", "part"), [((96, 96), 0.9), ((96, 128), 0.875), ((97, 97), 1.0)])
def test_prepare_agrees_with_timm(mode, interpolation, size, part):
    theirs = create_transform(
        (3, *size), is_training=False, interpolation=interpolation, mean=MEAN, std=STD,
        crop_pct=part, crop_mode=mode,
    )  # fmt: skip
    fit = {"center": "crop", "squash": "squash", "border": "pad"}[mode]
    resize = (int(size[0] / part), int(size[1] / part))
    fill = tuple(round(255 * value) for value in MEAN) if fit == "pad" else 0
    ours = Preparation(size, MEAN, STD, fit, resize, interpolation, fill)
    sizes = [size for size in SIZES if fit != "pad" or max(size) < 10 * min(size)]
    agrees(theirs, ours, sizes)


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(("crop", "resize"), [(96, 110), (96, 96), (99, 80)])
def test_prepare_agrees_with_torchvision(interpolation, crop, resize):
    presets = pytest.importorskip("torchvision.transforms._presets")
    modes = pytest.importorskip("torchvision.transforms").InterpolationMode
    theirs = presets.ImageClassification(
        crop_size=crop, resize_size=resize, interpolation=modes(interpolation)
    )
    agrees(theirs, Preparation((crop, crop), MEAN, STD, "crop", resize, interpolation))


@pytest.mark.parametrize(("theirs", "fit"), [("shortest", "crop"), ("squash", "squash")])
@pytest.mark.parametrize("size", [(96, 96), (96, 128)])
def test_prepare_agrees_with_open_clip(theirs, fit, size):
    transform = pytest.importorskip("open_clip").image_transform
    agrees(
        transform(size, is_train=False, mean=MEAN, std=STD, resize_mode=theirs),
        Preparation(size, MEAN, STD, fit),
    )


@pytest.mark.parametrize("fill", [0, 117])
def test_prepare_agrees_with_open_clip_longest(fill):
    transform = pytest.importorskip("open_clip").image_transform
    theirs = transform(
        (96, 96), is_train=False, mean=MEAN, std=STD, resize_mode="longest", fill_color=fill
    )
    agrees(theirs, Preparation((96, 96), MEAN, STD, "pad", fill=fill))


def hugging_face():
    transformers = pytest.importorskip("transformers")
    square = {"height": 96, "width": 96}
    return [
        (transformers.ViTImageProcessor(size=square), "squash", None, "bilinear"),
        (transformers.SiglipImageProcessor(size=square), "squash", None, "bicubic"),
        (
            transformers.CLIPImageProcessor(size={"shortest_edge": 96}, crop_size=square),
            "crop", 96, "bicubic",
        ),
        (
            transformers.BitImageProcessor(
                size={"shortest_edge": 111}, crop_size=square, resample=3
            ),
            "crop", 111, "bicubic",
        ),
        (
            transformers.BeitImageProcessor(
                size={"height": 109, "width": 109},
                crop_size=square, do_center_crop=True, resample=3,
            ),
            "squash", 109, "bicubic",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("which", range(5))
def test_prepare_agrees_with_hugging_face(which):
    processor, fit, resize, interpolation = hugging_face()[which]
    mean, std = tuple(processor.image_mean), tuple(processor.image_std)
    ours = Preparation((96, 96), mean, std, fit, resize, interpolation, crop_rounding="floor")

    def theirs(picture):
        return processor(picture, return_tensors="pt")["pixel_values"][0]

    agrees(theirs, ours, within=2.001 / 255 / min(std))  # they resample in torch, 8 bits


def test_a_very_narrow_picture_is_prepared_in_little_memory(monkeypatch):
    narrow = photograph(30_000, 1)
    whole, made = Image.Image.resize, []

    def watched(picture, size, *args, **options):
        made.append(size)
        return whole(picture, size, *args, **options)

    monkeypatch.setattr(Image.Image, "resize", watched)
    tensor, frame = prepare(narrow, Preparation((224, 224), HALF, HALF))
    assert made == [(224, 224)]  # and not 6,720,000 x 224
    left, top, right, bottom = frame.window
    assert (top, bottom) == (0, 1)
    assert right - left == pytest.approx(1, abs=1e-9)
    assert (left + right) / 2 == pytest.approx(15_000, abs=0.01)
    middle = np.asarray(narrow)[0, 14_999:15_001] / 127.5 - 1
    assert tensor[:, 100, 112].numpy() == pytest.approx(middle.mean(axis=0), abs=0.1)


def test_prepare_takes_rgb_only_and_changes_nothing():
    picture = photograph()
    before = picture.tobytes()
    first, _ = prepare(picture, Preparation((64, 48), HALF, HALF))
    reopened, _ = prepare(picture, Preparation((64, 48), HALF, HALF))
    assert picture.tobytes() == before
    assert torch.equal(first, reopened)
    assert first.dtype == torch.float32
    with pytest.raises(PictureError, match="open_picture"):
        prepare(picture.convert("L"), Preparation((8, 8), HALF, HALF))
