"""`agcam evaluate`, `report`, `runs`: as a stranger would, and with a newcomer's mistakes."""

import csv
import io
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from agcam.cli import app
from agcam.records import Store, read_results
from pages import Page

sys.path.insert(0, str(Path(__file__).parent.parent / "rooms"))
from small_runs import lay_out

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory):
    folder = lay_out(tmp_path_factory.mktemp("data"), pictures=5)
    (folder / "01.png").write_text("no picture")
    return folder


def command(folder, store, *more):
    return [
        "evaluate",
        "csv",
        str(folder / "boxes.csv"),
        *("--model", str(folder / "weights.pth"), "--arch", "timm:test_vit"),
        *("--classes", str(folder / "names.txt"), "--workers", "1", "--batch-size", "2"),
        *("--store", str(store)),
        *more,
    ]


def run(*arguments):
    return RUNNER.invoke(app, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture(scope="module")
def evaluated(laid_out, tmp_path_factory):
    store = tmp_path_factory.mktemp("store") / "runs.sqlite"
    metrics = "abpc,pointing_game,set_max_box_accuracy"
    done = run(*command(laid_out, store, "--methods", "agcam,rollout", "--metrics", metrics))
    assert done.exit_code == 0, done.output
    return store, done.output


def test_evaluate_prints_the_cost_and_a_table(evaluated):
    _, printed = evaluated
    assert "weights.pth (timm:test_vit) on 5 samples: agcam, rollout, random, gaussian" in printed
    assert "5 of 5 classes are known to the model" in printed
    assert re.search(r"365 forward passes of \d+ ms, .* about \d+ s with 1 worker;", printed)
    assert "4 samples judged, 1 failures" in printed
    for name in ("agcam", "rollout", "random", "gaussian", "abpc", "pointing_game"):
        assert name in printed


def test_metrics_of_fewer_samples_say_so_and_why(laid_out, tmp_path):
    """A table of boxes is of the pictures that are predicted correctly, however few they are."""
    store, metrics = tmp_path / "runs.sqlite", "iou,dice,abpc"
    printed = run(*command(laid_out, store, "--metrics", metrics)).output
    with Store(store) as opened:
        found = read_results(opened)
    judged = int((~np.isnan(found.values["iou"]).all(1)).sum())
    assert judged < 4
    note = f"note: iou, dice judge {judged or 'none'} of 4 samples, those predicted correctly"
    assert note in " ".join(printed.split())
    assert "abpc judge" not in printed


def test_a_second_time_it_goes_on_and_finds_nothing_to_do(evaluated, laid_out):
    store, _ = evaluated
    metrics = "abpc,pointing_game,set_max_box_accuracy"
    printed = run(
        *command(laid_out, store, "--methods", "agcam,rollout", "--metrics", metrics)
    ).output
    assert "3 of 3 shards are in" in printed
    with Store(store) as opened:
        assert len(opened.runs()) == 1


def test_report_writes_a_page_with_pictures_and_exports(evaluated, tmp_path):
    store, _ = evaluated
    done = run("report", store, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    page = Page(tmp_path / "out" / "report.html")
    galleries = [block for block in page.document["blocks"] if block["kind"] == "gallery"]
    assert sum(len(block["items"]) for block in galleries) == 4 * 4  # methods, pictures judged
    assert len(page.addresses) == 4
    assert "01.png" in page.text
    assert "no picture of a known format" in page.text or "not a picture" in page.text
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"report.html", "rows.csv", "failures.csv", "summary.csv", "rows.parquet"}
    rows = list(csv.DictReader((tmp_path / "out" / "rows.csv").read_text().splitlines()))
    assert len(rows) == 4 * 4 * 3
    summary = list(csv.DictReader((tmp_path / "out" / "summary.csv").read_text().splitlines()))
    assert {row["metric"] for row in summary} == {"abpc", "pointing_game", "set_max_box_accuracy"}


def test_report_without_pictures_has_none(evaluated, tmp_path):
    store, _ = evaluated
    run("report", store, "--out", tmp_path, "--no-pictures")
    assert "data:image" not in (tmp_path / "report.html").read_text()


def test_report_is_written_though_the_data_set_is_gone(evaluated, laid_out, tmp_path):
    store, _ = evaluated
    (laid_out / "boxes.csv").rename(laid_out / "away.csv")
    done = run("report", store, "--out", tmp_path)
    (laid_out / "away.csv").rename(laid_out / "boxes.csv")
    assert done.exit_code == 0
    assert "They could not be made again" in (tmp_path / "report.html").read_text()


def test_runs_are_listed(evaluated):
    store, _ = evaluated
    printed = run("runs", store).output
    with Store(store) as opened:
        assert f"{opened.run().key[:12]}  " in printed
    assert "csv (5 samples)" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("more", "printed"),
    [
        (["--metrics", "abcp"], "did you mean abpc"),
        (["--methods", "agcm"], "did you mean agcam"),
        (["--engine", "locl"], "did you mean local"),
        (["--precision", "half"], "the precision is one of as-is, bfloat16, float16"),
        (["--option", "masks=9"], "METHOD.NAME=VALUE"),
        (["--option", "rise.masks=9"], "rise, which is not among the methods"),
        (["--option", "agcam.masks=9"], "agcam has no option"),
        (["--metrics", "mask_iou"], "has no masks, which mask_iou need"),
        (["--device", "cuda:7"], "cannot use device 'cuda:7'"),
        (["--classes", "nowhere.txt"], "cannot read class names"),
        (["--scores", "none", "--metrics", "morf,saco"], "(scores: none), which morf, saco read"),
    ],
)
def test_mistakes_are_reported_in_one_line_before_anything_is_stored(
    more, printed, laid_out, tmp_path
):
    done = run(*command(laid_out, tmp_path / "store", *more))
    assert done.exit_code == 1
    assert printed in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["evaluate", "imagnet", "."], "did you mean imagenet"),
        (["runs", "nowhere.sqlite"], "does not exist"),
        (["report", "nowhere.sqlite"], "does not exist"),
        (["report", "."], "is a folder; name the store in it"),
    ],
)
def test_other_mistakes(arguments, printed):
    done = run(*arguments)
    assert done.exit_code == 1
    assert printed in done.output


