"""Evaluation: what is judged, what fails and is counted, and that nothing is silently left out."""

import copy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from small_runs import configuration, lay_out

from agcam import ModelError, RunError, UnknownNameError
from agcam.engines import Resources
from agcam.evaluation import (
    BUNDLES,
    MEASURES,
    Setup,
    Worker,
    load_setup,
    plan,
    plan_setup,
    run_plan,
)
from agcam.evaluation.batch import Item, ShardMaps, judged
from agcam.evaluation.configuration import opened, start_worker
from agcam.evaluation.cost import _Held
from agcam.evaluation.masks import nearest
from agcam.evaluation.measures import chosen
from agcam.evaluation.probing import rank_of, relevance_on_input
from agcam.evaluation.sanity import Randomization, rank_correlation
from agcam.explainer import explain
from agcam.families import load
from agcam.methods import METHODS
from agcam.metrics import METRICS, SETS
from agcam.metrics.perturbation import abpc, curves, ends, perturb, removal_order
from agcam.metrics.saco import group_case, saco, without_groups
from agcam.records import Store, read_results
from agcam.tracing import evaluation_mode
from agcam.values import (
    BoxCase,
    Classifier,
    CurveCase,
    DataSet,
    MaskCase,
    Preparation,
    ReadTrace,
    Sample,
    Truth,
)

PREPARATION = Preparation(size=(32, 32), mean=(0.5,) * 3, std=(0.25,) * 3)
SQUASH = replace(PREPARATION, fit="squash")


@pytest.fixture
def classifier(tiny):
    return Classifier(tiny, tiny, "tiny", "timm", PREPARATION)


