"""Metrics on masks and numbers of whole sets: slow twins, scikit-learn, laws, and nothing."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import accuracy_score, average_precision_score, jaccard_score

import agcam
from agcam.metrics import METRICS
from agcam.metrics.boxes import normalized
from agcam.metrics.masks import counts, pixel_precision_area, score_counts
from agcam.metrics.max_box import DELTAS, THRESHOLDS, best_box_ious
from agcam.metrics.sets import halves, tuned_max_box_accuracy
from agcam.values import BoxCase, MaskCase

quick = settings(max_examples=30)
H, W = 6, 7
SETS = [name for name, row in METRICS.items() if row.of_set]
ON_MASKS = [name for name, row in METRICS.items() if row.needs is MaskCase and not row.of_set]
NO_MASK = np.full((H, W), -1)
TRUTH = np.zeros((H, W), dtype=int)
TRUTH[1:4, 2:6] = 1

maps = arrays.arrays(np.float64, (H, W), elements=st.integers(0, 9).map(float))
masks = arrays.arrays(np.int8, (H, W), elements=st.sampled_from([-1, 0, 1]))
cases = st.lists(st.builds(MaskCase, maps, masks), min_size=1, max_size=4)


def value(name, relevance, mask):
    return METRICS[name].function(MaskCase(relevance, mask))


def of_set(name, rows, names=()):
    row = METRICS[name]
    numbers = np.array([row.function(case) for case in rows])
    return row.of_set(numbers, names or [str(i) for i in range(len(rows))])


def slow_pixels(case):
    """(score, predicted, true) of each judged pixel: min-max, above the mean."""
    low, high = case.relevance.min(), case.relevance.max()
    scores = (case.relevance - low) / (high - low) if high > low else np.zeros((H, W))
    return [
        (scores[y, x], scores[y, x] > scores.mean(), case.mask[y, x] == 1)
        for y, x in itertools.product(range(H), range(W))
        if case.mask[y, x] != -1
    ]


# Slow twins and scikit-learn


@quick
@given(cases)
def test_segmentation_of_a_set_pixel_by_pixel(rows):
    """Chefer et al.: sums over the set, then quotients; IoU is the mean of the two classes."""
    pixels = [pixel for case in rows for pixel in slow_pixels(case)]
    right = sum(shown == true for _, shown, true in pixels)
    ious = []
    for side in (False, True):
        shared = sum(shown == side and true == side for _, shown, true in pixels)
        union = sum(side in (shown, true) for _, shown, true in pixels)
        ious.append(shared / union if union else 0)
    assert of_set("set_pixel_accuracy", rows) == pytest.approx(right / max(len(pixels), 1))
    assert of_set("set_mean_iou", rows) == pytest.approx(sum(ious) / 2)


@quick
@given(maps, masks)
def test_metrics_of_a_picture_are_scikit_learns(relevance, mask):
    pixels = slow_pixels(MaskCase(relevance, mask))
    if not pixels:
        assert [value(name, relevance, mask) for name in ON_MASKS] == [0] * len(ON_MASKS)
        return
    scores, shown, true = (np.array(part) for part in zip(*pixels, strict=True))
    assert value("mask_pixel_accuracy", relevance, mask) == pytest.approx(
        accuracy_score(true, shown)
    )
    present = sorted(set(true) | set(shown))
    iou = jaccard_score(true, shown, labels=present, average="macro")
    assert value("mask_iou", relevance, mask) == pytest.approx(iou)
    one_hot, both = np.stack([~true, true], 1), np.stack([1 - scores, scores], 1)
    expected = average_precision_score(one_hot.ravel(), both.ravel())
    assert value("mask_average_precision", relevance, mask) == pytest.approx(expected)
    if true.any():
        expected = average_precision_score(true, scores)
        assert value("pixel_average_precision", relevance, mask) == pytest.approx(expected)
    else:
        assert value("pixel_average_precision", relevance, mask) == 0


@quick
@given(cases, st.sampled_from([100, 1000]))
def test_pixel_average_precision_of_a_set_threshold_by_threshold(rows, steps):
    pixels = [pixel for case in rows for pixel in slow_pixels(case)]
    counted = sum(score_counts(case, steps) for case in rows)
    positives = sum(true for *_, true in pixels)
    area, before = 0.0, 0.0
    for threshold in (np.arange(steps + 1) / steps)[::-1]:
        shown = [(score, true) for score, _, true in pixels if score >= threshold]
        hits = sum(true for _, true in shown)
        if positives and shown:
            area += hits / len(shown) * (hits / positives - before)
            before = hits / positives
    assert pixel_precision_area(counted) == pytest.approx(area)
    if steps == 100:
        assert of_set("set_pixel_average_precision", rows) == pytest.approx(area)


def test_a_hundred_steps_are_near_to_every_step():
    """scikit-learn on all pixels of a set, unquantised."""
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(20):
        mask = np.zeros((40, 40), dtype=int)
        x, y = generator.integers(0, 20, 2)
        mask[y : y + 20, x : x + 15] = 1
        rows.append(MaskCase(mask + generator.normal(size=(40, 40)), mask))
    true = np.concatenate([case.mask.ravel() == 1 for case in rows])
    scores = np.concatenate([normalized(case.relevance).ravel() for case in rows])
    exact = average_precision_score(true, scores)
    assert of_set("set_pixel_average_precision", rows) == pytest.approx(exact, abs=0.006)
    finer = pixel_precision_area(sum(score_counts(case, 1000) for case in rows))
    assert finer == pytest.approx(exact, abs=0.0006)


# MaxBoxAccV2


def box_cases(count, seed):
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        left, top = generator.integers(0, 12, 2)
        relevance = generator.integers(0, 6, (24, 24)).astype(float)  # few values, few contours
        relevance[top : top + 9, left : left + 9] += generator.integers(1, 8)
        shift = generator.integers(-2, 3, 2)
        box = np.array([[left, top, left + 9, top + 9]]) + np.tile(shift, 2)
        rows.append(BoxCase(relevance, box.clip(0, 24)))
    return rows


def test_max_box_accuracy_threshold_by_threshold():
    tuning, test = box_cases(9, 0), box_cases(7, 1)
    expected = []
    for delta in DELTAS:
        chosen = [best_box_ious(case, THRESHOLDS) >= delta for case in tuning]
        shares = [sum(case[i] for case in chosen) for i in range(len(THRESHOLDS))]
        best = THRESHOLDS[shares.index(max(shares)) : shares.index(max(shares)) + 1]
        hits = [best_box_ious(case, best)[0] >= delta for case in test]
        expected.append(sum(hits) / len(hits))
    numbers = METRICS["set_max_box_accuracy"].function
    found = tuned_max_box_accuracy([numbers(c) for c in tuning], [numbers(c) for c in test])
    assert found == pytest.approx(sum(expected) / 3)
    assert 0 < found < 1


def test_no_picture_judges_its_own_threshold():
    rows, names = box_cases(20, 2), [f"picture {i}" for i in range(20)]
    numbers = np.array([METRICS["set_max_box_accuracy"].function(case) for case in rows])
    first = halves(names)
    assert 0 < first.sum() < 20
    both = [
        tuned_max_box_accuracy(numbers[first], numbers[~first]) * (~first).sum(),
        tuned_max_box_accuracy(numbers[~first], numbers[first]) * first.sum(),
    ]
    assert of_set("set_max_box_accuracy", rows, names) == pytest.approx(sum(both) / 20)
    own = tuned_max_box_accuracy(numbers, numbers)
    assert of_set("set_max_box_accuracy", rows, names) <= own
    assert np.array_equal(halves(names[::-1]), first[::-1])
    with pytest.raises(agcam.MetricError, match="20 pictures have 2 names"):
        METRICS["set_max_box_accuracy"].of_set(numbers, ["a", "b"])


# Laws of every row


@pytest.mark.parametrize("name", ON_MASKS)
@quick
@given(maps, masks)
def test_bounds_scale_and_offset(name, relevance, mask):
    found = value(name, relevance, mask)
    assert isinstance(found, float)
    assert 0 <= found <= 1
    assert value(name, relevance * 4, mask) == pytest.approx(found)
    assert value(name, relevance - 64, mask) == pytest.approx(found)


@pytest.mark.parametrize("name", ON_MASKS)
@quick
@given(masks, maps)
def test_what_is_not_judged_does_not_count(name, mask, relevance):
    """The order of the values where the mask is -1 does not matter."""
    left_out = np.argwhere(mask == -1)
    if len(left_out) < 2:
        return
    moved = relevance.copy()
    (ay, ax), (by, bx) = left_out[:2]
    moved[ay, ax], moved[by, bx] = relevance[by, bx], relevance[ay, ax]
    assert value(name, moved, mask) == pytest.approx(value(name, relevance, mask))


@pytest.mark.parametrize("name", ON_MASKS)
def test_a_map_that_is_the_mask_gets_1_and_its_opposite_little(name):
    assert value(name, TRUTH.astype(float), TRUTH) == pytest.approx(1)
    assert value(name, 1.0 - TRUTH, TRUTH) <= 0.5


@pytest.mark.parametrize("name", SETS)
def test_rows_of_a_set_are_short_whole_numbers_in_any_order(name):
    row = METRICS[name]
    if row.needs is MaskCase:
        generator = np.random.default_rng(3)
        rows = [MaskCase(generator.random((H, W)), np.roll(TRUTH, i, 1)) for i in range(8)]
    else:
        rows = box_cases(8, 3)
    numbers = np.array([row.function(case) for case in rows])
    names = [f"p{i}" for i in range(8)]
    assert np.issubdtype(numbers.dtype, np.integer)
    assert numbers.ndim == 2
    kept = np.array(json.loads(json.dumps(numbers.tolist())))
    assert len(json.dumps(numbers[0].tolist())) < 1500
    found = row.of_set(numbers, names)
    assert 0 <= found <= 1
    assert row.of_set(kept, names) == found
    assert row.of_set(kept[::-1], names[::-1]) == pytest.approx(found)


def test_a_random_map_gets_half_of_the_pixels():
    generator = np.random.default_rng(0)
    found = [value("mask_pixel_accuracy", generator.random((H, W)), TRUTH) for _ in range(1000)]
    assert abs(np.mean(found) - 0.5) < 4 * np.std(found) / math.sqrt(len(found))


# Nothing


@pytest.mark.parametrize("name", ON_MASKS)
@pytest.mark.parametrize("mask", [NO_MASK, TRUTH * 0, TRUTH * 0 + 1, TRUTH])
@pytest.mark.parametrize("fill", [0.0, 3.0, -2.0, math.nan])
def test_constant_maps_and_empty_truth_give_a_number(name, mask, fill):
    assert 0 <= value(name, np.full((H, W), fill), mask) <= 1


def test_what_nothing_gives():
    constant, spot = np.ones((H, W)), np.zeros((H, W))
    spot[2, 3] = 1
    share = TRUTH.mean()
    for name in ON_MASKS:
        assert value(name, spot, NO_MASK) == 0
    assert value("mask_pixel_accuracy", constant, TRUTH) == pytest.approx(1 - share)
    assert value("mask_iou", constant, TRUTH) == pytest.approx((1 - share) / 2)
    assert value("pixel_average_precision", constant, TRUTH) == pytest.approx(share)
    assert value("pixel_average_precision", spot, TRUTH * 0) == 0
    assert value("mask_iou", constant, TRUTH * 0) == 1
    assert counts(MaskCase(np.full((H, W), np.nan), TRUTH)) == counts(MaskCase(constant, TRUTH))


def test_sets_of_nothing():
    nothing = [MaskCase(np.ones((H, W)), NO_MASK)]
    for name in ("set_pixel_accuracy", "set_mean_iou", "set_pixel_average_precision"):
        assert of_set(name, nothing) == 0
        assert METRICS[name].of_set(np.zeros((0, 6)), []) == 0
    constant = [MaskCase(np.ones((H, W)), TRUTH)] * 2
    assert of_set("set_pixel_average_precision", constant) == pytest.approx(TRUTH.mean())
    empty = [BoxCase(np.eye(9), np.zeros((0, 4)))] * 6
    assert of_set("set_max_box_accuracy", empty) == 0
    assert METRICS["set_max_box_accuracy"].of_set(np.zeros((0, 96)), []) == 0
    flat = [BoxCase(np.ones((9, 9)), np.array([[0, 0, 1, 1]]))] * 6  # IoU 0.25, below every delta
    assert of_set("set_max_box_accuracy", flat) == 0


def test_unseen_pixels_are_background():
    relevance = TRUTH.astype(float)
    relevance[:, 4:] = np.nan
    found = counts(MaskCase(relevance, TRUTH))
    assert found.shared[1] == 6
    assert found.union[1] == 12
    assert found.judged == H * W


@pytest.mark.parametrize("name", ON_MASKS)
@pytest.mark.parametrize(
    ("relevance", "mask"),
    [
        (np.eye(4), np.zeros((4, 5))),
        (np.eye(4), np.full((4, 4), 255)),
        (np.full((4, 4), np.inf), np.zeros((4, 4))),
        (np.zeros((1, 4, 4)), np.zeros((1, 4, 4))),
    ],
)
def test_what_cannot_be_judged_is_refused(name, relevance, mask):
    with pytest.raises(agcam.MetricError):
        value(name, relevance, mask)
