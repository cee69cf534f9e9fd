"""Evaluation: what is judged, what fails and is counted, and that nothing is silently skipped."""

import copy
import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from slow_perturbation import slow_area, slow_curve, slow_groups, slowly_replaced

from agcam import ModelError, PictureError, RunError
from agcam.evaluation import Configuration, Evaluator, Setup, plan_setup
from agcam.evaluation.cost import _Held
from agcam.evaluation.fills import FILLS
from agcam.evaluation.items import Item, open_sample
from agcam.evaluation.perturbation import passes
from agcam.evaluation.probing import relevance_on_input
from agcam.evaluation.sanity import Randomization
from agcam.evaluation.setup import key_of
from agcam.evaluation.shard_maps import ShardMaps
from agcam.evaluation.truths import box_case, check_truths, nearest
from agcam.explainer import explain
from agcam.families import load
from agcam.methods import METHODS
from agcam.metrics import METRICS, choose
from agcam.metrics.perturbation import SHARES
from agcam.metrics.saco import saco
from agcam.tracing import evaluation_mode
from agcam.values import (
    Classifier,
    CostCase,
    DataSet,
    Frame,
    GroupCase,
    MaskCase,
    Metric,
    Part,
    Preparation,
    Sample,
    Truth,
)
from few_passes import FEW_PASSES

PREPARATION = Preparation(size=(32, 32), mean=(0.5,) * 3, std=(0.25,) * 3)
SQUASH = replace(PREPARATION, fit="squash")


@pytest.fixture
def classifier(tiny):
    return Classifier(tiny, tiny, "tiny", "timm", PREPARATION)