@pytest.fixture
def pictures(tmp_path):
    """Five pictures: the third is no picture."""
    generator = np.random.default_rng(0)
    for number in range(5):
        low = generator.integers(0, 255, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(low).resize((50, 40)).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_text("no picture")
    return tmp_path


def subject(classifier, pictures, metrics, *, truth=None, classes=None, **changes):
    samples = tuple(Sample(f"p{n}", str(pictures / f"{n}.png"), n) for n in range(5))
    box = Truth(np.array([[5.0, 5, 30, 30], [35, 2, 48, 20]]), np.eye(40, 50, dtype=int))
    standard = {
        "classifier": classifier,
        "dataset": DataSet("few", tuple((f"c{n}",) for n in range(5)), samples, lambda _: box),
        "classes": classes or tuple(range(5)),
        "methods": tuple(METHODS[name] for name in ("agcam", "rollout", "random", "gaussian")),
        "measures": chosen(metrics),
        "open": partial(opened, preparation=classifier.preparation),
        "copy": lambda: load(copy.deepcopy(classifier.module)),
        "batch_size": 3,
    }
    made = Setup(**{**standard, **changes})
    return made if truth is None else replace(made, dataset=replace(made.dataset, truth=truth))


def evaluated(made):
    """All rows of a subject's shards."""
    evaluator = Worker(made)
    parts = [evaluator(shard) for shard in range(made.shards)]
    return (
        [row for part in parts for row in part.samples],
        [row for part in parts for row in part.records],
        [row for part in parts for row in part.failures],
    )


# What is judged


@pytest.mark.parametrize("name", [m for m in MEASURES if m != "time_ratio"])
def test_every_measure_gives_its_rows_and_only_these(name, classifier, pictures):
    made = subject(classifier, pictures, [name])
    samples, records, failures = evaluated(made)
    assert [row.sample for row in samples] == [0, 1, 3, 4]
    assert {row.metric for row in records} <= {name}
    assert [(row.sample, row.metric) for row in failures] == [(2, "picture")]
    asked = {(row.sample, row.method) for row in records}
    measure = MEASURES[name]
    if measure.test == "cost":
        assert asked == {(first, method.name) for first in (0, 3) for method in made.methods}
    elif not measure.right_only:
        assert asked == {(row.sample, method.name) for row in samples for method in made.methods}
    for row in records:
        assert (row.value is None) == measure.of_set
        assert row.value is None or np.isfinite(row.value)


def test_every_metric_of_the_tables_can_be_asked_for():
    known = {row.name for row in METRICS.values() if row.needs in (BoxCase, MaskCase, CurveCase)}
    assert known | {"saco"} | set(SETS) <= set(MEASURES)
    assert {name for names in BUNDLES.values() for name in names} <= set(MEASURES)
    with pytest.raises(UnknownNameError, match="did you mean paper_iou"):
        chosen(["paper_io"])
    with pytest.raises(RunError, match="choose metrics"):
        chosen([])


def test_box_numbers_are_the_metrics_own(classifier, pictures):
    """On the whole picture squashed to the input's size; NaN where the crop cut it off."""
    made = subject(classifier, pictures, ["energy_pointing_game", "set_max_box_accuracy"])
    _, records, _ = evaluated(made)
    asked, items = asked_of(made)
    for picture, item in enumerate(items):
        relevance, boxes = judged(asked.maps(METHODS["agcam"])[picture], item)
        assert relevance.shape == (32, 32)
        assert np.isnan(relevance[:, :3]).all()
        assert np.isnan(relevance[:, -3:]).all()
        assert not np.isnan(relevance[:, 4:-4]).any()
        np.testing.assert_allclose(boxes[0], [3.2, 4, 19.2, 24])
        case = BoxCase(relevance, boxes)
        found = {
            row.metric: row
            for row in records
            if row.sample == item.number and row.method == "agcam"
        }
        value = METRICS["energy_pointing_game"].function(case)
        assert found["energy_pointing_game"].value == pytest.approx(value, abs=1e-6)
        numbers = found["set_max_box_accuracy"].curve
        assert numbers == tuple(SETS["set_max_box_accuracy"].numbers(case))


def asked_of(made):
    """Items and a recording of the first shard's good pictures, outside of an evaluator."""
    items = []
    for number in (0, 1):
        sample = made.dataset.samples[number]
        pixels, frame = made.open(sample)
        truth = made.dataset.truth(sample)
        items.append(Item(number, sample, number, pixels, frame, truth))
    with evaluation_mode(made.classifier.module):
        asked = ShardMaps(made.classifier, items, made.methods)
        for method in made.methods:
            asked.maps(method)
    return asked, items


def test_a_squashed_picture_is_judged_on_the_input_itself(classifier, pictures):
    squashed = replace(classifier, preparation=SQUASH)
    asked, items = asked_of(subject(squashed, pictures, ["iou"]))
    relevance, boxes = judged(asked.maps(METHODS["agcam"])[0], items[0])
    assert not np.isnan(relevance).any()
    assert boxes.max() <= 32


def test_segmentation_asks_about_the_prediction_and_pxap_about_the_label(classifier, pictures):
    made = subject(classifier, pictures, ["mask_iou", "pixel_average_precision"])
    samples, records, _ = evaluated(made)
    said = replace(made, classes=(*(row.prediction for row in samples[:2]), 0, 0, 0))
    _, of_said, _ = evaluated(said)

    def values(rows, metric):
        return [row.value for row in rows if row.metric == metric and row.sample < 2]

    assert any(row.prediction != row.label for row in samples[:2])
    assert values(records, "mask_iou") == values(of_said, "mask_iou")
    agnostic = values(records, "pixel_average_precision")
    assert agnostic != values(of_said, "pixel_average_precision")


def test_a_mask_keeps_its_classes_when_it_is_resized():
    mask = np.array([[1, 0], [-1, 0]])
    assert nearest(mask, 4, 4).tolist() == [[1, 1, 0, 0]] * 2 + [[-1, -1, 0, 0]] * 2
    assert nearest(mask, 2, 2).tolist() == mask.tolist()


def test_maps_are_those_of_explain_for_every_method_and_no_graph_is_left(classifier, pictures):
    """From one recording of the batch, however many kinds of evidence the methods need."""
    made = subject(classifier, pictures, ["morf"], methods=tuple(METHODS.values()))
    asked, items = asked_of(made)
    pixels = torch.stack([item.pixels for item in items])
    for method in METHODS:
        expected = explain(classifier, pixels, [0, 1], method).grid_map[:, 0].numpy()
        found = asked.maps(METHODS[method])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())
    assert set(asked._session._asked) <= {ReadTrace}
    assert asked._session._tapes is None


# Perturbation


@pytest.mark.parametrize("fill", ["zero", "mean", "blur", "black"])
def test_curves_are_those_of_one_picture_at_a_time(fill, classifier, pictures):
    """The plan of `metrics.perturbation`, picture by picture, 20 passes each."""
    from agcam.metrics.perturbation import black

    suffix = "" if fill == "zero" else f"_{fill}"
    made = subject(classifier, pictures, [f"abpc{suffix}", f"morf{suffix}"], batch_size=2)
    _, records, _ = evaluated(made)
    asked, items = asked_of(made)
    filling = black(PREPARATION.mean, PREPARATION.std) if fill == "black" else fill
    classifier.module.eval()
    for row in (row for row in records if row.metric == f"abpc{suffix}" and row.sample < 2):
        pixels = items[row.sample].pixels.numpy()
        grids = asked.maps(METHODS[row.method])
        relevance = relevance_on_input(grids, (32, 32))[row.sample]
        made_here = [
            ends(pixels, filling),
            perturb(pixels, relevance, order="morf", fill=filling),
            perturb(pixels, relevance, order="lerf", fill=filling),
        ]
        with torch.inference_mode():
            logits = classifier.module(torch.from_numpy(np.concatenate(made_here)))
        said = logits.softmax(-1)[:, row.sample].numpy()
        expected = abpc(curves(said[:2], said[2:11], said[11:]))
        assert row.value == pytest.approx(expected, abs=1e-6)


