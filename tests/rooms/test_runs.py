"""Runs end with the same rows, whatever happens to them on the way."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from filelock import FileLock
from PIL import Image
from small_runs import configuration, lay_out, names, rows_of

import agcam
from agcam import PictureError, RunError, UnknownNameError
from agcam.datasets import DATASETS
from agcam.engines import Resources
from agcam.evaluation import Configuration, Evaluation, evaluate, load_setup, plan, run_plan
from agcam.evaluation.evaluator import start_evaluator
from agcam.evaluation.pictures import shown_pictures
from agcam.evaluation.run import resources_for
from agcam.evaluation.stamps import _on_disk, changed, stamp
from agcam.metrics import METRICS
from agcam.records import Store
from agcam.values import Changes
from processes import SOON, running, until

KILLS = 4
PICTURES = 8


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("data"), pictures=PICTURES)


@pytest.fixture(scope="module")
def made(laid_out):
    return plan(configuration(laid_out, batch_size=1))


@pytest.fixture(scope="module")
def undisturbed(made, tmp_path_factory):
    """The rows of a run in one process, which was then run again and left alone."""
    path, notified = tmp_path_factory.mktemp("undisturbed") / "store", []
    first = run_plan(made, path)
    assert first.finished
    assert first == run_plan(made, path, on_shard=notified.append)
    assert notified == []
    assert first.cost["forwards"] == made.forwards == PICTURES * (1 + 3 * 18)
    with Store(path) as store:
        assert len(store.runs()) == 1
        return rows_of(store)


def test_a_run_has_a_row_for_every_sample_method_and_metric(undisturbed):
    samples, records, failures = undisturbed
    assert [sample.sample for sample in samples] == list(range(PICTURES))
    assert not failures
    right = {sample.sample for sample in samples if sample.label == sample.prediction}
    assert 0 < len(right) < PICTURES
    assert {record[:3] for record in records} == {
        (number, method, metric)
        for number in range(PICTURES)
        for method in ("agcam", "random", "gaussian")
        for metric in ("abpc", "pointing_game", "iou")
        if metric != "iou" or number in right
    }


def test_processes_give_the_same_rows_as_one(made, undisturbed, tmp_path):
    run_plan(made, tmp_path / "store", "local", Resources(workers=2))
    with Store(tmp_path / "store") as store:
        assert rows_of(store) == undisturbed


NURSERY = """
import os, sys
os.environ["OMP_NUM_THREADS"] = "1"  # a pool of threads does not survive a fork
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from small_runs import configuration
from agcam.evaluation import run_plan, plan

made = plan(configuration(Path(sys.argv[2]), batch_size=1))  # once for all that will die
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        run_plan(made, sys.argv[3])
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_run_killed_at_random_again_and_again_ends_with_the_same_rows(
    laid_out, made, undisturbed, tmp_path
):
    """Processes are killed (SIGKILL) at random moments after one more shard; the last goes on."""
    generator, path, seen = random.Random(0), tmp_path / "store", [0]
    command = [sys.executable, "-c", NURSERY, str(Path(__file__).parent), str(laid_out), str(path)]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:
        for _ in range(KILLS):
            nursery.stdin.write("go\n")
            nursery.stdin.flush()
            child = int(nursery.stdout.readline())
            until(lambda: shards_of(path) > seen[-1], "no further shard was done")
            time.sleep(generator.random() * seconds_of_a_shard(path) / 2)
            os.kill(child, signal.SIGKILL)
            seen.append(shards_of(path))
        nursery.stdin.close()
        nursery.wait(SOON)  # and with it for the last child, which holds the run's lock
    assert seen[-1] < PICTURES, "the run was over before it had been killed so often"
    assert run_plan(made, path).finished
    with Store(path) as store:
        assert len(store.runs()) == 1
        assert rows_of(store) == undisturbed


def seconds_of_a_shard(path):
    with Store(path, create=False) as store:
        run = store.run()
    return run.cost["seconds"] / run.done