def test_what_a_model_without_probabilities_gives_is_reported_as_whole(laid_out, tmp_path):
    store, out = tmp_path / "runs.sqlite", tmp_path / "out"
    more = ("--methods", "agcam", "--metrics", "pointing_game", "--scores", "none")
    done = run(*command(laid_out, store, *more))
    assert done.exit_code == 0, done.output
    assert "4 samples judged, 1 failures" in done.output
    done = run("report", store, "--out", out, "--no-pictures")
    assert done.exit_code == 0, done.output
    assert len(list(csv.DictReader((out / "rows.csv").read_text().splitlines()))) == 4 * 3
    with Store(store, create=False) as opened:
        assert [row.probability for row in opened.samples(opened.run().key)] == [None] * 4
        assert not opened.damage.number


def test_what_is_no_store_is_reported_before_the_model_is_loaded(laid_out, tmp_path):
    store = tmp_path / "notes.txt"
    store.write_text("notes " * 1000)
    for path in (store, tmp_path):
        done = run(*command(laid_out, path, "--model", "nowhere.pth"))
        assert done.exit_code == 1
        assert "store" in done.output
        assert "nowhere" not in done.output
    assert store.read_text() == "notes " * 1000


def test_a_run_that_is_not_there_is_told(evaluated):
    store, _ = evaluated
    done = run("report", store, "zzz")
    assert done.exit_code == 1
    assert "is not the beginning of any run" in done.output


def test_what_there_is_can_be_listed():
    assert "set_max_box_accuracy" in run("list", "metrics").output
    assert "pascal_voc" in run("list", "datasets").output


def test_any_name_that_a_file_can_have_is_judged_reported_and_gone_on_with(laid_out, tmp_path):
    names = [b"caf\xe9.png", b"\xff\xfe.png", b"=1+1.png", b"\x1b[2Jx.png", b"two\nlines.png"]
    folder = tmp_path / "set" / "class 1"
    folder.mkdir(parents=True)
    for name in names:
        shutil.copyfile(laid_out / "00.png", folder / os.fsdecode(name))
    store, out = tmp_path / "runs.sqlite", tmp_path / "out"
    whole = command(laid_out, store, "--methods", "agcam", "--metrics", "abpc")
    whole[1:3] = ["folder", str(folder.parent)]
    for time in range(2):
        done = run(*whole)
        assert done.exit_code == 0, done.output
        assert "5 samples judged, 0 failures" in done.output
        assert ("3 of 3 shards are in" in done.output) == bool(time)
    assert run("report", store, "--out", out).exit_code == 0
    rows = list(csv.DictReader(io.StringIO((out / "rows.csv").read_text())))
    assert {row["name"] for row in rows} == {
        f"class 1/{name}"
        for name in (
            "caf\\xe9.png",
            "\\xff\\xfe.png",
            "=1+1.png",
            "\\x1b[2Jx.png",
            "two\\nlines.png",
        )
    }
    assert "\x1b" not in (out / "report.html").read_text()
    with Store(store, create=False) as opened:
        stored = {os.fsencode(sample.name) for sample in opened.samples(opened.run().key)}
    assert stored == {b"class 1/" + name for name in names}


def test_weights_of_one_name_in_two_folders_are_different(laid_out, tmp_path):
    store = tmp_path / "runs.sqlite"
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        weights = tmp_path / folder / "best.pth"
        shutil.copyfile(laid_out / "weights.pth", weights)
        arguments = command(
            laid_out, store, "--methods", "agcam", "--metrics", "abpc", "--limit", "1"
        )
        arguments[arguments.index("--model") + 1] = str(weights)
        if folder == "second":
            state = torch.load(weights)
            state["head.bias"] += 1
            torch.save(state, weights)
        assert run(*arguments).exit_code == 0
    listed = run("runs", store).output.replace("\n", "").replace(" ", "")
    with Store(store) as opened:
        models = [found.model for found in opened.runs()]
    assert models == [f"{tmp_path}/{f}/best.pth (timm:test_vit)" for f in ("first", "second")]
    assert "first" in listed
    assert "second" in listed
    run("report", store, "--out", tmp_path / "out", "--no-pictures")
    assert Page(tmp_path / "out/report.html").document["title"].startswith(models[1])


def test_a_bad_line_is_one_failure_with_its_number_and_the_rest_is_judged(laid_out, tmp_path):
    bad, store = laid_out / "bad.csv", tmp_path / "runs.sqlite"
    bad.write_text((laid_out / "boxes.csv").read_text() + '03.png,"class 3,8,8,40,60\n')
    arguments = command(laid_out, store, "--methods", "agcam", "--metrics", "pointing_game")
    arguments[2] = str(bad)
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert "4 samples judged, 2 failures" in done.output
    with Store(store) as opened:
        failures = opened.failures(opened.run().key)
    assert [(failure.name, failure.metric) for failure in failures][1] == (
        "line 9 of bad.csv",
        "annotation",
    )
    assert "a quote is not closed" in failures[1].message