@pytest.fixture
def pictures(tmp_path):
    """Five pictures: the third is not a picture."""
    generator = np.random.default_rng(0)
    for number in range(5):
        low = generator.integers(0, 255, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(low).resize((50, 40)).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_text("no picture")
    return tmp_path


def setup_of(classifier, pictures, metrics, *, truth=None, **changes):
    samples = tuple(Sample(f"p{n}", str(pictures / f"{n}.png"), n) for n in range(5))
    mask, beside = np.eye(40, 50, dtype=int), str(pictures / "0.png")
    parts = tuple(Part(name, np.roll(mask, 9 * n, 1) > 0, beside) for n, name in enumerate("abc"))
    box = Truth(np.array([[5.0, 5, 30, 30], [35, 2, 48, 20]]), mask, parts)
    dataset = DataSet("few", tuple((f"c{n}",) for n in range(5)), samples, truth or (lambda _: box))
    size = changes.pop("batch_size", 3)
    standard = {
        "configuration": Configuration("few", "", "tiny", (), tuple(metrics), batch_size=size),
        "classifier": classifier,
        "dataset": dataset,
        "classes": tuple(range(5)),
        "methods": tuple(METHODS[name] for name in ("agcam", "rollout", "random", "gaussian")),
        "metrics": choose(metrics),
        "open": partial(open_sample, preparation=classifier.preparation),
        "copy": lambda: load(copy.deepcopy(classifier.module)),
        "portable": False,
    }
    return Setup(**{**standard, **changes})


def configured(setup, **changes):
    return replace(setup, configuration=replace(setup.configuration, **changes))


def evaluated(setup):
    """All rows of a setup's shards."""
    evaluator = Evaluator(setup)
    parts = [evaluator(shard) for shard in range(setup.shards)]
    return (
        [row for part in parts for row in part.samples],
        [row for part in parts for row in part.records],
        [row for part in parts for row in part.failures],
    )


def maps_of(setup):
    """The maps of the first two pictures, outside of an evaluator."""
    items = []
    for number in (0, 1):
        sample = setup.dataset.samples[number]
        pixels, frame, picture = setup.open(sample)
        truth = setup.dataset.truth(sample)
        items.append(Item(number, sample, number, pixels, frame, truth, picture))
    views = setup.views
    with evaluation_mode(setup.classifier.module):
        maps = ShardMaps(setup.classifier, items, setup.methods, views)
        for method in setup.methods:
            maps.maps(method)
    return maps


# What is judged


@pytest.mark.parametrize("name", [m for m in METRICS if m != "time_ratio"])
def test_every_metric_gives_its_rows_and_only_these(name, classifier, pictures):
    setup = setup_of(classifier, pictures, [name])
    samples, records, failures = evaluated(setup)
    assert [row.sample for row in samples] == [0, 1, 3, 4]
    assert {row.metric for row in records} <= {name}
    assert [(row.sample, row.metric) for row in failures] == [(2, "picture")]
    judged = {(row.sample, row.method) for row in records}
    metric = METRICS[name]
    if metric.needs is CostCase:
        assert judged == {(first, method.name) for first in (0, 3) for method in setup.methods}
    elif not metric.right_only:
        assert judged == {(row.sample, method.name) for row in samples for method in setup.methods}
    low, high = metric.bounds
    for row in records:
        assert (row.value is None) == (metric.of_set is not None)
        assert row.value is None or low - 1e-6 <= row.value <= high + 1e-6
        assert (row.curve is None) == (metric.curve is None and metric.of_set is None)


def test_box_numbers_are_the_metrics_own(classifier, pictures):
    """On the whole picture squashed to the input's size; NaN where the crop cut it off."""
    setup = setup_of(classifier, pictures, ["energy_pointing_game", "set_max_box_accuracy"])
    _, records, _ = evaluated(setup)
    maps = maps_of(setup)
    for picture, item in enumerate(maps.items):
        case = box_case(item, item.truth, maps.label_maps(METHODS["agcam"])[picture])
        assert case.relevance.shape == (32, 32)
        assert np.isnan(case.relevance[:, :3]).all()
        assert np.isnan(case.relevance[:, -3:]).all()
        assert not np.isnan(case.relevance[:, 4:-4]).any()
        np.testing.assert_allclose(case.boxes[0], [3.2, 4, 19.2, 24])
        found = {
            row.metric: row
            for row in records
            if row.sample == item.number and row.method == "agcam"
        }
        value = METRICS["energy_pointing_game"].function(case)
        assert found["energy_pointing_game"].value == pytest.approx(value, abs=1e-6)
        numbers = found["set_max_box_accuracy"].curve
        assert numbers == tuple(METRICS["set_max_box_accuracy"].function(case))


def test_a_squashed_picture_is_judged_on_the_input_itself(classifier, pictures):
    squashed = replace(classifier, preparation=SQUASH)
    maps = maps_of(setup_of(squashed, pictures, ["iou"]))
    case = box_case(maps.items[0], maps.items[0].truth, maps.label_maps(METHODS["agcam"])[0])
    assert not np.isnan(case.relevance).any()
    assert case.boxes.max() <= 32


def test_segmentation_judges_the_predicted_class_and_pxap_the_label(classifier, pictures):
    setup = setup_of(classifier, pictures, ["mask_iou", "pixel_average_precision"])
    samples, records, _ = evaluated(setup)
    relabelled = replace(setup, classes=(*(row.prediction for row in samples[:2]), 0, 0, 0))
    _, others, _ = evaluated(relabelled)

    def values(rows, metric):
        return [row.value for row in rows if row.metric == metric and row.sample < 2]

    assert any(row.prediction != row.label for row in samples[:2])
    assert values(records, "mask_iou") == values(others, "mask_iou")
    of_label = values(records, "pixel_average_precision")
    assert of_label != values(others, "pixel_average_precision")


def test_a_metric_is_a_function_and_a_row(classifier, pictures):
    def peak(case):
        return float(case.mask.flat[np.nanargmax(case.relevance)] == 1)

    row = Metric(
        name="peak",
        sentence="Whether the highest pixel lies on the mask.",
        function=peak,
        needs=MaskCase,
        better="higher",
        bounds=(0, 1),
        on_empty="0",
        cite="",
        heading="",
    )
    setup = replace(setup_of(classifier, pictures, ["iou"]), metrics=(row,))
    _, records, failures = evaluated(setup)
    assert {(record.metric, record.value) for record in records} <= {("peak", 0.0), ("peak", 1.0)}
    assert len(records) == 4 * 4
    assert len(failures) == 1


def test_a_mask_keeps_its_classes_when_it_is_resized():
    mask = np.array([[1, 0], [-1, 0]])
    assert nearest(mask, 4, 4).tolist() == [[1, 1, 0, 0]] * 2 + [[-1, -1, 0, 0]] * 2
    assert nearest(mask, 2, 2).tolist() == mask.tolist()


def test_maps_are_those_of_explain_for_every_method_and_no_graph_is_left(classifier, pictures):
    """From one recording of the batch, however many kinds of evidence the methods need."""
    methods = tuple(row.with_options(FEW_PASSES.get(name, {})) for name, row in METHODS.items())
    maps = maps_of(setup_of(classifier, pictures, ["morf"], methods=methods))
    pixels = torch.stack([item.pixels for item in maps.items])
    for method in methods:
        options = FEW_PASSES.get(method.name)
        expected = explain(classifier, pixels, [0, 1], method.name, options=options)
        expected = expected.grid_map[:, 0].numpy()
        found = maps.maps(method)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())
    assert set(maps._session._sources) <= {"replay"}


