"""Attribution localization, parts that were removed, and ROAD's imputation: twins and laws."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from layouts import WRITERS
from scipy.stats import spearmanr
from slow_parts import slow_dilated, slow_imputed, slow_share

import agcam
from agcam.evaluation.fills import FILLS
from agcam.evaluation.imputation import NOISE, imputed, noise, solve
from agcam.evaluation.parts import AROUND, _on_parts
from agcam.maps import PatchMaps, to_pixels
from agcam.metrics import METRICS
from agcam.values import Frame, Part, PartCase, PictureMaskCase, Preparation

quick = settings(max_examples=40)
H, W = 6, 7
maps = arrays.arrays(np.float64, (H, W), elements=st.integers(-3, 9).map(float))
masks = arrays.arrays(np.int8, (H, W), elements=st.integers(-1, 1))
numbers = st.lists(st.integers(-4, 4).map(float), min_size=2, max_size=6)


def score(name, case):
    return METRICS[name].function(case)


@quick
@given(maps, masks, arrays.arrays(np.bool_, (H, W)))
def test_localization_is_its_slow_twin(relevance, mask, unseen):
    relevance = np.where(unseen, np.nan, relevance)
    case = PictureMaskCase(relevance, mask)
    if not ((mask >= 0) & ~unseen).any():
        with pytest.raises(agcam.MetricError, match="saw nothing"):
            score("attribution_localization", case)
        return
    value = score("attribution_localization", case)
    assert value == pytest.approx(slow_share(relevance, mask))
    large = PictureMaskCase(relevance * 1e300, mask)
    assert score("attribution_localization", large) == pytest.approx(value)
    constant = PictureMaskCase(np.where(unseen, np.nan, 2.0), mask)
    assert score("attribution_localization", constant) == pytest.approx(score("mask_share", case))
    flipped = np.where(mask < 0, mask, 1 - mask)
    other = score("attribution_localization", PictureMaskCase(relevance, flipped))
    assert value + other == pytest.approx(1)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(agcam.MetricError, match="one size"):
        score("mask_share", PictureMaskCase(np.ones((3, 4)), np.ones((4, 3), dtype=int)))


@quick
@given(numbers, st.data())
def test_single_deletion_is_spearmans(relevance, data):
    size = len(relevance)
    drops = data.draw(st.lists(st.integers(-4, 4).map(float), min_size=size, max_size=size))
    value = score("single_deletion", PartCase(np.array(relevance), np.array(drops)))
    assert score("part_drop", PartCase(np.array(relevance), np.array(drops))) == np.mean(drops)
    if len(set(relevance)) == 1 or len(set(drops)) == 1:
        assert value == 0.5
        return
    assert value == pytest.approx(spearmanr(relevance, drops).statistic / 2 + 0.5)
    turned = score("single_deletion", PartCase(-np.array(relevance), np.array(drops)))
    assert value + turned == pytest.approx(1)


def test_ranks_of_one_part_and_numbers_that_are_none_are_refused():
    for case, why in (
        (PartCase(np.ones(1), np.ones(1)), "two parts or more"),
        (PartCase(np.ones(2), np.ones(3)), "one relevance and one drop"),
        (PartCase(np.ones(2), np.array([1, np.nan])), "finite"),
    ):
        with pytest.raises(agcam.MetricError, match=why):
            score("single_deletion", case)


@quick
@given(arrays.arrays(np.bool_, (8, 9)), maps)
def test_relevance_of_a_part_is_summed_a_little_around_it(mask, grid):
    """On the picture's own pixels; what the model did not see counts nothing."""
    frame = Frame(9, 8, (1.0, 0.0, 9.0, 8.0))
    item = type("Item", (), {"frame": frame, "picture": None})()
    found = _on_parts(PatchMaps(grid[None, None]), item, [Part("part", mask, "")])
    wide = slow_dilated(mask, AROUND)
    assert found == pytest.approx([np.nan_to_num(to_pixels(grid[None], frame)[0])[wide].sum()])


# From files to numbers


@pytest.mark.parametrize(("layout", "bundle"), [("planted", "planted"), ("funny_birds",) * 2])
def test_parts_are_judged_from_their_files(layout, bundle, tiny, tmp_path):
    """The drop is what the model itself gives for the two pictures."""
    written = WRITERS[layout](tmp_path / "data")
    data = agcam.DATASETS[layout].read(written.root)
    preparation = Preparation(size=(32, 32), mean=(0.5,) * 3, std=(0.25,) * 3, fit="squash")
    names = [f"{first} tag" for first in "ab"] if layout == "planted" else ["0", "1"]
    classes = [*names, *(f"other {n}" for n in range(tiny.num_classes - 2))]
    model = agcam.load(tiny, classes=classes, preparation=preparation)
    evaluation = agcam.evaluate(
        data,
        model=model,
        methods=("agcam", "bicam"),
        metrics=(bundle,),
        store=tmp_path / "s.sqlite",
    )
    assert not evaluation.run.failures
    values = evaluation.results.values["part_drop"]
    for sample, row in zip(data.samples, values, strict=True):
        assert np.ptp(row) == 0  # whatever the map
        label = model.class_names.index(data.classes[sample.label][0])
        pictures = [sample.address, *(part.without for part in data.truth(sample).parts)]
        logits = [agcam.explain(model, one).logits[0, label] for one in pictures]
        assert row[0] == pytest.approx(float(logits[0] - np.mean(logits[1:])), abs=1e-4)


# ROAD


@quick
@given(arrays.arrays(np.bool_, (H, W)), st.integers(0, 9))
def test_imputed_pixels_solve_roads_equations(gone, seed):
    picture = np.random.default_rng(seed).normal(size=(2, H, W))
    assume(not gone.all())
    made = solve(picture, gone)
    for channel, before in zip(made, picture, strict=True):
        np.testing.assert_allclose(channel, slow_imputed(before, gone), atol=1e-9)
    assert np.array_equal(made[:, ~gone], picture[:, ~gone])
    if gone.any():  # a mean of what is known: never beyond it
        assert made.min() >= picture[:, ~gone].min() - 1e-9
        assert made.max() <= picture[:, ~gone].max() + 1e-9
    plane = np.broadcast_to(np.ones((H, 1)), (1, H, W))
    np.testing.assert_allclose(solve(plane, gone), plane)


def test_the_fill_adds_the_same_noise_to_every_picture():
    pixels = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    gone = torch.zeros(3, 8, 8, dtype=torch.bool)
    gone[0, 2:5, 2:6], gone[1] = True, True
    filling = FILLS["road"].function(pixels, None)
    before = torch.random.get_rng_state()
    made = FILLS["road"].replace(pixels, filling, gone)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(made[2], pixels[2])
    assert torch.equal(made[1], filling[1])
    mean = pixels[1].mean((1, 2), keepdim=True)
    torch.testing.assert_close(filling[1], mean + noise(pixels)[1])
    wanted = solve(pixels[0].double().numpy(), gone[0].numpy())
    difference = (made[0] - torch.from_numpy(wanted))[:, gone[0]]
    torch.testing.assert_close(difference.float(), noise(pixels)[0][:, gone[0]])
    assert 0.5 * NOISE < float(noise(pixels).std()) < 2 * NOISE
    assert torch.equal(imputed(pixels[:1], filling[:1], gone[:1])[0], made[0])