def shards_of(path):
    if not path.exists():
        return 0
    try:
        with Store(path, create=False) as store:
            runs = store.runs()
    except RunError:
        return 0
    return runs[0].done if runs else 0


# One process and others


@pytest.fixture(scope="module")
def short(laid_out):
    return plan(configuration(laid_out, limit=2, metrics=("pointing_game",)))


def test_a_run_is_refused_while_another_process_runs_it(short, tmp_path):
    path = tmp_path / "store"
    lock = Path(f"{path}.{short.key[:12]}.lock")
    with FileLock(lock), pytest.raises(RunError, match="another process is already running"):
        run_plan(short, path)
    assert run_plan(short, path).finished
    assert lock.exists(), "who waited for a file that was removed would hold nothing"
    held = lock.stat().st_ino
    assert run_plan(short, path).finished
    assert lock.stat().st_ino == held


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_one_worker_has_the_stated_threads_and_puts_them_back(short, tmp_path, threads):
    before, seen = torch.get_num_threads(), []
    module = short.setup.classifier.module
    hook = module.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    stated = replace(short.setup.configuration, threads=threads)
    try:
        run_plan(
            replace(short, setup=replace(short.setup, configuration=stated)), tmp_path / "store"
        )
    finally:
        hook.remove()
    assert set(seen) == {threads}
    assert torch.get_num_threads() == before


def test_a_model_without_a_name_stays_in_this_process(short, tmp_path):
    nameless = replace(short, setup=replace(short.setup, portable=False))
    with pytest.raises(RunError, match="use one worker"):
        run_plan(nameless, tmp_path / "store", "local", Resources(workers=2))


COUNTS = {"batch_size": 3, "limit": 2, "threads": 1, "views": 4}


def test_numpys_numbers_are_the_same_configuration(tmp_path):
    kinds = (np.int64, np.uint8)
    plain = configuration(tmp_path, **COUNTS, refine=True)
    for kind in kinds:
        given = {name: kind(value) for name, value in COUNTS.items()}
        made = configuration(tmp_path, **given, refine=np.bool_(True))
        assert json.dumps(asdict(made)) == json.dumps(asdict(plain))


@pytest.mark.parametrize("value", [-1, True, "2", 1.5, None])
@pytest.mark.parametrize("name", COUNTS)
def test_what_is_no_number_is_no_configuration(tmp_path, name, value):
    with pytest.raises((RunError, PictureError), match=f"{name} is .*, not {value!r}"):
        configuration(tmp_path, **{name: value})


def test_workers_and_threads_are_whole_numbers(short):
    for given in ((-1, 1), ("2", 1), (True, 1), (1.5, 1), (0, -1), (0, "1"), (0, None)):
        with pytest.raises(
            RunError, match=r"(workers|threads) is a whole number, 0 for the usual, not "
        ):
            resources_for(short.setup, *given, "")
    cores = os.cpu_count() or 1
    for workers, threads, expected in ((0, 0, 1), (0, 1, cores), (np.int64(3), 0, 3)):
        assert resources_for(short.setup, workers, threads, "") == Resources(expected, threads)


def test_a_configuration_is_rebuilt_from_its_names(tmp_path):
    folder = lay_out(tmp_path)
    made = load_setup(
        configuration(folder, limit=5, preparation=Changes(fit="squash"), precision="bfloat16")
    )
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
    fewer = configuration(folder, methods=("rise",), options={"rise": {"masks": 9}})
    assert Configuration.from_stored(json.loads(json.dumps(asdict(fewer)))) == fewer
    found = load_setup(fewer)
    assert found.description()["options"] == {"rise": {"masks": 9}}
    assert found.portable
    with pytest.raises(UnknownNameError, match="did you mean rollout"):
        load_setup(configuration(folder, methods=("rolout",)))
    with pytest.raises(RunError, match="none of the data set's 10 classes"):
        load_setup(configuration(folder, class_names=tuple("abcdefghij")))
    with pytest.raises(RunError, match="as many classes"):
        load_setup(
            configuration(folder, class_names=(), metrics=("abpc",), root=str(few_classes(folder)))
        )
    with pytest.raises(RunError, match="the precision is one of as-is"):
        load_setup(configuration(folder, precision="int8"))


