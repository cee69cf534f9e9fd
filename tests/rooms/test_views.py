"""Several views of a picture: each is explained as any, and the mean is of what each shows."""

import json

import numpy as np
import pytest

import agcam
from agcam import METHODS, PictureError, Top
from agcam.explainer.views import Views
from agcam.maps import VIEWS, to_pixels
from agcam.maps.views import mean_of_views
from agcam.values import Frame, Grid


def test_a_constant_map_stays_constant_and_what_is_unseen_stays_unseen():
    frame = Frame(300, 200, (50.5, -10, 250.25, 190))
    shifts = Views.of(9, (224, 224), Grid(14, 14, 1)).windows
    maps = np.full((2, 9, 14, 14), 0.25, np.float32)
    mean, plain = mean_of_views(maps, frame, shifts), to_pixels(maps[:, 0], frame)
    assert np.array_equal(np.isnan(mean), np.isnan(plain))
    assert np.array_equal(np.unique(mean[~np.isnan(mean)]), [np.float32(0.25)])


@pytest.mark.parametrize("method", ["agcam", "agcam_spread", "rollout", "res_lrp"])
def test_each_view_is_explained_as_any_picture(tiny, pixels, method):
    made = agcam.explain(tiny, pixels, [[1, 2]] * 3, method, views=4)
    plain = agcam.explain(tiny, pixels, [[1, 2]] * 3, method)
    height, width = pixels.shape[-2:]
    assert made.logits.allclose(plain.logits, atol=1e-6)
    assert made.view_maps.shape == (3, 2, 4, 4, 4)
    for number, (across, down, *_) in enumerate(made.windows):
        x, y = round(across * width), round(down * height)
        assert (x, y) == tuple(round(s * width / 4) for s in VIEWS[4][0][number])
        rows = [min(row + y, height - 1) for row in range(height)]
        columns = [min(column + x, width - 1) for column in range(width)]
        view = pixels[:, :, rows][..., columns]
        other = agcam.explain(tiny, view, [[1, 2]] * 3, method).grid_map
        assert made.view_maps[:, :, number].allclose(other, rtol=1e-4, atol=1e-6)
    maps = made.view_maps[1].numpy()
    expected = mean_of_views(maps, made.frames[1], made.windows)
    assert np.array_equal(made.pixel_map[1], expected)
    assert made.grid_map.shape == plain.grid_map.shape
    assert made.manifest()["views"]["count"] == 4


def test_one_view_is_what_it_was(tiny, pixels):
    made, plain = agcam.explain(tiny, pixels, 1, views=1), agcam.explain(tiny, pixels, 1)
    assert made.grid_map.equal(plain.grid_map)
    assert made.view_maps is None
    assert np.array_equal(made.pixel_map[0], plain.pixel_map[0])


@pytest.mark.parametrize("target", [None, Top(2), lambda logits: logits[0, 1] - logits[0, 2]])
def test_the_target_is_that_of_the_picture_itself(tiny, pixels, target):
    made = agcam.explain(tiny, pixels, target, views=2, batch_size=1)
    plain = agcam.explain(tiny, pixels, target)
    assert made.target.equal(plain.target)
    assert [[a.name for a in row] for row in made.answers] == [
        [a.name for a in row] for row in plain.answers
    ]
    assert made.view_maps[:, :, 0].allclose(plain.grid_map, rtol=1e-4, atol=1e-6)


def test_progress_counts_all_views(tiny, pixels):
    calls = []
    options = {"masks": 8}
    agcam.explain(
        tiny,
        pixels,
        1,
        "rise",
        views=4,
        options=options,
        progress=lambda done, total: calls.append((done, total)),
    )
    each = METHODS["rise"].with_options(options).pictures(Grid(4, 4, 1))
    assert calls[-1] == (each * 3 * 4, each * 3 * 4)


def test_refined_views_and_their_page(tiny, pixels):
    made = agcam.explain(tiny, pixels, 1, views=4, refine=True)
    card = agcam.explanation.card_of(made)
    assert "mean of 4 views" in card.maps[0].caption
    assert "guided filter" in card.maps[0].caption
    small = made.shrunk(20)
    assert small.pixel_map[0].shape == (1, 20, 20)


@pytest.mark.parametrize("call", [agcam.explain, agcam.explain_each])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        *[({"views": one}, "views is 1, 2, 4, 5, 8 or 9") for one in (0, 3, True, "4", 2.5, None)],
        *[({"refine": one}, "refine is True or False") for one in ("no", 1, None, np.int64(1))],
        *[({"batch_size": one}, "batch_size is the number") for one in (0, True, "4", 2.5)],
    ],
)
def test_what_is_no_switch_or_number_is_refused(tiny, pixels, call, given, sentence):
    with pytest.raises(PictureError, match=rf"{sentence}.*, not "):
        list(call(tiny, pixels[:1], 1, **given))


def test_numpys_switches_and_numbers_are_taken(tiny, pixels):
    sizes = {"views": np.int64(2), "batch_size": np.uint8(2), "refine": np.bool_(True)}
    made = agcam.explain(tiny, pixels, 1, **sizes)
    plain = agcam.explain(tiny, pixels, 1, views=2, batch_size=2, refine=True)
    assert json.dumps(made.manifest()) == json.dumps(plain.manifest())
    assert np.array_equal(made.pixel_map[0], plain.pixel_map[0])


def test_inputs_of_the_model_are_refused(tiny, pixels):
    with pytest.raises(PictureError, match="leave views at 1"):
        agcam.explain(tiny, pixels, 1, views=2, inputs={"mask": pixels})
