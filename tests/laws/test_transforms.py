"""Laws of a user's own transform: its pixels are its own, and its window is measured right."""

import numpy as np
import pytest
import timm.data
import torch
import torchvision.models
import torchvision.transforms as v1
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision.transforms import v2

from agcam.errors import ModelError, PictureError
from agcam.images import prepare
from agcam.images.checks import looks_alike
from agcam.transforms import transform_of
from agcam.values import Preparation, preparation_text

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
FILTERS = ("bilinear", "bicubic", "lanczos")
END = [v1.ToTensor(), v1.Normalize(MEAN, STD)]
END2 = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
quick = settings(max_examples=40)


def mode(name):
    return v1.InterpolationMode(name)


def noise(width, height):
    rng = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8))


@st.composite
def known(draw):
    """A transform of a library, and the same as data, whose window is exact."""
    name = draw(st.sampled_from(FILTERS))
    side = draw(st.sampled_from([64, 96, 160]))
    resize = draw(st.sampled_from([side - 20, side, side + 24]))
    size = (side, draw(st.sampled_from([side, side + 32])))
    crop = Preparation((side, side), MEAN, STD, "crop", resize, name)
    squash = Preparation(size, MEAN, STD, "squash", None, name)
    padded = Preparation((side, side), MEAN, STD, "pad", (side, side), name, (124, 116, 104))
    floored = Preparation((side, side), HALF, HALF, "crop", resize, name, crop_rounding="floor")
    kind = {"bilinear": 2, "bicubic": 3, "lanczos": 1}[name]
    return draw(
        st.sampled_from(
            [
                (
                    v1.Compose([v1.Resize(resize, mode(name)), v1.CenterCrop(side), *END]),
                    crop,
                ),
                (
                    v2.Compose([v2.Resize(resize, mode(name)), v2.CenterCrop(side), *END2]),
                    crop,
                ),
                (v1.Compose([v1.Resize(size, mode(name)), *END]), squash),
                (
                    timm.data.create_transform(
                        (3, side, side), interpolation=name, crop_pct=1.0, crop_mode="border",
                        mean=MEAN, std=STD,
                    ),
                    padded,
                ),
                (
                    transformers.ViTImageProcessor(
                        size={"height": size[0], "width": size[1]}, resample=kind,
                        image_mean=MEAN, image_std=STD,
                    ),
                    squash,
                ),
                (
                    transformers.BitImageProcessor(
                        size={"shortest_edge": resize}, resample=kind, do_convert_rgb=False,
                        crop_size={"height": side, "width": side}, image_mean=HALF, image_std=HALF,
                    ),
                    floored,
                ),
            ]
        )
    )  # fmt: skip


def off(measured, exact, preparation):
    """How far the ends of what is seen are off, in pixels of the input or, if larger, the picture.

    Where a picture is padded, its own ends are compared, not those of the padding.
    """
    left, top, right, bottom = exact.window
    errors = []
    for start, stop, length, pixels, (first, last) in (
        (left, right, exact.width, preparation.size[1], measured.window[::2]),
        (top, bottom, exact.height, preparation.size[0], measured.window[1::2]),
    ):
        ends = np.array([max(start, 0), min(stop, length)])
        share = (ends - start) / (stop - start) - (ends - first) / (last - first)
        errors.append(np.abs(share).max() * min(pixels, stop - start))
    return max(errors)


@quick
@given(known(), st.integers(24, 420), st.integers(24, 420))
def test_the_measured_window_is_the_exact_one(pair, width, height):
    program, preparation = pair
    picture = noise(width, height)
    transform = transform_of(program)
    pixels, measured = prepare(picture, transform)
    exact = prepare(picture, preparation)[1]
    # open for one thing: libraries may cut half a pixel of the input to either side
    assert off(measured, exact, preparation) < 0.6
    assert torch.equal(pixels, _given(program, picture))
    assert transform.mean == pytest.approx(preparation.mean, abs=1e-3)
    assert transform.std == pytest.approx(preparation.std, abs=1e-3)
    assert looks_alike(pixels, picture, measured)


def _given(program, picture):
    if isinstance(program, transformers.BaseImageProcessor):
        return program(images=picture, return_tensors="pt")["pixel_values"][0]
    return program(picture)


@pytest.mark.parametrize("name", [*FILTERS, "nearest"])
@pytest.mark.parametrize("size", [(300, 200), (97, 411), (40, 31)])
def test_every_filter_leaves_the_window_where_it_is(name, size):
    program = v1.Compose([v1.Resize(80, mode(name)), v1.CenterCrop(64), *END])
    preparation = Preparation((64, 64), MEAN, STD, "crop", 80, name)
    measured, exact = (
        prepare(noise(*size), way)[1] for way in (transform_of(program), preparation)
    )
    assert off(measured, exact, preparation) < (0.6 if name == "nearest" else 0.2)