# Sharper maps


def sharper(classifier, pictures, metrics, *, refine=True, views=2, **changes):
    opened = partial(open_sample, preparation=classifier.preparation, keep=refine)
    setup = setup_of(classifier, pictures, metrics, open=opened, **changes)
    return configured(setup, refine=refine, views=views)


@pytest.mark.parametrize("preparation", [PREPARATION, SQUASH], ids=["crop", "squash"])
def test_sharper_maps_are_those_of_explain(preparation, classifier, pictures):
    """On patches, on the whole picture squashed to the input's size, and on the input."""
    classifier = replace(classifier, preparation=preparation)
    maps = maps_of(sharper(classifier, pictures, ["iou"]))
    plain = maps_of(setup_of(classifier, pictures, ["iou"]))
    files = [str(pictures / f"{number}.png") for number in (0, 1)]
    made = explain(classifier, files, [0, 1], "agcam", refine=True, views=2)
    agcam, whole = METHODS["agcam"], Frame.whole(32, 32)
    np.testing.assert_allclose(maps.maps(agcam), made.grid_map[:, 0].numpy(), atol=1e-7)
    for picture, item in enumerate(maps.items):
        case = box_case(item, item.truth, maps.label_maps(agcam)[picture])
        expected = made.at_patches(picture).on_pixels(item.frame.scaled(32, 32), item.whole)[0]
        np.testing.assert_allclose(case.relevance, expected, atol=1e-7)
        on_input = made.at_patches(picture).on_pixels(whole, item.seen)[0]
        np.testing.assert_allclose(maps.on_input(agcam)[picture], on_input, atol=1e-7)
        assert not np.isnan(maps.on_input(agcam)).any()
        raw = box_case(item, item.truth, plain.label_maps(agcam)[picture]).relevance
        assert np.array_equal(np.isnan(case.relevance), np.isnan(raw))
        assert not np.array_equal(case.relevance, raw, equal_nan=True)


def test_what_the_model_sees_is_cut_from_the_picture_that_maps_are_refined_by():
    """A gradient of colours: each pixel of the input has the colour of its place."""
    ramp = np.linspace(0, 250, 400)[None, :, None].repeat(200, 0).repeat(3, 2).astype(np.uint8)
    frame = Frame(400, 200, (100.0, 0.0, 300.0, 200.0))
    picture = Image.fromarray(ramp)
    item = Item(0, Sample("s", "", 0), 0, torch.zeros(3, 50, 50), frame, "", picture)
    assert item.whole.size == item.seen.size == (50, 50)
    seen, whole = (np.asarray(one)[25, :, 0].astype(float) for one in (item.seen, item.whole))
    places = (np.arange(50) + 0.5) / 50
    np.testing.assert_allclose(seen, (100 + 200 * places) / 400 * 250, atol=2)
    np.testing.assert_allclose(whole[1:-1], (400 * places / 400 * 250)[1:-1], atol=3)


@pytest.mark.parametrize("metrics", [["iou", "mask_iou"], ["abpc", "srg"], ["class_sensitivity"]])
def test_sharper_rows_do_not_depend_on_the_batch(metrics, classifier, pictures):
    methods = (METHODS["agcam"], METHODS["rollout"])
    rows = [
        evaluated(sharper(classifier, pictures, metrics, methods=methods, batch_size=size))[1]
        for size in (1, 3)
    ]
    single, batch = ({row[:3]: row.value for row in some} for some in rows)
    assert single
    assert batch == pytest.approx(single, abs=1e-4)


def test_sharper_maps_are_another_run_and_their_price_is_in_the_plan(classifier, pictures):
    metrics = ["abpc", "class_sensitivity", "time_ratio"]
    plain = setup_of(classifier, pictures, metrics)
    others = [
        sharper(classifier, pictures, metrics, refine=r, views=v)
        for r, v in ((True, 1), (False, 2))
    ]
    described = [key_of(one.description()) for one in (plain, *others)]
    assert len(set(described)) == 3
    assert not {"refine", "views"} & set(plain.description())
    made = plan_setup(configured(plain, views=2))
    evaluator = Evaluator(made.setup)
    evaluator(0)
    assert evaluator(1).forwards * made.setup.known / 2 == made.forwards
    assert made.forwards > plan_setup(plain).forwards
    with pytest.raises(PictureError, match="views is 1, 2, 4, 5, 8 or 9"):
        configured(plain, views=3)