def test_groups_are_those_of_one_picture_at_a_time(classifier, pictures):
    made = subject(classifier, pictures, ["saco"], batch_size=2)
    _, records, _ = evaluated(made)
    asked, items = asked_of(made)
    classifier.module.eval()
    for row in (row for row in records if row.sample < 2):
        pixels = items[row.sample].pixels.numpy()
        relevance = relevance_on_input(asked.maps(METHODS[row.method]), (32, 32))[row.sample]
        pictures_ = np.concatenate([pixels[None], without_groups(pixels, relevance)])
        with torch.inference_mode():
            said = classifier.module(torch.from_numpy(pictures_)).softmax(-1)[:, row.sample]
        expected = saco(group_case(relevance, float(said[0]), said[1:].numpy()))
        assert row.value == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("order", ["morf", "lerf"])
def test_ranks_are_the_metrics_removal_order(order):
    """Ties too: of equal pixels the last goes first."""
    values = np.random.default_rng(0).integers(0, 5, (3, 6, 7)).astype(np.float32)
    ranks = rank_of(torch.from_numpy(values), order)
    for one, rank in zip(values, ranks, strict=True):
        going = removal_order(one, order)
        assert np.array_equal(rank.numpy().reshape(-1)[going], np.arange(42))


def test_a_shard_asks_no_picture_twice(classifier, pictures):
    made = subject(classifier, pictures, ["morf", "lerf", "abpc", "deletion"], batch_size=2)
    calls = []

    def predict(pixels):
        calls.extend(one.numpy().tobytes() for one in pixels.detach())
        return classifier.module(pixels)

    counting = replace(made, classifier=replace(classifier, predict=predict))
    evaluator = Worker(counting)
    evaluator(0)  # the survey of the model, and the blank picture, once
    calls.clear()
    rows = evaluator(0)
    perturbed = calls[-2 * 18 * 4 :]
    assert len(set(perturbed)) == len(perturbed)
    assert rows.forwards == 2 * (1 + 18 * 4)


def test_half_precision_is_asked_for_perturbed_pictures_only(classifier, pictures):
    exact = subject(classifier, pictures, ["morf", "energy_pointing_game"])
    half = replace(exact, precision=torch.bfloat16)
    rows = [{row[:3]: row.value for row in evaluated(made)[1]} for made in (exact, half)]
    for key in rows[0]:
        if key[2] == "morf":
            assert rows[0][key] != rows[1][key]
            assert rows[0][key] == pytest.approx(rows[1][key], abs=0.02)
        else:
            assert rows[0][key] == rows[1][key]


# Sanity and cost


def test_rank_correlation_is_spearmans():
    from scipy.stats import spearmanr

    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 9, (2, 5, 5)).astype(float)
    expected = spearmanr(first.ravel(), second.ravel()).statistic
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert rank_correlation(first, -first) == pytest.approx(-1)
    constant = np.ones((5, 5))
    assert rank_correlation(constant, first) == 0 == rank_correlation(first, constant)
    assert rank_correlation(constant, constant) == 1


@pytest.mark.parametrize("metrics", [["energy_pointing_game"], ["sanity"], ["randomization"]])
def test_a_plan_knows_how_many_maps_are_made(classifier, pictures, metrics):
    made, calls = subject(classifier, pictures, metrics), []

    def counted(trace):
        calls.append(1)
        return METHODS["agcam"].function(trace)

    method = replace(METHODS["agcam"], function=counted)
    one = replace(made, methods=(method,), batch_size=1)
    planned = plan_setup(one)
    assert planned.own_seconds == planned.maps * planned.method_seconds["agcam"]
    evaluator = Worker(one)
    calls.clear()
    evaluator(0)
    assert len(calls) == planned.maps