PROGRAMS = {
    "a function": (lambda p: v1.ToTensor()(ImageOps.fit(p, (64, 64))), (50, 0, 250, 200)),
    "grey": (v1.Compose([v1.Grayscale(1), v1.Resize((64, 64)), v1.ToTensor()]), (0, 0, 300, 200)),
    "BGR, 0 ... 255": (
        lambda p: v1.ToTensor()(p.resize((64, 64)))[[2, 1, 0]] * 255 - 120,
        (0, 0, 300, 200),
    ),
    "standardized": (
        v1.Compose([v1.Resize((64, 64)), v1.ToTensor(), lambda x: (x - x.mean()) / (x.std() + 1)]),
        (0, 0, 300, 200),
    ),
    "inverted": (
        v1.Compose([v1.Resize((64, 64)), v1.ToTensor(), lambda x: 1 - x]),
        (0, 0, 300, 200),
    ),
    "a corner": (
        v1.Compose([lambda p: p.crop((0, 20, 60, 80)), v1.Resize((64, 64)), *END]),
        (0, 20, 60, 80),
    ),
    "padded first": (v1.Compose([v1.Pad(30, fill=255), v1.Resize((64, 64)), *END]),
                     (-30, -30, 330, 230)),
    "without antialias": (
        v1.Compose([v1.ToTensor(), v1.Resize((64, 64), antialias=False)]),
        (0, 0, 300, 200),
    ),
    "not resized": (v1.ToTensor(), (0, 0, 300, 200)),
    "an array": (lambda p: np.asarray(p.resize((64, 64)), np.float32) / 255, (0, 0, 300, 200)),
    "a batch of one": (lambda p: {"image": v1.ToTensor()(p.resize((64, 64)))[None]},
                       (0, 0, 300, 200)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_any_program_of_a_picture_is_measured(name):
    program, window = PROGRAMS[name]
    picture = noise(300, 200).resize((60, 40)).resize((300, 200))  # something to recognize
    pixels, frame = prepare(picture, transform_of(program))
    assert frame.window == pytest.approx(window, abs=1.5)
    assert (frame.width, frame.height) == picture.size
    assert looks_alike(pixels, picture, frame)


def turned(picture):
    return picture.rotate(20)


REFUSED = {
    "is random": v1.Compose([v1.RandomResizedCrop(64), *END]),
    "is random.": v1.Compose([v1.Resize((64, 64)), v1.ColorJitter(0.4), *END]),
    "is random..": v1.Compose([v1.Resize((64, 64)), v1.RandomHorizontalFlip(), *END]),
    "is random...": v1.Compose([v1.Resize(72), v1.RandomCrop(64), v1.RandomRotation(20), *END]),
    "mirrors": v1.Compose([v1.RandomHorizontalFlip(1.0), v1.Resize((64, 64)), *END]),
    "mirrors.": v1.Compose([v1.RandomVerticalFlip(1.0), v1.Resize((64, 64)), *END]),
    "turns": v1.Compose([turned, v1.Resize((64, 64)), *END]),
    "turns.": v1.Compose([lambda p: p.transpose(Image.Transpose.ROTATE_90), *END]),
    "turns or bends": v1.Compose(
        [
            lambda p: p.transform(p.size, Image.Transform.QUAD, (0, 0, 40, 200, 240, 200, 300, 0)),
            *END,
        ]
    ),
    r"\(5, 3, 50, 50\)": v1.Compose(
        [v1.FiveCrop(50), lambda crops: torch.stack([v1.ToTensor()(crop) for crop in crops])]
    ),
    "PIL picture": v1.Resize(8),
    "torch.uint8": v1.Compose([v1.Resize(8), v1.PILToTensor()]),
    "failed on a picture": lambda p: p.nothing,
    "too little": lambda p: torch.zeros(3, 8, 8),
    "NaN or infinite": v1.Compose([v1.Resize(8), v1.ToTensor(), lambda x: x / 0]),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_has_no_window_is_refused_with_the_reason(reason):
    with pytest.raises(PictureError, match=reason.rstrip(".")):
        prepare(noise(300, 200), transform_of(REFUSED[reason]))


def test_what_cannot_be_called_is_no_preparation():
    with pytest.raises(ModelError, match="a preparation is an agcam"):
        transform_of("imagenet")
    with pytest.raises(ModelError, match="RandomCrop is a class"):
        transform_of(v1.RandomCrop)


def test_the_transforms_of_torchvision_s_weights_need_no_call():
    weights = torchvision.models.ViT_B_16_Weights.IMAGENET1K_V1
    found = transform_of(weights.transforms)
    assert (found.size, found.mean) == ((224, 224), transform_of(weights).mean)
    assert "-0" not in preparation_text(
        transform_of(v1.Compose([v1.Resize((8, 8)), v1.ToTensor()]))
    )


def test_a_program_that_looks_for_something_to_cut_out_is_noticed():
    """It was measured on pictures without such a thing."""

    def bright(picture):
        grey = np.asarray(picture.convert("L"))
        if np.ptp(grey) in {0, 128}:  # the pictures that measure
            return v1.ToTensor()(picture.resize((32, 32)))
        row, column = np.unravel_index(grey.argmax(), grey.shape)
        box = (int(column) - 8, int(row) - 8, int(column) + 8, int(row) + 8)
        return v1.ToTensor()(picture.crop(box).resize((32, 32)))

    picture = noise(300, 200)
    pixels, frame = prepare(picture, transform_of(bright))
    assert not looks_alike(pixels, picture, frame)
