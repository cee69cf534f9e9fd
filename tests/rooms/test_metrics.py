"""Metrics: laws, slow twins, and what each says of nothing."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import spearmanr

import agcam
from agcam.metrics import BUNDLES, METRICS, choose
from agcam.metrics.boxes import (
    contour_boxes,
    exact_mask,
    external_boxes,
    normalized,
    one_too_large_mask,
)
from agcam.metrics.instances import instances_covered, instances_found
from agcam.metrics.localization import compare, corrected, paper, predicted_boxes
from agcam.metrics.max_box import THRESHOLDS, best_box_ious, max_box_iou
from agcam.metrics.perturbation import area
from agcam.metrics.pointing import energy_pointing_game, pointing_game
from agcam.metrics.saco import saco
from agcam.metrics.sanity import rank_correlation
from agcam.values import AccuracyCase, BoxCase, CostCase, CurveCase, GroupCase, LogitCase

quick = settings(max_examples=40)
H, W = 14, 18
NOTHING = np.zeros((0, 4))
ON_BOXES = [name for name, row in METRICS.items() if row.needs is BoxCase and not row.of_set]
LOCALIZATION = ("pixel_accuracy", "iou", "dice", "precision", "recall")

maps = arrays.arrays(np.float64, (H, W), elements=st.integers(0, 12).map(float))
masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@st.composite
def boxes(draw, number=None):
    """Boxes of at least one pixel that do not touch the right or bottom edge of the map."""
    found = []
    for _ in range(number or draw(st.integers(1, 4))):
        x, y = draw(st.integers(0, W - 3)), draw(st.integers(0, H - 3))
        found.append((x, y, draw(st.integers(x + 1, W - 2)), draw(st.integers(y + 1, H - 2))))
    return np.array(found)


def score(name, relevance, truth):
    return METRICS[name].function(BoxCase(relevance, truth))


# Boxes


def slow_regions(mask, corners):
    """Flood fill: regions in the order of their first pixel, row by row."""
    left = {tuple(p) for p in np.argwhere(mask)}
    regions = []
    for start in sorted(left):
        if start not in left:
            continue
        region, edge = set(), [start]
        left.discard(start)
        while edge:
            y, x = edge.pop()
            region.add((y, x))
            for dy, dx in itertools.product((-1, 0, 1), repeat=2):
                near = (y + dy, x + dx)
                if near in left and (corners or dy == 0 or dx == 0):
                    left.discard(near)
                    edge.append(near)
        regions.append(region)
    return regions


def slow_box(region):
    ys, xs = zip(*region, strict=True)
    return min(xs), min(ys), max(xs) + 1, max(ys) + 1


@quick
@given(masks)
def test_external_boxes_by_flood_fill(mask):
    outside = next(r for r in slow_regions(np.pad(~mask, 1, constant_values=True), False))
    filled = np.ones((mask.shape[0] + 2, mask.shape[1] + 2), dtype=bool)
    filled[tuple(np.array(sorted(outside)).T)] = False
    expected = [slow_box(region) for region in slow_regions(filled[1:-1, 1:-1], True)][::-1]
    assert [tuple(box) for box in external_boxes(mask)] == expected


@quick
@given(masks)
def test_boxes_are_opencvs(mask):
    cv2 = pytest.importorskip("cv2")
    for mode, mine in ((cv2.RETR_EXTERNAL, external_boxes), (cv2.RETR_TREE, contour_boxes)):
        contours = cv2.findContours(mask.astype(np.uint8), mode, cv2.CHAIN_APPROX_NONE)[0]
        theirs = [(x, y, x + w, y + h) for x, y, w, h in map(cv2.boundingRect, contours)]
        found = [tuple(box) for box in mine(mask)]
        assert sorted(found) == sorted(theirs)
        if mode == cv2.RETR_EXTERNAL:
            assert found == theirs


def test_an_island_in_a_hole_is_no_external_contour():
    mask = np.ones((7, 7), dtype=bool)
    mask[1:6, 1:6] = False
    mask[3, 3] = True
    assert external_boxes(mask).tolist() == [[0, 0, 7, 7]]
    assert sorted(contour_boxes(mask).tolist()) == [[0, 0, 7, 7], [0, 0, 7, 7], [3, 3, 4, 4]]
    assert external_boxes(np.zeros((3, 3), dtype=bool)).shape == (0, 4)


@quick
@given(boxes())
def test_masks_pixel_by_pixel(truth):
    slow, large = np.zeros((H, W), bool), np.zeros((H, W), bool)
    for (left, top, right, bottom), y, x in itertools.product(truth, range(H), range(W)):
        slow[y, x] |= left <= x + 0.5 < right and top <= y + 0.5 < bottom
        large[y, x] |= left <= x <= right and top <= y <= bottom
    assert np.array_equal(exact_mask(truth, (H, W)), slow)
    assert np.array_equal(one_too_large_mask(truth, (H, W)), large)


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e300, 1.7e308])
def test_relevance_of_any_size_is_judged(scale):
    relevance = np.zeros((H, W))
    relevance[3:6, 4:9], relevance[9:, :] = scale, -scale
    assert set(np.unique(normalized(relevance))) == {0, 0.5, 1}
    truth = np.array([[4, 3, 9, 6]])
    for name in ON_BOXES:
        assert score(name, relevance, truth) == pytest.approx(1)


def test_boxes_are_cut_to_the_picture():
    beyond = np.array([[-5, -7, 3, 2], [16, 12, 99, 99]])
    expected = np.zeros((H, W), bool)
    expected[:2, :3] = expected[12:, 16:] = True
    assert np.array_equal(exact_mask(beyond, (H, W)), expected)
    assert exact_mask(np.array([[-9, -9, -5, -5]]), (H, W)).sum() == 0
    assert exact_mask(np.array([[0.4, 0.6, 1.6, 2.4]]), (3, 3)).sum() == 2


@pytest.mark.parametrize("name", ON_BOXES)
@pytest.mark.parametrize(
    ("relevance", "truth"),
    [
        (np.eye(4), [[3, 0, 1, 2]]),
        (np.eye(4), [[0, 0, math.nan, 2]]),
        (np.eye(4), [[0, 0, 2]]),
        (np.full((4, 4), np.inf), [[0, 0, 2, 2]]),
        (np.zeros((1, 4, 4)), [[0, 0, 2, 2]]),
    ],
)
def test_what_cannot_be_judged_is_refused(name, relevance, truth):
    with pytest.raises(agcam.MetricError):
        score(name, relevance, np.array(truth))


# Every metric on boxes


@pytest.mark.parametrize("name", ON_BOXES)
@settings(max_examples=15)
@given(maps, boxes(), st.randoms())
def test_order_of_boxes_scale_and_bounds(name, relevance, truth, random):
    value = score(name, relevance, truth)
    assert isinstance(value, float)
    assert 0 <= value <= 1
    shuffled = np.array(random.sample(truth.tolist(), len(truth)))
    assert score(name, relevance, shuffled) == value
    assert score(name, relevance * 4, truth) == pytest.approx(value)
    if name != "energy_pointing_game":  # sums of relevance know their zero
        assert score(name, relevance - 64, truth) == value


@pytest.mark.parametrize("name", ON_BOXES)
@quick
@given(truth=boxes(number=1))
def test_a_map_that_is_the_box_gets_1(name, truth):
    assert score(name, exact_mask(truth, (H, W)).astype(float), truth) == pytest.approx(1)


@pytest.mark.parametrize("name", ON_BOXES)
def test_a_map_beside_the_box_gets_0(name):
    relevance = np.zeros((H, W))
    relevance[9:12, 10:15] = 1
    value = score(name, relevance, np.array([[1, 1, 5, 4]]))
    if name.endswith("pixel_accuracy"):
        assert value < 1
    elif name == "max_box_iou":
        assert value < 0.1  # holes' boxes and the whole picture's are candidates, too
    else:
        assert value < 1e-5


@pytest.mark.parametrize("name", ON_BOXES)
@pytest.mark.parametrize("truth", [NOTHING, np.array([]), np.array([[2, 2, 9, 9]])])
@pytest.mark.parametrize("fill", [0.0, 3.0, -2.0, math.nan])
def test_nothing_gives_a_number(name, truth, fill):
    assert 0 <= score(name, np.full((H, W), fill), truth) <= 1


@pytest.mark.parametrize("prefix", ["", "paper_"])
def test_localization_of_nothing(prefix):
    def five(relevance, truth):
        return [round(score(prefix + n, relevance, truth), 4) for n in LOCALIZATION]

    constant, spot, truth = np.ones((H, W)), np.zeros((H, W)), np.array([[2, 2, 9, 9]])
    spot[5, 5] = 1
    assert five(constant, NOTHING) == [1, 1, 1, 1, 1]
    assert five(constant, truth)[1:] == [0, 0, 1, 0]
    assert five(spot, NOTHING)[1:] == [0, 0, 0, 1]


def test_other_metrics_of_nothing():
    constant, truth = np.ones((H, W)), np.array([[2, 2, 9, 9]])
    share = 49 / (H * W)
    for metric in (pointing_game, energy_pointing_game):
        assert metric(BoxCase(constant, truth)) == pytest.approx(share)
        assert metric(BoxCase(constant, NOTHING)) == 0
    assert energy_pointing_game(BoxCase(-constant, truth)) == pytest.approx(share)
    for metric in (instances_covered, instances_found, max_box_iou):
        assert metric(BoxCase(constant, truth)) == 0
        assert metric(BoxCase(constant, NOTHING)) == 0
    assert max_box_iou(BoxCase(constant, np.array([[0, 0, 1, 1]]))) == 0.25


@pytest.mark.parametrize("metric", [pointing_game, energy_pointing_game])
def test_a_random_map_gets_the_boxes_share_of_the_picture(metric):
    truth, generator = np.array([[2, 3, 9, 10], [8, 2, 16, 6]]), np.random.default_rng(0)
    values = [metric(BoxCase(generator.random((H, W)), truth)) for _ in range(1000)]
    share = exact_mask(truth, (H, W)).mean()
    assert abs(np.mean(values) - share) < 4 * np.std(values) / math.sqrt(len(values))


@quick
@given(maps, boxes())
def test_unseen_pixels_count_for_nothing(relevance, truth):
    """A map on half the picture is the map on that half: shares are of what was seen."""
    part = relevance.copy()
    part[:, 9:] = np.nan
    left = truth.clip(max=[9, H, 9, H])
    for metric in (pointing_game, energy_pointing_game):
        expected = metric(BoxCase(relevance[:, :9], left))
        assert metric(BoxCase(part, truth)) == pytest.approx(expected)
    assert (predicted_boxes(BoxCase(part, truth))[:, 2] <= 9).all()


# Localization


@quick
@given(arrays.arrays(np.bool_, (5, 6)), arrays.arrays(np.bool_, (5, 6)))
def test_comparison_pixel_by_pixel(predicted, truth):
    tp = fp = fn = tn = 0
    for shown, true in zip(predicted.ravel(), truth.ravel(), strict=True):
        tp, fp = tp + (shown and true), fp + (shown and not true)
        fn, tn = fn + (true and not shown), tn + (not true and not shown)
    e = 1e-5
    expected = [
        (tp + tn + e) / (tp + tn + fp + fn + e),
        (tp + e) / (tp + fp + fn + e),
        (2 * tp + e) / (2 * tp + fp + fn + e),
        (tp + e) / (tp + fp + e),
        (tp + e) / (tp + fn + e),
    ]
    assert list(compare(predicted, truth)) == pytest.approx(expected)


def test_the_papers_boxes_are_one_pixel_too_large():
    relevance = np.zeros((H, W))
    relevance[3:6, 4:9] = 1
    truth = np.array([[4, 3, 10, 6]])
    assert predicted_boxes(BoxCase(relevance, truth)).tolist() == [[4, 3, 9, 6]]
    assert corrected(BoxCase(relevance, truth)).iou == pytest.approx(15 / 18)
    assert paper(BoxCase(relevance, truth)).iou == pytest.approx(24 / 28)


def test_exactly_half_is_not_predicted():
    relevance = np.array([[0.0, 1.0, 2.0]])
    assert predicted_boxes(BoxCase(relevance, NOTHING)).tolist() == [[2, 0, 3, 1]]


# MaxBoxAcc


def slow_best(relevance, truth, thresholds):
    """wsolevaluation, one threshold at a time, with this room's contours."""
    steps, out = (normalized(relevance) * 255).astype(np.uint8), []
    for threshold in thresholds:
        mask, best = steps > int(threshold * steps.max()), 0.0
        found = [(x0, y0, min(x1, W - 1), min(y1, H - 1)) for x0, y0, x1, y1 in contour_boxes(mask)]
        for a, b in itertools.product(found or [(0, 0, 0, 0)], truth):
            w = max(0, min(a[2], b[2]) - max(a[0], b[0]) + 1)
            h = max(0, min(a[3], b[3]) - max(a[1], b[1]) + 1)
            sizes = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
            best = max(best, w * h / (sum(sizes) - w * h))
        out.append(best)
    return out