def test_randomization_leaves_the_model_and_its_copy_as_they_were(classifier, pictures):
    before = {name: tensor.clone() for name, tensor in classifier.module.state_dict().items()}
    made = subject(classifier, pictures, ["randomization", "class_sensitivity"])
    evaluator = Worker(made)
    first, second = evaluator(0), evaluator(0)
    assert first.records == second.records
    for name, tensor in classifier.module.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert torch.equal(evaluator.randomization.copy.module.state_dict()[name], before[name])
    assert evaluator.randomization.copy.module is not classifier.module
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
    stages = list(randomization._stages(("blocks.0", "blocks.1")))
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

    made = subject(classifier, pictures, ["pointing_game", "morf"], truth=truth)
    _, records, failures = evaluated(made)
    said = {row.sample: row.message for row in failures}
    assert "inverted" in said[0]
    assert "outside the picture of 50 x 40" in said[1]
    assert "no picture of a known format" in said[2] or "not a picture" in said[2]
    assert said[3] == "no box was drawn for it"
    assert {row.sample for row in records if row.metric == "pointing_game"} == {4}
    assert {row.sample for row in records if row.metric == "morf"} == {0, 1, 3, 4}


def test_a_label_that_the_model_does_not_know_is_a_failure(classifier, pictures):
    made = subject(classifier, pictures, ["morf"], classes=(0, None, 2, 3, 4))
    samples, _, failures = evaluated(made)
    assert [row.sample for row in samples] == [0, 3, 4]
    assert "does not know c1" in next(row.message for row in failures if row.sample == 1)


def test_a_picture_that_the_model_refuses_is_found_and_the_rest_are_judged(classifier, pictures):
    made = subject(classifier, pictures, ["morf"])
    opened_ = made.open

    def spoiled(sample):
        pixels, frame = opened_(sample)
        return (pixels * float("nan") if sample.name == "p1" else pixels), frame

    samples, records, failures = evaluated(replace(made, open=spoiled))
    assert [row.sample for row in samples] == [0, 3, 4]
    assert [(row.sample, row.metric) for row in failures if row.sample != 2] == [(1, "model")]
    alone = evaluated(replace(made, batch_size=1))[1]
    by_key = {row[:3]: row.value for row in alone}
    for row in records:
        assert row.value == pytest.approx(by_key[row[:3]], abs=1e-6)


def test_a_number_that_is_not_finite_is_a_failure(classifier, pictures):
    broken = replace(
        METHODS["random"], name="broken", function=lambda t: torch.full((t.batch, 16), torch.nan)
    )
    made = subject(
        classifier, pictures, ["energy_pointing_game"], methods=(METHODS["agcam"], broken)
    )
    _, records, failures = evaluated(made)
    assert {row.method for row in records} == {"agcam"}
    assert [row[2:] for row in failures if row.sample != 2] == [
        ("broken", "map", "its map has NaN or infinite values")
    ] * 4


# Plans and runs


def test_methods_that_a_model_refuses_are_named_with_the_reason(classifier, pictures):
    def refuse(trace):
        raise ModelError("it has no such thing")

    refusing = replace(METHODS["rollout"], name="refusing", function=refuse)
    made = subject(classifier, pictures, ["morf"], methods=(METHODS["agcam"], refusing))
    planned = plan_setup(made)
    assert planned.refused == {"refusing": "it has no such thing"}
    assert [method.name for method in planned.subject.methods] == ["agcam"]
    with pytest.raises(RunError, match="it has no such thing"):
        plan_setup(replace(made, methods=(refusing,)))


def test_metrics_of_what_the_data_set_has_not_are_refused(classifier, pictures):
    truth = lambda sample: Truth(np.zeros((0, 4)))  # noqa: E731
    made = subject(classifier, pictures, ["pointing_game"], truth=truth)
    with pytest.raises(RunError, match="few has no boxes, which pointing_game need"):
        plan_setup(made)
    with pytest.raises(RunError, match="few has no masks, which mask_iou need"):
        plan_setup(replace(made, measures=chosen(["mask_iou"])))
    plan_setup(replace(made, measures=chosen(["morf"])))


def test_the_run_is_another_if_anything_changes(classifier, pictures):
    made = subject(classifier, pictures, ["morf"])
    keys = {plan_setup(made).key, plan_setup(made).key}
    assert len(keys) == 1
    moved = [Sample(s.name, f"elsewhere/{s.name}", s.label) for s in made.dataset.samples]
    moved = replace(made, dataset=replace(made.dataset, samples=tuple(moved)))
    assert plan_setup(moved).key in keys
    fewer = replace(made.dataset, samples=made.dataset.samples[:4])
    for changed in (
        replace(made, dataset=fewer),
        replace(made, classes=(1, 0, 2, 3, 4)),
        replace(made, methods=made.methods[:2]),
        replace(made, measures=chosen(["lerf"])),
        replace(made, batch_size=2),
        replace(made, precision=torch.bfloat16),
        replace(made, classifier=replace(classifier, preparation=SQUASH)),
    ):
        keys.add(plan_setup(changed).key)
    with torch.no_grad():
        classifier.module.head.bias += 1
    keys.add(plan_setup(made).key)
    assert len(keys) == 9