def test_a_worker_that_finds_something_else_under_the_same_names_refuses(tmp_path):
    stated = configuration(lay_out(tmp_path, pictures=4), metrics=("energy_pointing_game",))
    made = plan(stated)
    start_evaluator(made.setup.configuration, made.key)
    weights = torch.load(tmp_path / "weights.pth")
    torch.save({name: tensor + 1 for name, tensor in weights.items()}, tmp_path / "weights.pth")
    with pytest.raises(RunError, match="another model, data set or versions"):
        start_evaluator(made.setup.configuration, made.key)


def few_classes(folder):
    path = folder / "few.csv"
    path.write_text("path,label\n00.png,a\n01.png,b\n")
    return path


def test_pictures_for_the_report_are_made_again_from_the_runs_names(tmp_path):
    folder = lay_out(tmp_path, pictures=4)
    made = plan(configuration(folder, metrics=("energy_pointing_game",)))
    results = Evaluation(tmp_path / "store", run_plan(made, tmp_path / "store")).results
    with Store(tmp_path / "store", create=False) as store:
        stamps = store.stamps(made.key)
    shown = shown_pictures(results, stamps, each=1)
    assert [(one.method, one.best) for one in shown] == [
        (method, best) for method in ("agcam", "random", "gaussian") for best in (True, False)
    ]
    values = results.values["energy_pointing_game"][:, 0]
    assert [one.value for one in shown[:2]] == [values.max(), values.min()]
    for one in shown:
        (own,) = [each for each in one.card.maps if each.method == one.method]
        assert own.values.ndim == 2
        assert one.card.picture.src.startswith("data:image/")
        assert one.card.boxes
    (worst,) = {one.card.title for one in shown if one.method == "agcam" and not one.best}
    before = (folder / worst).read_bytes()
    Image.new("RGB", (40, 30), "red").save(folder / worst)
    with pytest.raises(RunError, match="pictures or annotations have changed"):
        shown_pictures(results, stamps)
    (folder / worst).write_bytes(before)
    weights = torch.load(folder / "weights.pth")
    torch.save({name: tensor + 1 for name, tensor in weights.items()}, folder / "weights.pth")
    with pytest.raises(RunError, match="weights have changed since the run"):
        shown_pictures(results, stamps)


def exchange(folder, *pictures):
    """Exchange what two pictures show."""
    first, second = (folder / name for name in pictures)
    both = first.read_bytes(), second.read_bytes()
    second.write_bytes(both[0])
    first.write_bytes(both[1])


def other_boxes(folder):
    path = folder / "boxes.csv"
    head, first, *rest = path.read_text().splitlines()
    name, label, *_ = first.split(",")
    path.write_text("\n".join([head, ",".join((name, label, "1", "1", "9", "9")), *rest]) + "\n")


def break_one(folder):
    (folder / "02.png").write_bytes(b"no picture")


@pytest.mark.parametrize(
    ("change", "repeated"),
    [
        (lambda folder: exchange(folder, "00.png", "03.png"), 2),
        (other_boxes, 1),
        (break_one, 1),
        (lambda folder: None, 0),
    ],
    ids=["pictures", "boxes", "broken", "nothing"],
)
def test_what_changed_since_it_was_judged_is_judged_again(change, repeated, tmp_path):
    """The referee is a run that has never seen the old pictures."""
    folder = lay_out(tmp_path, pictures=4)
    plans = []

    def judge(store):
        return evaluate(
            "csv",
            folder / "boxes.csv",
            model=str(folder / "weights.pth"),
            arch="timm:test_vit",
            classes=names(),
            metrics=("energy_pointing_game", "pointing_game"),
            store=tmp_path / store,
            batch_size=1,
            workers=1,
            on_plan=lambda made, resources: plans.append(made.changed),
        )

    judge("store")
    change(folder)
    judge("store")
    judge("fresh")
    judge("store")
    assert plans == [0, repeated, 0, 0]
    with Store(tmp_path / "store") as old, Store(tmp_path / "fresh") as fresh:
        assert rows_of(old) == rows_of(fresh)
        assert old.run().finished