@settings(max_examples=10)
@given(maps, boxes())
def test_best_box_at_every_threshold(relevance, truth):
    found = best_box_ious(BoxCase(relevance, truth), THRESHOLDS[::7])
    assert list(found) == pytest.approx(slow_best(relevance, truth, THRESHOLDS[::7]))
    assert max_box_iou(BoxCase(relevance, truth)) >= found.max() - 1e-12


def test_a_threshold_of_its_own_for_a_peaky_map():
    """Where half of the maximum is too much, a lower threshold finds the box."""
    relevance = np.zeros((H, W))
    relevance[2:10, 3:13] = 0.3
    relevance[5, 5] = 1
    case = BoxCase(relevance, np.array([[3, 2, 13, 10]]))
    assert corrected(case).iou < 0.02
    ious = best_box_ious(case)
    assert ious.shape == (1000,)
    assert ious[250] == 1
    assert ious[500] < 0.05


# Pointing


def test_several_highest_pixels_share_the_hit():
    relevance = np.zeros((H, W))
    relevance[0, 0] = relevance[5, 5] = relevance[13, 17] = 1
    assert pointing_game(BoxCase(relevance, np.array([[4, 4, 7, 7]]))) == pytest.approx(1 / 3)


def test_tolerance_is_a_distance():
    relevance = np.zeros((H, W))
    relevance[3, 12] = 1
    case = BoxCase(relevance, np.array([[2, 7, 9, 10]]))  # nearest pixel: (8, 7), 4 and 4 away
    assert pointing_game(case, tolerance=5.6) == 0
    assert pointing_game(case, tolerance=5.7) == 1
    assert pointing_game(BoxCase(relevance, NOTHING), tolerance=5) == 0