# Perturbation


@pytest.mark.parametrize("fill", ["zero", "mean", "blur", "black"])
def test_curves_are_those_of_one_picture_at_a_time(fill, classifier, pictures):
    """Pixel by pixel, 20 passes each."""
    suffix = "" if fill == "zero" else f"_{fill}"
    setup = setup_of(classifier, pictures, [f"abpc{suffix}", f"morf{suffix}"], batch_size=2)
    _, records, _ = evaluated(setup)
    maps = maps_of(setup)
    filling = FILLS[fill].function(maps.pixels, classifier).numpy()
    classifier.module.eval()
    for row in (row for row in records if row.metric == f"abpc{suffix}" and row.sample < 2):
        pixels = maps.items[row.sample].pixels.numpy()
        relevance = relevance_on_input(maps.on_input(METHODS[row.method]))[row.sample]
        replaced = [
            slowly_replaced(pixels, relevance, order, share, filling[row.sample])
            for order in ("morf", "lerf")
            for share in SHARES
        ]
        with torch.inference_mode():
            logits = classifier.module(torch.from_numpy(np.stack(replaced)))
        morf, lerf = logits.softmax(-1)[:, row.sample].reshape(2, 11).numpy()
        assert row.value == pytest.approx(lerf.mean() - morf.mean(), abs=1e-6)


def test_relevance_gain_is_that_of_one_patch_at_a_time(classifier, pictures):
    setup = setup_of(classifier, pictures, ["relevance_gain"], batch_size=2)
    setup = replace(setup, methods=tuple(METHODS[name] for name in ("agcam", "random")))
    _, records, _ = evaluated(setup)
    found = {(row.sample, row.method, row.metric): row for row in records}
    maps = maps_of(setup)
    classifier.module.eval()
    for method, sample in itertools.product(setup.methods, (0, 1)):

        def logit(picture, label=sample):
            with torch.inference_mode():
                return float(classifier.module(torch.from_numpy(picture)[None])[0, label])

        pixels, grid = maps.items[sample].pixels.numpy(), maps.maps(method)[sample]
        area = {}
        for order in ("mif", "lif"):
            curve = slow_curve(pixels, grid, order, np.zeros_like(pixels), logit)
            area[order] = slow_area(curve)
            row = found[sample, method.name, order]
            assert row.value == pytest.approx(area[order], abs=1e-5)
            np.testing.assert_allclose(row.curve, curve, atol=1e-5)
        gain = found[sample, method.name, "srg"].value
        assert gain == pytest.approx(area["lif"] - area["mif"], abs=1e-5)


def test_a_plan_counts_the_passes_of_groups_of_patches(classifier, pictures):
    """Both ends are those of the other curves."""
    for metrics in (["srg"], ["srg", "morf"]):
        setup = setup_of(classifier, pictures, metrics)
        evaluator = Evaluator(setup)
        evaluator(0)
        each = 1 + passes(setup.metrics, len(setup.methods), 16, other_precision=False)
        assert evaluator(1).forwards == each * 2
        assert each == 1 + 4 * 2 * (15 + 9 * ("morf" in metrics))


def test_groups_are_those_of_one_picture_at_a_time(classifier, pictures):
    setup = setup_of(classifier, pictures, ["saco"], batch_size=2)
    _, records, _ = evaluated(setup)
    maps = maps_of(setup)
    classifier.module.eval()
    for row in (row for row in records if row.sample < 2):
        pixels = maps.items[row.sample].pixels.numpy()
        relevance = relevance_on_input(maps.on_input(METHODS[row.method]))[row.sample]
        groups = slow_groups(relevance, 10)
        without = [pixels]
        for members in groups:
            one = pixels.copy()
            for place in members:
                one[(slice(None), *place)] = pixels.mean(axis=(1, 2))
            without.append(one)
        with torch.inference_mode():
            logits = classifier.module(torch.from_numpy(np.stack(without)))
        whole, *rest = logits.softmax(-1)[:, row.sample].tolist()
        sums = np.array([sum(float(relevance[place]) for place in some) for some in groups])
        expected = saco(GroupCase(sums, whole - np.array(rest)))
        assert row.value == pytest.approx(expected, abs=1e-5)