def test_a_second_run_of_the_same_configuration_is_refused_while_the_first_is_at_it(
    classifier, pictures, tmp_path
):
    made = plan_setup(subject(classifier, pictures, ["energy_pointing_game"]))
    path = tmp_path / "store"
    with FileLock(f"{path}.{made.key[:12]}.lock"), pytest.raises(RunError, match="another process"):
        run_plan(made, path)
    assert run_plan(made, path).finished
    lock = Path(f"{path}.{made.key[:12]}.lock")
    assert lock.exists(), "who waited for a file that was removed would hold nothing"
    held = lock.stat().st_ino
    assert run_plan(made, path).finished
    assert lock.stat().st_ino == held


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_one_worker_has_the_threads_that_are_stated_and_puts_them_back(
    classifier, pictures, tmp_path, threads
):
    before, seen = torch.get_num_threads(), []
    made = plan_setup(subject(classifier, pictures, ["energy_pointing_game"]))
    hook = classifier.module.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    try:
        stated = replace(made, configuration=configuration(tmp_path, threads=threads))
        run_plan(stated, tmp_path / "store")
    finally:
        hook.remove()
    assert set(seen) == {threads}
    assert torch.get_num_threads() == before


def test_a_model_without_a_name_stays_in_this_process(classifier, pictures, tmp_path):
    made = plan_setup(subject(classifier, pictures, ["energy_pointing_game"]))
    with pytest.raises(RunError, match="use one worker"):
        run_plan(made, tmp_path / "store", "local", Resources(workers=2))


def test_a_configuration_is_rebuilt_from_its_names(tmp_path):
    folder = lay_out(tmp_path)
    made = load_setup(configuration(folder, limit=5, fit="squash", precision="bfloat16"))
    assert [sample.name for sample in made.dataset.samples] == [
        "00.png",
        "02.png",
        "04.png",
        "07.png",
        "09.png",
    ]
    assert [method.name for method in made.methods] == ["agcam", "random", "gaussian"]
    assert made.classifier.preparation.fit == "squash"
    assert made.precision is torch.bfloat16
    with pytest.raises(UnknownNameError, match="did you mean rollout"):
        load_setup(configuration(folder, methods=("rolout",)))
    with pytest.raises(RunError, match="none of the data set's 10 classes"):
        load_setup(configuration(folder, class_names=tuple("abcdefghij")))
    with pytest.raises(RunError, match="as many classes"):
        load_setup(configuration(folder, class_names=(), root=str(few_classes(folder))))
    with pytest.raises(RunError, match="the precision is one of as-is"):
        load_setup(configuration(folder, precision="int8"))


def test_a_worker_that_finds_something_else_under_the_same_names_refuses(tmp_path):
    asked = configuration(lay_out(tmp_path, pictures=4), metrics=("energy_pointing_game",))
    made = plan(asked)
    start_worker(made.configuration, made.key)
    weights = torch.load(tmp_path / "weights.pth")
    torch.save({name: tensor + 1 for name, tensor in weights.items()}, tmp_path / "weights.pth")
    with pytest.raises(RunError, match="another model, data set or versions"):
        start_worker(made.configuration, made.key)


def few_classes(folder):
    path = folder / "few.csv"
    path.write_text("path,label\n00.png,a\n01.png,b\n")
    return path


def test_pictures_for_the_report_are_made_again_from_the_runs_names(tmp_path):
    from agcam.evaluation.pictures import shown_pictures

    folder = lay_out(tmp_path, pictures=4)
    made = plan(configuration(folder, metrics=("energy_pointing_game",)))
    run_plan(made, tmp_path / "store")
    with Store(tmp_path / "store") as store:
        results = read_results(store)
    shown = shown_pictures(results, each=1)
    assert [(one.method, one.best) for one in shown] == [
        (method, best) for method in ("agcam", "random", "gaussian") for best in (True, False)
    ]
    values = results.values["energy_pointing_game"][:, 0]
    assert [one.value for one in shown[:2]] == [values.max(), values.min()]
    assert all(one.jpeg.startswith(b"\xff\xd8") for one in shown)
    weights = torch.load(folder / "weights.pth")
    torch.save({name: tensor + 1 for name, tensor in weights.items()}, folder / "weights.pth")
    with pytest.raises(RunError, match="not those of the run"):
        shown_pictures(results)