def test_numbers_are_kept_where_no_picture_is_there(tmp_path):
    folder = lay_out(tmp_path, pictures=2)
    setup = load_setup(configuration(folder, batch_size=1))
    stamps = {shard: stamp(setup, shard) for shard in range(2)}
    (folder / "00.png").unlink()
    assert changed(setup, stamps) == []
    assert changed(setup, {0: "of a file that was missing", 1: "other"}) == [1]
    assert changed(setup, {1: None}) == []


def test_a_clip_of_frames_changes_with_each_of_them(tmp_path):
    frames = [tmp_path / f"{number}.png" for number in range(3)]
    for frame in frames:
        frame.write_bytes(b"1")
    before = _on_disk(tmp_path)
    frames[1].write_bytes(b"22")
    assert _on_disk(tmp_path) != before


# In Python


def test_evaluate_is_one_call_from_names_to_a_report(laid_out, undisturbed, tmp_path):
    plans, shards = [], []
    found = evaluate(
        "csv",
        laid_out / "boxes.csv",
        model=str(laid_out / "weights.pth"),
        arch="timm:test_vit",
        classes=names(),
        methods=["agcam"],
        metrics=["abpc", "pointing_game", "iou"],
        store=tmp_path / "store",
        batch_size=1,
        workers=1,
        on_plan=lambda made, resources: plans.append((made.key, resources.workers)),
        on_shard=shards.append,
    )
    assert plans == [(found.run.key, 1)]
    assert len(shards) == PICTURES
    with Store(tmp_path / "store") as store:
        assert rows_of(store) == undisturbed
    assert repr(found).startswith(f"<Evaluation {found.run.key[:12]} in ")
    assert repr(Evaluation.read(tmp_path / "store")) == repr(found)
    assert [column.metric for column in found.summary()] == ["abpc", "pointing_game", "iou"]
    assert repr(found.summary()[0]).startswith("<Column abpc, higher is better: agcam ")
    assert repr(found.results).endswith(f"{PICTURES} samples, 3 methods, 3 metrics, 0 failures>")
    row = found.rows[0]
    assert row["value"] == undisturbed[1][0].value
    assert {"name", "label", "prediction", "method", "metric", "curve"} < set(row)
    page = found.report(tmp_path / "report", pictures=False)
    assert METRICS["abpc"].sentence in page.read_text()
    assert (page.parent / "summary.csv").exists()


def test_a_model_and_a_data_set_that_are_loaded_are_judged_like_named_ones(laid_out, tmp_path):
    """Randomization too, on a copy; the user's model is left as it was."""
    model = timm.create_model("test_vit", num_classes=10)
    model.load_state_dict(torch.load(laid_out / "weights.pth"))
    classifier = agcam.load(model, classes=names())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    dataset = DATASETS["csv"].read(str(laid_out / "boxes.csv"))
    chosen = {"methods": ["agcam"], "metrics": ["abpc", "randomization"], "limit": 2, "workers": 1}
    named = evaluate(
        "csv",
        laid_out / "boxes.csv",
        model=str(laid_out / "weights.pth"),
        arch="timm:test_vit",
        classes=names(),
        store=tmp_path / "named",
        **chosen,
    )
    given = evaluate(dataset, model=classifier, store=tmp_path / "given", **chosen)
    assert [row["value"] for row in given.rows] == [row["value"] for row in named.rows]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.training
    with pytest.raises(RunError, match="use one worker"):
        evaluate(
            dataset, model=model, classes=names(), store=tmp_path / "two", **chosen | {"workers": 2}
        )
    with pytest.raises(agcam.LoadError, match="stays where it is"):
        evaluate(dataset, model=model, device="cpu", store=tmp_path / "moved")