def test_a_shard_runs_no_perturbed_picture_twice(classifier, pictures):
    setup = setup_of(classifier, pictures, ["morf", "lerf", "abpc", "deletion"], batch_size=2)
    calls = []

    def predict(pixels):
        calls.extend(one.numpy().tobytes() for one in pixels.detach())
        return classifier.module(pixels)

    counting = replace(setup, classifier=replace(classifier, predict=predict))
    evaluator = Evaluator(counting)
    evaluator(0)  # the survey of the model, and the blank picture, once
    calls.clear()
    rows = evaluator(0)
    perturbed = calls[-2 * 18 * 4 :]
    assert len(set(perturbed)) == len(perturbed)
    assert rows.forwards == 2 * (1 + 18 * 4)


def test_half_precision_is_for_perturbed_pictures_only(classifier, pictures):
    exact = setup_of(classifier, pictures, ["morf", "energy_pointing_game"])
    half = configured(exact, precision="bfloat16")
    rows = [{row[:3]: row.value for row in evaluated(one)[1]} for one in (exact, half)]
    for key in rows[0]:
        if key[2] == "morf":
            assert rows[0][key] != rows[1][key]
            assert rows[0][key] == pytest.approx(rows[1][key], abs=0.02)
        else:
            assert rows[0][key] == rows[1][key]


# Sanity and cost


@pytest.mark.parametrize("metrics", [["energy_pointing_game"], ["sanity"], ["randomization"]])
def test_a_plan_knows_how_many_maps_are_made(classifier, pictures, metrics):
    setup, calls = setup_of(classifier, pictures, metrics), []

    def counted(trace):
        calls.append(1)
        return METHODS["agcam"].function(trace)

    method = replace(METHODS["agcam"], function=counted)
    one = configured(replace(setup, methods=(method,)), batch_size=1)
    planned = plan_setup(one)
    assert planned.own_seconds == planned.maps * planned.method_seconds["agcam"]
    evaluator = Evaluator(one)
    calls.clear()
    evaluator(0)
    assert len(calls) == planned.maps


def test_randomization_leaves_the_model_and_its_copy_as_they_were(classifier, pictures):
    before = {name: tensor.clone() for name, tensor in classifier.module.state_dict().items()}
    setup = setup_of(classifier, pictures, ["randomization", "class_sensitivity"])
    evaluator = Evaluator(setup)
    randomized = evaluator.judges[1][1].__self__.copy.module
    first, second = evaluator(0), evaluator(0)
    assert first.records == second.records
    for name, tensor in classifier.module.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert torch.equal(randomized.state_dict()[name], before[name])
    assert randomized is not classifier.module
    assert classifier.module.training
    curves_ = {row.method: row.curve for row in first.records if row.metric == "randomization"}
    assert {len(curve) for curve in curves_.values()} == {1 + 2 + 2}  # as it is, head, blocks, rest
    assert curves_["random"] == (1.0,) * 5  # knows nothing of the model
    assert curves_["agcam"][-1] < 0.9
    agnostic = {r.method: r.value for r in first.records if r.metric == "class_sensitivity"}
    assert agnostic["rollout"] == pytest.approx(1)
    assert agnostic["agcam"] < 1


def test_every_weight_is_shuffled_by_the_last_stage(classifier):
    randomization = Randomization(load(copy.deepcopy(classifier.module)))
    stages = list(randomization.stages(("blocks.0", "blocks.1")))
    shuffled = [id(tensor) for stage in stages for tensor in stage]
    assert len(stages) == 4
    assert sorted(shuffled) == sorted(map(id, randomization.copy.module.parameters()))


def test_held_bytes_are_counted():
    with _Held() as held:
        first = torch.zeros(1000)
        second = first + 1
        view = second[10:]
        del first
        third = view * 2
        del second, view, third
    assert held.peak == 8000
    assert held.now == 0


# What fails


def test_a_bad_annotation_fails_alone_and_stops_nothing(classifier, pictures):
    def truth(sample):
        boxes = {"p0": [[9, 9, 3, 20]], "p1": [[60, 5, 80, 9]], "p3": np.zeros((0, 4))}
        return Truth(np.array(boxes.get(sample.name, [[1.0, 1, 20, 20]])))

    setup = setup_of(classifier, pictures, ["pointing_game", "morf"], truth=truth)
    _, records, failures = evaluated(setup)
    messages = {row.sample: row.message for row in failures}
    assert "inverted" in messages[0]
    assert "outside the picture of 50 x 40" in messages[1]
    assert "no picture of a known format" in messages[2] or "not a picture" in messages[2]
    assert messages[3] == "no box was drawn for it"
    assert {row.sample for row in records if row.metric == "pointing_game"} == {4}
    assert {row.sample for row in records if row.metric == "morf"} == {0, 1, 3, 4}


