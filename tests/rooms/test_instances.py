"""From maps to objects: one rule, nothing where the model saw nothing or the map shows nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import agcam
from agcam.errors import PictureError, RenderError, TargetError
from agcam.maps import MaskRule, PatchMaps, PixelMap, instances, mask_rule, refine, union
from agcam.values import Frame

RULE = MaskRule()


def drawn(*places, shape=(20, 30)):
    values = np.zeros(shape)
    for rows, columns, value in places:
        values[slice(*rows), slice(*columns)] = value
    return values


def test_two_objects_are_kept_apart_and_the_stronger_one_is_first():
    first, second = instances(drawn(((2, 6), (3, 8), 0.6), ((9, 14), (20, 25), 1.0)), RULE)
    assert (first.box, first.score) == ((20, 9, 25, 14), 1.0)
    assert (second.box, second.score) == ((3, 2, 8, 6), pytest.approx(0.6))
    assert first.mask.sum() == 25
    assert not (first.mask & second.mask).any()


def test_small_ones_are_dropped_holes_are_filled_and_corners_touch():
    values = drawn(((2, 12), (3, 13), 1.0), ((15, 17), (20, 22), 1.0))
    values[5:8, 5:8] = 0
    (one,) = instances(values, RULE)
    assert one.mask.sum() == 100
    assert len(instances(drawn(((2, 4), (2, 4), 1), ((4, 6), (4, 6), 1)), RULE)) == 1


def test_an_object_in_the_hole_of_another_is_part_of_it():
    values = drawn(((0, 12), (0, 12), 1.0))
    values[2:10, 2:10] = 0
    values[3:9, 3:9] = 1  # 36 of 80 pixels: not small
    (one,) = instances(values, RULE)
    assert one.mask.sum() == 144


def test_the_more_probable_the_class_the_larger_its_object():
    values = np.linspace(0, 1, 101)[None].repeat(3, 0)
    shares = (0.0, 0.3, None, 0.8, 1.0)
    sizes = [union(instances(values, RULE, share), values.shape).sum() for share in shares]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 5
    for share, threshold in ((0, RULE.threshold), (None, 0.525), (1, RULE.certain)):
        assert RULE.expected(share) == pytest.approx(threshold)
    fixed = mask_rule(0.25)
    assert {fixed.expected(share) for share in shares} == {0.25}
    assert "improbable" in RULE.manifest["text"]
    assert "improbable" not in fixed.manifest["text"]


def test_an_object_ends_where_few_pixels_lie():
    """A slope that the expected threshold would cut is kept whole, on both of its sides."""
    values = np.random.default_rng(0).uniform(0, 0.35, (40, 40))
    values[5:25, 5:25] = np.linspace(0.55, 1, 400).reshape(20, 20)
    assert union(instances(values, RULE, 0.0), values.shape).sum() == 400
    values = np.random.default_rng(0).uniform(0, 0.62, (40, 40))
    values[5:25, 5:25] = 1
    assert union(instances(values, RULE, 1.0), values.shape).sum() == 400


@given(
    arrays.arrays(np.float64, (9, 14), elements=st.floats(0, 1, width=16)),
    st.tuples(st.integers(0, 40), st.integers(0, 200)),
    st.none() | st.floats(0, 1),
)
def test_a_shifted_or_brighter_map_has_the_same_masks_there(drawing, place, probability):
    """Threshold and edges depend on values alone, wherever they lie, whatever their unit."""
    first, second = (np.zeros((80, 260)) for _ in range(2))
    (down, across), large = place, drawing.repeat(3, 0).repeat(3, 1)
    first[5:32, 5:47] = large
    second[5 + down : 32 + down, 5 + across : 47 + across] = 8 * large
    mask, shifted = (union(instances(one, RULE, probability), one.shape) for one in (first, second))
    assert np.roll(mask, (down, across), (0, 1)).tolist() == shifted.tolist()


def test_edges_are_smoothed_over_a_hundredth_of_the_longer_side():
    """Hairs and specks go, a corner is rounded, a straight edge stays; a hair alone is kept."""
    values = drawn(((100, 200), (100, 300), 1.0), shape=(300, 640))
    straight = values > 0
    values[90:100, 150] = values[140, 300:340] = values[50:53, 50:53] = 1  # 7 pixels are a square
    values[:, 600:] = np.nan
    mask = union(instances(values, RULE), values.shape)
    assert not mask[:98].any()
    assert not mask[:, 303:].any()
    changed = mask ^ straight
    changed[135:146, 295:305] = changed[95:105, 145:156] = False  # where hairs grew
    rows, columns = np.nonzero(changed)
    assert set(rows) <= {*range(97, 104), *range(196, 203)}
    assert set(columns) <= {*range(97, 104), *range(296, 303)}
    hair = drawn(((100, 101), (100, 300), 1.0), shape=(300, 640))
    assert union(instances(hair, RULE), hair.shape).tolist() == (hair > 0).tolist()


def counted(values, rule, probability):
    """The threshold by its definition, one level and one pixel at a time."""
    bins, costs = [min(int(value * 100), 99) for value in values], []
    for level in range(100):
        around = [min(max(level + step, 0), 99) for step in range(-10, 11)]  # the ends go on
        share = sum(bins.count(one) for one in around) / len(bins)
        distance = ((level + 0.5) / 100 - rule.expected(probability)) / rule.reach
        costs.append((share + 0.002) * math.exp(distance**2 / 2))
    return costs


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.none() | st.floats(0, 1))
def test_the_threshold_is_the_least_crowded_near_the_expected_one(values, probability):
    found = RULE.threshold_of(np.array(values), probability)
    costs = counted(values, RULE, probability)
    assert costs[math.floor(found * 100)] == pytest.approx(min(costs))
    assert mask_rule(0.3).threshold_of(np.array(values), probability) == 0.3


def test_a_peak_does_not_hide_the_object_that_it_stands_on():
    """However high a few pixels are, up to twice the rest; and a peak alone is an object."""
    values = drawn(((2, 12), (3, 13), 1.0))
    peaked = values.copy()
    peaked[5, 5:8] = 1.9
    for one in (values, peaked):
        assert union(instances(one, RULE), one.shape).sum() == 100
    noise = np.random.default_rng(0).random((60, 60)) * 0.2
    noise[20:24, 20:24] = 1  # less than a hundredth of the pixels
    (one,) = instances(noise, RULE)
    assert one.mask.sum() == 16


def test_an_explanation_takes_the_probability_of_each_target(tiny, photograph):
    made = agcam.explain(tiny, photograph, [[1, 2]], preparation={"mean": 0.5, "std": 0.5})
    for target, answer in enumerate(made.answers[0]):
        expected = instances(made.pixel_map[0][target], RULE, answer.probability)
        found = made.boxes(target=target)
        assert [(one.box, one.score) for one in found] == [(one.box, one.score) for one in expected]


def test_a_mask_is_laid_on_the_edges_of_its_picture():
    """A contour that runs beside an edge of the picture moves to it; elsewhere it stays."""
    colours = np.full((112, 112, 3), 40, np.uint8)
    colours[:, 56:] = 200
    values = drawn(((30, 90), (50, 112), 1.0), shape=(112, 112))  # 6 pixels too far
    maps, frame = PatchMaps(np.zeros((1, 1, 7, 7)), refined=True), Frame.whole(112, 112)

    def edges(mask):
        picture = Image.fromarray(colours)
        return maps.on_edges(mask[None].view(PixelMap), frame, picture)[0]

    before = union(instances(values, RULE), values.shape)
    after = union(instances(values, RULE, None, edges), values.shape)
    assert before[40:80, 50:56].all()
    assert not after[40:80, :55].any()
    assert after[40:80, 57:].all()
    assert set(np.flatnonzero(after[:, 90])) ^ set(range(30, 90)) <= {29, 90}


@given(arrays.arrays(np.float64, (9, 14), elements=st.floats(0, 1, width=16)))
def test_edges_are_given_what_was_seen_and_half_of_it_decides(values):
    values[:2] = np.nan
    given = []

    def edges(mask):
        given.append(mask)
        return mask * 0.51

    plain = union(instances(values, RULE), values.shape)
    assert union(instances(values, RULE, None, edges), values.shape).tolist() == plain.tolist()
    faint = union(instances(values, RULE, None, lambda mask: mask * 0.5), values.shape)
    assert faint.tolist() == plain.tolist()  # nothing would be left of it
    for mask in given:
        assert np.isnan(mask[:2]).all()
        assert set(np.unique(mask[2:])) <= {0, 1}


def test_an_explanation_lays_masks_on_edges_where_maps_are(tiny, photograph):
    form = {"mean": 0.5, "std": 0.5}
    made = agcam.explain(tiny, photograph, 1, preparation=form, refine=True, views=2)
    left, top, right, bottom = made.frames[0].window
    patch = (bottom - top) / 4, (right - left) / 4

    def edges(mask):
        return refine(mask[None].view(PixelMap), made.pictures[0], patch)[0]

    answer = made.answers[0][0].probability
    expected = instances(made.pixel_map[0][0], RULE, answer, edges)
    assert made.masks().tolist() == union(expected, made.masks().shape).tolist()
    assert agcam.explain(tiny, photograph, 1, preparation=form).edges() is None


@pytest.mark.parametrize("target", [2, -3, True])
@pytest.mark.parametrize("door", ["boxes", "masks", "normalized", "overlay"])
def test_a_target_that_was_not_explained_is_refused(target, door, tiny, photograph):
    made = agcam.explain(tiny, photograph, [[1, 0]], preparation={"mean": 0.5, "std": 0.5})
    with pytest.raises(TargetError, match=r"0 to 1 \(class 1, class 0\), not"):
        getattr(made, door)(target=target)
    np.testing.assert_array_equal(made.normalized(target=-1), made.normalized(target=1))
    for name in ("class 0", None, 1.0):  # a class's name is what `explain` takes
        with pytest.raises(TargetError, match=r"0 to 1"):
            made.only(0, name)
    with pytest.raises(PictureError, match=r"0 to 0 \(.*\), not"):
        getattr(made, door)(target if target != 2 else 1)


@pytest.mark.parametrize("threshold", [1, -0.1, np.nan, True])
@pytest.mark.parametrize("door", ["boxes", "masks"])
def test_another_threshold_is_refused(threshold, door, tiny, photograph):
    made = agcam.explain(tiny, photograph, 1)
    with pytest.raises(RenderError, match="a threshold is at least 0 and below 1, not "):
        getattr(made, door)(threshold=threshold)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 0.1 + 1e-9, np.nan])
def test_a_constant_map_shows_nothing(value):
    values = np.full((6, 7), value)
    assert instances(values, RULE) == []
    assert not union([], values.shape).any()


def test_rounding_is_not_a_range_and_what_speaks_against_is_none():
    noise = np.random.default_rng(0).random((6, 7)).astype(np.float32) * 1e-7
    assert instances(np.float32(1) + noise, RULE) == []
    assert instances(-drawn(((2, 4), (2, 4), 1)), RULE) == []


@given(arrays.arrays(np.float64, st.tuples(*[st.integers(1, 12)] * 2), elements=st.floats(-5, 5)))
def test_laws_of_any_map(values):
    values[:, : values.shape[1] // 3] = np.nan  # cropped away
    found = instances(values, RULE)
    positive = np.where(np.isnan(values), 0, values).clip(min=0)
    assert (not found) == (np.ptp(positive[~np.isnan(values)]) <= 1e-5 * positive.max())
    total = np.zeros(values.shape, int)
    for one in found:
        total += one.mask
        rows, columns = np.nonzero(one.mask)
        left, top, right, bottom = one.box
        assert (columns.min(), rows.min(), columns.max(), rows.max()) == (
            left,
            top,
            right - 1,
            bottom - 1,
        )
        assert 0 < one.score <= 1
    assert total.max() <= 1
    assert not total[np.isnan(values)].any()


def test_of_an_explanation_in_the_pixels_of_the_original(tiny, photograph):
    made = agcam.explain(tiny, photograph, [[1, 2]], preparation={"mean": 0.5, "std": 0.5})
    mask = made.masks(target=1)
    assert mask.shape == photograph.shape[:2]
    assert mask.dtype == np.bool_
    seen = made.pixel_map[0].seen
    assert not seen.all()  # its centre was cut out
    assert mask.any()
    assert not mask[~seen].any()
    assert union(made.boxes(target=1), mask.shape).tolist() == mask.tolist()
    smaller = made.masks(target=1, threshold=0.9)
    assert smaller.sum() < mask.sum()
    for wrong in (1.0, -0.1, float("nan")):
        with pytest.raises(RenderError, match="threshold"):
            made.boxes(threshold=wrong)