@quick
@given(maps, boxes())
def test_energy_pixel_by_pixel(relevance, truth):
    relevance = relevance - 4
    inside = total = 0.0
    for y, x in itertools.product(range(H), range(W)):
        weight = max(relevance[y, x], 0)
        total += weight
        if any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in truth):
            inside += weight
    if total:
        case = BoxCase(relevance, truth)
        assert energy_pointing_game(case) == pytest.approx(inside / total)


# Instances


def test_instances():
    truth = np.array([[1, 1, 5, 5], [9, 1, 13, 5], [2, 9, 6, 13]])
    one, two = exact_mask(truth[:1], (H, W)), exact_mask(truth[:2], (H, W))
    for metric in (instances_covered, instances_found):
        assert metric(BoxCase(one.astype(float), truth)) == pytest.approx(1 / 3)
        assert metric(BoxCase(two.astype(float), truth)) == pytest.approx(2 / 3)
    wide = np.zeros((H, W))
    wide[1:5, 1:13] = 1  # one region over two objects
    assert instances_covered(BoxCase(wide, truth)) == pytest.approx(2 / 3)
    assert instances_found(BoxCase(wide, truth)) == 0
    beyond = np.concatenate([truth[:1], [[50, 50, 60, 60]]])
    assert instances_found(BoxCase(one.astype(float), beyond)) == 1
    assert instances_covered(BoxCase(one.astype(float), beyond)) == 1