def test_a_label_that_the_model_does_not_know_is_a_failure(classifier, pictures):
    setup = setup_of(classifier, pictures, ["morf"], classes=(0, None, 2, 3, 4))
    samples, _, failures = evaluated(setup)
    assert [row.sample for row in samples] == [0, 3, 4]
    assert "does not know c1" in next(row.message for row in failures if row.sample == 1)


def test_a_picture_that_the_model_refuses_is_found_and_the_rest_are_judged(classifier, pictures):
    setup = setup_of(classifier, pictures, ["morf"])
    opened_ = setup.open

    def spoiled(sample):
        pixels, *others = opened_(sample)
        return (pixels * float("nan") if sample.name == "p1" else pixels), *others

    samples, records, failures = evaluated(replace(setup, open=spoiled))
    assert [row.sample for row in samples] == [0, 3, 4]
    assert [(row.sample, row.metric) for row in failures if row.sample != 2] == [(1, "model")]
    single = evaluated(configured(setup, batch_size=1))[1]
    by_key = {row[:3]: row.value for row in single}
    for row in records:
        assert row.value == pytest.approx(by_key[row[:3]], abs=1e-6)


def test_a_number_that_is_not_finite_is_a_failure(classifier, pictures):
    broken = replace(
        METHODS["random"], name="broken", function=lambda t: torch.full((t.batch, 16), torch.nan)
    )
    setup = setup_of(
        classifier, pictures, ["energy_pointing_game"], methods=(METHODS["agcam"], broken)
    )
    _, records, failures = evaluated(setup)
    assert {row.method for row in records} == {"agcam"}
    assert [row[2:] for row in failures if row.sample != 2] == [
        ("broken", "map", "its map has NaN or infinite values")
    ] * 4


# Plans


def test_methods_that_a_model_refuses_are_named_with_the_reason(classifier, pictures):
    def refuse(trace):
        raise ModelError("it has no attention")

    refusing = replace(METHODS["rollout"], name="refusing", function=refuse)
    setup = setup_of(classifier, pictures, ["morf"], methods=(METHODS["agcam"], refusing))
    planned = plan_setup(setup)
    assert planned.refused == {"refusing": "it has no attention"}
    assert [method.name for method in planned.setup.methods] == ["agcam"]
    with pytest.raises(RunError, match="it has no attention"):
        plan_setup(replace(setup, methods=(refusing,)))


def test_metrics_of_what_the_data_set_has_not_are_refused(classifier, pictures):
    def truth(sample):
        return Truth(np.zeros((0, 4)))

    dataset = setup_of(classifier, pictures, ["morf"], truth=truth).dataset
    with pytest.raises(RunError, match="few has no boxes, which pointing_game need"):
        check_truths(choose(["pointing_game"]), dataset)
    with pytest.raises(RunError, match="few has no masks, which mask_iou need"):
        check_truths(choose(["mask_iou"]), dataset)
    check_truths(choose(["morf"]), dataset)


def test_the_run_is_another_if_anything_changes(classifier, pictures):
    setup = setup_of(classifier, pictures, ["morf"])
    keys = {plan_setup(setup).key, plan_setup(setup).key}
    assert len(keys) == 1
    moved = [Sample(s.name, f"elsewhere/{s.name}", s.label) for s in setup.dataset.samples]
    moved = replace(setup, dataset=replace(setup.dataset, samples=tuple(moved)))
    assert plan_setup(moved).key in keys
    fewer = replace(setup.dataset, samples=setup.dataset.samples[:4])
    for changed in (
        replace(setup, dataset=fewer),
        replace(setup, classes=(1, 0, 2, 3, 4)),
        replace(setup, methods=setup.methods[:2]),
        replace(setup, methods=(METHODS["agcam_spread"],)),
        replace(setup, methods=(METHODS["agcam_spread"].with_options({"background": 0.5}),)),
        replace(setup, metrics=choose(["lerf"])),
        configured(setup, batch_size=2),
        configured(setup, precision="bfloat16"),
        replace(setup, classifier=replace(classifier, preparation=SQUASH)),
    ):
        keys.add(plan_setup(changed).key)
    with torch.no_grad():
        classifier.module.head.bias += 1
    keys.add(plan_setup(setup).key)
    assert len(keys) == 11