def test_one_box_finds_one_instance():
    truth = np.array([[1, 1, 5, 5], [1, 1, 5, 5]])
    assert instances_found(BoxCase(exact_mask(truth, (H, W)).astype(float), truth)) == 0.5


# Perturbation


def test_gains_of_logits():
    case = LogitCase(np.array([6.0, 1.0, -2.0]), np.array([6.0, 4.0, -2.0]))
    values = [METRICS[name].function(case) for name in BUNDLES["relevance_gain"]]
    assert values == [1.5, 3.0, 1.5]  # trapezoids of two steps: (3.5 - .5) / 2, (5 + 1) / 2
    raised = LogitCase(case.morf + 7, case.lerf + 7)
    assert METRICS["srg"].function(raised) == pytest.approx(values[2])
    assert METRICS["srg"].function(LogitCase(case.lerf, case.morf)) == -values[2]
    assert METRICS["srg"].function(LogitCase(case.morf, case.morf)) == 0
    for wrong in ([], [1.0], [0.1, math.nan], [[0.1, 0.2]]):
        with pytest.raises(agcam.MetricError, match="finite logit"):
            METRICS["mif"].function(LogitCase(np.array(wrong), np.array(wrong)))


def test_areas_of_curves():
    case = CurveCase(np.array([0.9, *[0.5] * 9, 0.1]), np.array([0.9, *[0.8] * 9, 0.1]))
    value = {name: METRICS[name].function(case) for name in BUNDLES["perturbation"][:3]}
    assert value["morf"] == pytest.approx((0.9 + 0.1 + 4.5) / 11)
    assert value["lerf"] == pytest.approx((0.9 + 0.1 + 7.2) / 11)
    assert value["abpc"] == pytest.approx(0.3 * 9 / 11)
    assert METRICS["abpc"].function(CurveCase(case.lerf, case.morf)) == -value["abpc"]
    assert METRICS["deletion"].function(case) == pytest.approx(5.0 / 10)
    assert METRICS["insertion"].function(case) == pytest.approx(7.7 / 10)
    assert METRICS["insertion"].curve(case).tolist() == case.lerf[::-1].tolist()
    hits = AccuracyCase(np.array([1] * 4 + [0] * 7), np.array([1] * 10 + [0]))
    assert METRICS["positive_accuracy"].function(hits) == pytest.approx(3 / 9)
    assert METRICS["negative_accuracy"].function(hits) == 1
    for wrong in ([], [0.1, math.nan], [[0.1]]):
        with pytest.raises(agcam.MetricError, match="finite probability"):
            area(np.array(wrong))
        for name in ("deletion", "insertion"):
            with pytest.raises(agcam.MetricError, match="finite probability"):
                METRICS[name].function(CurveCase(np.array(wrong), np.array(wrong)))


# SaCo


@quick
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=8))
def test_saco_pair_by_pair(pairs):
    pairs = sorted(pairs, reverse=True)
    relevance, drops = (np.array(column, float) for column in zip(*pairs, strict=True))
    signed = unsigned = 0.0
    for i, j in itertools.combinations(range(len(pairs)), 2):
        weight = relevance[i] - relevance[j]
        signed += weight if drops[i] >= drops[j] else -weight
        unsigned += abs(weight)
    value = saco(GroupCase(relevance, drops))
    assert value == pytest.approx(signed / unsigned if unsigned else 0)
    assert -1 <= value <= 1
    assert saco(GroupCase(relevance * 3 + 5, drops * 2 - 1)) == pytest.approx(value)


def test_saco_ends_and_random_maps():
    relevance = np.arange(10.0)[::-1]
    assert saco(GroupCase(relevance, relevance**3)) == 1
    assert saco(GroupCase(relevance, -relevance)) == -1
    assert saco(GroupCase(np.ones(10), relevance)) == 0
    generator = np.random.default_rng(0)
    values = [saco(GroupCase(relevance, generator.random(10))) for _ in range(2000)]
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(len(values))
    with pytest.raises(agcam.MetricError, match="finite"):
        saco(GroupCase(relevance, relevance * np.nan))
    with pytest.raises(agcam.MetricError, match="one relevance"):
        saco(GroupCase(relevance, relevance[1:]))


# Sanity and cost


def test_rank_correlation_is_spearmans():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 9, (2, 5, 5)).astype(float)
    expected = spearmanr(first.ravel(), second.ravel()).statistic
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert rank_correlation(first, -first) == pytest.approx(-1)
    constant = np.ones((5, 5))
    assert rank_correlation(constant, first) == 0 == rank_correlation(first, constant)
    assert rank_correlation(constant, constant) == 1


def test_cost_is_beside_a_plain_pass():
    case = CostCase(seconds=3, plain_seconds=2, memory=10, plain_memory=8)
    assert [METRICS[name].function(case) for name in BUNDLES["cost"]] == [1.5, 1.25]


# The table


@pytest.mark.parametrize("name", METRICS)
def test_rows_describe_themselves(name):
    row = METRICS[name]
    assert row.sentence.endswith(".")
    assert len(row.sentence) < 160
    assert row.on_empty
    assert row.cite
    assert row.heading
    assert row.bounds[0] < row.bounds[1]
    assert row.axes is None or row.curve is not None


def test_metrics_are_chosen_by_name_and_in_bundles():
    assert {name for names in BUNDLES.values() for name in names} <= set(METRICS)
    names = [row.name for row in choose(["abpc", "perturbation", "iou", "abpc"])]
    assert names == ["abpc", "morf", "lerf", "positive_accuracy", "negative_accuracy", "iou"]
    with pytest.raises(agcam.UnknownNameError, match="did you mean paper_iou"):
        choose(["paper_io"])
    with pytest.raises(agcam.RunError, match="choose metrics"):
        choose([])
