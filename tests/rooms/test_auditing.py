"""An audit of a tiny model: what it writes, how it goes on, what it does with bad input."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
import timm
import torch
from PIL import Image, ImageDraw
from typer.testing import CliRunner

import agcam
from agcam.auditing.columns import masses
from agcam.auditing.interventions import Trial
from agcam.auditing.page import audit_page
from agcam.auditing.reasons import METHOD
from agcam.auditing.truth import coverage
from agcam.cli import app
from agcam.errors import DataSetError, ModelError, RunError
from agcam.values import Frame, Grid, Truth
from pages import Page
from processes import SOON

NAMES = ("ant", "bee", "cow")
EACH = 6


def lay_out(folder, classes=NAMES, each=EACH):
    """A folder of class folders with pictures of noise, one of them with a mark in a corner."""
    generator = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(each):
            low = generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)
            picture = Image.fromarray(low).resize((96, 72))
            if name == NAMES[0]:
                ImageDraw.Draw(picture).rectangle((4, 50, 20, 66), fill="yellow")
            picture.save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    module = timm.create_model("test_vit", num_classes=len(NAMES)).eval()
    return agcam.load(module, classes=NAMES)


@pytest.fixture(scope="module")
def done(folder, model, tmp_path_factory):
    return agcam.audit(folder, model, out=tmp_path_factory.mktemp("out"), batch_size=4)


def test_a_model_in_the_place_of_the_data_is_refused(model, folder, tmp_path):
    with pytest.raises(RunError, match=r"the model comes behind it: agcam\.audit"):
        agcam.audit(model, folder, out=tmp_path / "out")


def test_the_summary_counts_what_there_is(done):
    made = json.loads((done.out / "summary.json").read_text())
    assert made == done.summary
    assert made["pictures"] == EACH * len(NAMES)
    assert made["failures"] == 0
    assert {one["name"] for one in made["classes"]} <= set(NAMES)
    assert sum(one["pictures"] for one in made["classes"]) == made["pictures"]
    scores = [one["suspicious"] for one in made["classes"]]
    assert scores == sorted(scores, reverse=True)


def test_summaries_follow_the_documented_schema(done, folder, model, tmp_path):
    """With truth, interventions and another model too; a field that nobody documented fails."""
    schema = json.loads((Path(__file__).parents[2] / "docs/audit-summary.schema.json").read_text())
    jsonschema.validate(done.summary, schema)
    lines = [f"{path},{path.parent.name},8,8,40,60" for path in sorted(folder.glob("*/*.png"))]
    file = tmp_path / "boxes.csv"
    file.write_text("\n".join(["path,label,left,top,right,bottom", *lines]))
    torch.manual_seed(1)
    other = agcam.load(timm.create_model("test_vit", num_classes=len(NAMES)), classes=NAMES)
    made = agcam.audit(file, model, layout="csv", against=other, out=tmp_path, batch_size=4)
    reason = made.found.ranked[0]
    tests = {(reason.target, reason.number): (Trial(made.found, reason).erase(),)}
    for found in (made.found, replace(made.found, interventions=tests)):
        jsonschema.validate(replace(made, found=found).summary, schema)
    assert made.summary["truth"]["inside"]["of"] == EACH * len(NAMES)


def test_masses_of_signed_and_unsigned_maps():
    """A signed map has its mass on the evidence; one without a sign loses its least value."""
    maps = np.array(
        [[[-8.0, -8.0], [0.0, 4.0]], [[3.0, 3.0], [4.0, 6.0]], [[2.0, 2.0], [2.0, 2.0]]]
    )
    expected = [[[0, 0], [0, 1]], [[0, 0], [0.25, 0.75]], [[0, 0], [0, 0]]]
    np.testing.assert_allclose(masses(maps), expected)


def test_predictions_and_maps_are_those_of_explain(done, folder, model):
    pictures = done.found.pictures
    row = 7
    path = done.found.sample(row).address
    explained = agcam.explain(model, path, int(pictures.label[row]), METHOD)
    expected = explained.grid_map[0, 0].numpy().clip(min=0)  # the method's map is signed
    expected = expected / expected.sum()
    np.testing.assert_allclose(pictures.label_map[row], expected, atol=1e-5)
    best = agcam.explain(model, path).answers[0][0]
    assert best.index == pictures.predicted[row]
    assert best.probability == pytest.approx(pictures.probability[row, 0], abs=1e-5)


@pytest.mark.parametrize("row", [0, 7])
def test_patches_are_the_strongest_of_their_maps(done, folder, model, row):
    pictures, patches = done.found.pictures, done.found.patches
    path, target = done.found.sample(row).address, int(pictures.predicted[row])
    relevance = agcam.explain(model, path, target, METHOD).grid_map[0, 0].numpy().ravel()
    above = relevance.clip(min=0)
    of_predicted = (patches.picture == row) & (patches.target == target)
    found, places = patches.relevance[of_predicted], patches.place[of_predicted]
    np.testing.assert_allclose(found, np.sort(above / above.sum())[::-1][: len(found)], atol=1e-5)
    np.testing.assert_allclose(above[places] / above.sum(), found, atol=1e-5)


def test_the_page_shows_every_class_and_its_pictures(done):
    read = Page(done.page)
    audit = read.document["blocks"][0]
    assert {one["name"] for one in audit["classes"]} == {
        done.found.name(one) for one in done.found.classes
    }
    for one in audit["lists"]:
        assert all(0 <= item["card"] < len(read.cards) for item in one["items"])
    for address in read.addresses:
        with Image.open(done.out / address) as picture:
            picture.verify()


def test_a_reason_stands_beside_a_picture_of_each_other_class(done, tmp_path, monkeypatch):
    monkeypatch.setattr("agcam.auditing.findings.SUSPICIOUS", 0.0)
    read = Page(audit_page(done.found, tmp_path, "key"))
    reasons = read.document["blocks"][0]["reasons"].values()
    assert reasons
    for one in reasons:
        names = [other["name"] for other in one["others"]]
        assert sorted(names) == sorted({*NAMES} - {one["name"]})
        shown = [read.cards[other["card"]]["title"] for other in one["others"]]
        assert [title.split("/")[0] for title in shown] == names


def test_a_second_call_scans_nothing(done, folder, model, monkeypatch):
    monkeypatch.setattr("agcam.auditing.scan.Scanner.__call__", None)
    repeated = agcam.audit(folder, model, out=done.out, batch_size=4)
    assert repeated.summary == done.summary


def test_bad_pictures_and_unknown_classes_are_failures(folder, model, tmp_path):
    pictures = lay_out(tmp_path / "pictures", (*NAMES[:2], "zebra"), 3)
    (pictures / "ant" / "torn.png").write_bytes(b"no picture")
    (pictures / "ant" / "1.png").write_bytes((pictures / "ant" / "0.png").read_bytes()[:200])
    found = agcam.audit(pictures, model, out=tmp_path / "out").found
    assert len(found.pictures) == 5
    messages = {failure.name: failure.message for failure in found.failures}
    assert "does not know zebra" in messages["zebra/0.png"]
    assert set(messages) == {"ant/1.png", "ant/torn.png", *(f"zebra/{n}.png" for n in range(3))}


@pytest.mark.parametrize("inside", [".", "audited", "ant/../new/folder"])
def test_a_page_among_the_pictures_is_refused(inside, folder, model):
    """The next audit would read its pictures as data."""
    with pytest.raises(RunError, match="give a folder beside it"):
        agcam.audit(folder, model, out=folder / inside)
    assert {path.name for path in folder.iterdir()} == set(NAMES)


def test_one_picture_a_class_is_audited(model, tmp_path):
    pictures = lay_out(tmp_path / "pictures", each=1)
    made = agcam.audit(pictures, model, out=tmp_path / "out")
    assert made.summary["pictures"] == len(NAMES)


def test_pictures_without_classes_are_audited_by_prediction(model, tmp_path):
    pictures = lay_out(tmp_path / "pictures", each=2)
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, path in enumerate(sorted(pictures.glob("*/*.png"))):
        path.rename(flat / f"{number}.png")
    with pytest.raises(DataSetError, match="--layout unlabelled"):
        agcam.audit(flat, model, out=tmp_path / "out")
    made = agcam.audit(flat, model, layout="unlabelled", out=tmp_path / "out")
    assert made.summary["accuracy"] == {"mean": None, "low": None, "high": None, "of": 0}
    assert made.summary["mistakes"] == made.summary["label_suspects"] == []
    assert "no labels" in made.summary["doubts"][0]
    (unknown,) = made.fails({"accuracy": 0.5})
    assert "not known" in unknown
    read = Page(made.page)
    assert "none of the classes" not in read.text
    called = {card["caption"] for card in read.cards}
    assert called <= {f"predicted {name}" for name in NAMES}
    rows = (made.out / "pictures.csv").read_text().splitlines()[1:]
    assert all(row.split(",")[1] == "" for row in rows)
    with pytest.raises(RunError, match="no classes"):
        agcam.evaluate("unlabelled", flat, model=model, store=tmp_path / "numbers.sqlite")


def test_a_picture_of_several_classes_is_one_picture_and_its_boxes_are_those_of_its_label(
    folder, model, tmp_path
):
    """It is right if any of its classes is predicted."""
    sides = {"ant": (0, 0, 48, 72), "bee": (48, 0, 96, 72), "cow": (0, 0, 96, 36)}
    lines = [
        f"{path},{name},{','.join(map(str, sides[name]))}"
        for path in sorted(folder.glob("*/*.png"))
        for name in NAMES
    ]
    file = tmp_path / "several.csv"
    file.write_text("\n".join(["path,label,left,top,right,bottom", *lines]))
    made = agcam.audit(file, model, layout="csv", out=tmp_path / "out", batch_size=4)
    pictures = made.found.pictures
    assert len(pictures) == EACH * len(NAMES)
    assert pictures.right.all()
    for row in range(len(pictures)):
        box = Truth(np.array([sides[NAMES[pictures.label[row]]]]))
        expected = coverage(box, made.found.frame(row), made.found.grid)
        np.testing.assert_allclose(pictures.truth[row], expected)
    assert "no better" in made.summary["doubts"][0]  # every class is in every picture
    names = {card["title"] for card in Page(made.page).cards}
    assert not any("#" in name for name in names)


def test_what_an_audit_cannot_show_is_stated(model, tmp_path):
    """A model that knows nothing, one class, and pictures that cannot be read."""
    one = lay_out(tmp_path / "one", NAMES[:1], 3)
    (one / "ant" / "torn.png").write_bytes(b"no picture")
    doubts = " ".join(agcam.audit(one, model, out=tmp_path / "a").summary["doubts"])
    assert "All pictures are of one class, ant" in doubts
    assert "25 % of the pictures could not be audited" in doubts
    three = lay_out(tmp_path / "three", each=3)
    made = agcam.audit(three, model, out=tmp_path / "b")
    assert made.summary["accuracy"]["low"] < 1 / 3  # of an untrained model
    assert "no better" in made.summary["doubts"][0]
    read = Page(made.page)
    assert read.document["blocks"][0]["doubts"] == made.summary["doubts"]


def test_a_hierarchy_is_audited_on_patches_that_hold_its_tokens(tmp_path):
    torch.manual_seed(0)
    module = timm.models.SwinTransformer(
        img_size=64, patch_size=4, window_size=4, embed_dim=16, depths=(2, 2, 4),
        num_heads=(2, 2, 2), num_classes=len(NAMES),
    ).eval()  # fmt: skip
    classifier = agcam.load(module, classes=NAMES)
    made = agcam.audit(lay_out(tmp_path / "p", each=2), classifier, out=tmp_path / "out")
    assert made.summary["failures"] == 0
    assert made.found.pictures.predicted_map.shape[1:] == (16, 16)
    caught = []
    block = module.layers[2].blocks[0]  # of eight blocks the fifth, at half the depth
    handle = block.attn.qkv.register_forward_hook(lambda *given: caught.append(given[-1]))
    pixels = made.found.setup.open(made.found.sample(0))[0]
    with torch.no_grad():
        module(pixels[None])
    handle.remove()
    value = caught[0].reshape(4, 4, 3, -1)[:, :, 2]  # one window of 4 x 4 tokens: no shift
    found, mine = made.found.patches, made.found.patches.picture == 0
    y, x = np.divmod(found.place[mine], 16)
    np.testing.assert_allclose(found.features[mine], value[y // 4, x // 4], atol=2e-3)


def one_logit(classes, bias=0.0):
    torch.manual_seed(0)
    module = timm.create_model("test_vit", num_classes=1).eval()
    torch.nn.init.normal_(module.head.weight)
    torch.nn.init.constant_(module.head.bias, bias)
    return agcam.load(module, classes=classes)


@pytest.mark.parametrize("classes", [NAMES[:2], NAMES])
def test_one_logit_is_one_class_against_all_others(classes, tmp_path):
    """Pictures of its class and of others are right by the side of 0 that the logit lies on."""
    pictures = lay_out(tmp_path / "pictures", classes, 3)
    classifier = one_logit(["bee"])
    other = "ant" if len(classes) == 2 else "not bee"
    made = agcam.audit(pictures, classifier, out=tmp_path / "out", tests=1)
    found, summary = made.found, made.summary
    assert summary["failures"] == 0
    assert summary["pictures"] == 3 * len(classes)
    assert {one["name"] for one in summary["classes"]} <= {"bee", other}
    for row in range(len(found.pictures)):
        pixels = found.setup.open(found.sample(row))[0][None]
        with torch.no_grad():
            probability = classifier.module(pixels).sigmoid().item()
        name = found.sample(row).name.split("/")[0]
        predicted = "bee" if probability > 0.5 else other
        assert found.name(int(found.pictures.predicted[row])) == predicted
        assert found.name(int(found.pictures.label[row])) == ("bee" if name == "bee" else other)
        of_label = probability if name == "bee" else 1 - probability
        assert found.pictures.probability[row, 1] == pytest.approx(of_label, abs=1e-5)


@pytest.mark.parametrize(
    ("classes", "message"), [(["dog"], "one logit, of dog"), (None, "name that class")]
)
def test_one_logit_of_no_class_of_the_data_is_refused(classes, message, tmp_path):
    pictures = lay_out(tmp_path / "pictures", NAMES[:2], 1)
    with pytest.raises(RunError, match=message):
        agcam.audit(pictures, one_logit(classes), out=tmp_path / "out")


def test_no_class_of_the_model_is_refused(model, tmp_path):
    pictures = lay_out(tmp_path / "pictures", ("x", "y"), 1)
    with pytest.raises(RunError, match="none of the data set's 2 classes"):
        agcam.audit(pictures, model, out=tmp_path / "out")


def test_a_damaged_shard_is_removed_and_scanned_again(folder, model, tmp_path):
    first = agcam.audit(folder, model, out=tmp_path, batch_size=4).summary
    shard = next((tmp_path / "scans").glob("*/0000/0000001-*.npz"))
    shard.write_bytes(shard.read_bytes()[:100])
    next((tmp_path / "scans").glob("*/columns/complete.json")).unlink()
    with pytest.raises(RunError, match="run the same command"):
        agcam.audit(folder, model, out=tmp_path, batch_size=4)
    assert agcam.audit(folder, model, out=tmp_path, batch_size=4).summary == first


def test_what_changed_in_the_folder_is_scanned_again(model, tmp_path, monkeypatch):
    """Pictures of the same names with other contents, a repaired one, and other boxes."""
    pictures, changed = lay_out(tmp_path / "p"), lay_out(tmp_path / "other", NAMES[::-1])
    file, out = tmp_path / "boxes.csv", {"out": tmp_path / "out", "batch_size": 1, "tests": 0}
    every = sorted(pictures.glob("*/*.png"))

    def audited(right, **where):
        lines = [f"{path},{path.parent.name},8,8,{right},60" for path in every]
        file.write_text("\n".join(["path,label,left,top,right,bottom", *lines]))
        return agcam.audit(file, model, layout="csv", **{**out, **where}).found

    every[0].write_bytes(b"torn")
    assert len({one.name for one in audited(40).failures}) == 1
    shards = {path: path.stat().st_mtime_ns for path in out["out"].glob("scans/*/*/*.npz")}
    for path in every[:3]:
        path.write_bytes((changed / path.parent.name / path.name).read_bytes())
    found, fresh = audited(40), audited(40, out=tmp_path / "fresh")
    assert found.failures == ()
    np.testing.assert_array_equal(found.pictures.label_map, fresh.pictures.label_map)
    now = {path: path.stat().st_mtime_ns for path in out["out"].glob("scans/*/*/*.npz")}
    assert len(now) == len(shards) == len(every)
    assert len(now.items() & shards.items()) == len(every) - 3
    assert (audited(60).pictures.truth.sum((1, 2)) > found.pictures.truth.sum((1, 2))).all()
    pictures.rename(tmp_path / "not mounted")
    with pytest.raises(RunError, match="no picture could be scanned"):
        audited(60)
    (tmp_path / "not mounted").rename(pictures)
    monkeypatch.setattr("agcam.auditing.scan.Scanner.__call__", None)
    assert len(audited(60).pictures) == len(every)


def test_the_same_model_again_changes_nothing(folder, model, tmp_path):
    made = agcam.audit(folder, model, against=model, out=tmp_path, batch_size=4)
    against = made.summary["against"]
    assert all(one["difference"]["mean"] == 0 for one in against["classes"])
    assert all(one["lost"] == one["gained"] == [] for one in against["classes"])
    assert max(one["distance"] for one in against["moved"]) == pytest.approx(0, abs=1e-6)


def test_another_checkpoint_is_compared_class_by_class(folder, model, tmp_path):
    torch.manual_seed(1)
    other = timm.create_model("test_vit", num_classes=len(NAMES)).eval()
    other = agcam.load(other, classes=NAMES)
    made = agcam.audit(folder, model, against=other, out=tmp_path, batch_size=4)
    against = made.summary["against"]
    assert [one["name"] for one in against["classes"]]
    assert len(against["moved"]) > 0
    for one in against["classes"]:
        first, second = (each["mean"] for each in one["accuracy"])
        assert one["difference"]["mean"] == pytest.approx(second - first, abs=1e-3)
    read = Page(made.page)
    moved = next(one for one in read.document["blocks"][0]["lists"] if "moved" in one["title"])
    maps = [read.cards[item["card"]]["maps"] for item in moved["items"]]
    assert all(len(some) == 2 for some in maps)


def test_a_class_that_one_model_does_not_know_is_not_compared_and_named(folder, model, tmp_path):
    torch.manual_seed(1)
    other = timm.create_model("test_vit", num_classes=2).eval()
    other = agcam.load(other, classes=(NAMES[2], "dog"))
    made = agcam.audit(folder, model, against=other, out=tmp_path, batch_size=4, tests=0)
    assert [one["name"] for one in made.summary["against"]["classes"]] == [NAMES[2]]
    assert f"does not know them: {NAMES[0]}, {NAMES[1]}." in Page(made.page).text


def test_limits(done):
    assert done.fails({"suspicious": 1, "accuracy": 0, "failures": 1}) == []
    assert len(done.fails({"suspicious": 0, "accuracy": 1, "failures": 0})) == 3
    with pytest.raises(RunError, match="a limit is"):
        done.fails({"purple": 1})


@pytest.mark.parametrize("name", ["suspicious", "accuracy", "failures"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 80])
def test_a_limit_that_nothing_can_reach_is_refused(name, value, done, folder):
    """Or a script would believe that it was kept: 80 for 80 %, and what is no number."""
    if (name, value) == ("failures", 80):
        return
    with pytest.raises(RunError, match=f"the limit of {name} is a "):
        done.fails({name: value})
    given = ["audit", str(folder), "--fail-on", f"{name}={value}", "--model", "no model"]
    assert CliRunner().invoke(app, given).exit_code == 1  # before a model is looked for


@pytest.mark.parametrize("bad", [0.0, 0.3, 1.0])
def test_changed_pictures_without_numbers_are_left_out_of_a_test(bad, done):
    """A model may give NaN for what an intervention shows it: the rest of the test goes on."""
    reason = max((one for some in done.found.reasons.values() for one in some), key=len_of)
    trial, whole = Trial(done.found, reason), Trial(done.found, reason).erase()
    drawn, prober = np.random.default_rng(0), trial.prober

    def forward(pixels):
        if len(pixels) > 1:  # together they fail if any does
            raise ModelError("NaN")
        if drawn.random() < bad:
            raise ModelError("NaN")
        return prober.forward(pixels)

    trial.prober = SimpleNamespace(batch_size=prober.batch_size, forward=forward)
    found = trial.erase()
    if bad == 1:
        assert found is None
    elif bad == 0:
        assert (found.after.called, found.random.called) == (
            whole.after.called,
            whole.random.called,
        )
        assert found.after.probability.mean == pytest.approx(whole.after.probability.mean, abs=1e-5)
    else:
        assert 0 < found.after.share.number == found.random.share.number < whole.after.share.number


def len_of(reason):
    return len(reason.patches)


@pytest.mark.parametrize(("limit", "status"), [("accuracy=0.9", 3), ("accuracy=0", 0)])
def test_a_limit_that_is_not_kept_has_its_own_status(limit, status, folder, monkeypatch):
    """Neither that of an error nor that of a wrong command."""
    audit = SimpleNamespace(fails=lambda limits: ["too low"] if limits["accuracy"] else [])
    monkeypatch.setattr("agcam.auditing.audit", lambda *given, **named: audit)
    monkeypatch.setattr(import_module("agcam.cli.audit"), "_report", lambda made: None)
    given = ["audit", str(folder), "--fail-on", limit, "--out", str(folder)]
    assert CliRunner().invoke(app, given).exit_code == status


def test_coverage_is_exact_for_boxes_on_patch_borders():
    frame = Frame(80, 60, (10.0, 0.0, 70.0, 60.0))
    truth = Truth(np.array([[10, 0, 40, 30], [25, 0, 40, 60]]))
    found = coverage(truth, frame, Grid(2, 4, 0))
    np.testing.assert_allclose(found, [[1, 1, 0, 0], [0, 1, 0, 0]])
    mask = np.zeros((60, 80), int)
    mask[:30, 10:40] = 1
    np.testing.assert_allclose(
        coverage(Truth(np.zeros((0, 4)), mask), frame, Grid(2, 4, 0)), [[1, 1, 0, 0], [0, 0, 0, 0]]
    )
    assert np.isnan(coverage(Truth(np.zeros((0, 4))), frame, Grid(2, 2, 0))).all()


def test_a_second_audit_into_a_folder_waits_or_goes_elsewhere(folder, model, tmp_path):
    """Whatever the second is of: both would write one page."""

    def on_plan(*_):
        with pytest.raises(RunError, match="give another folder"):
            agcam.audit(folder, model, limit=3, out=tmp_path, tests=0)

    assert agcam.audit(folder, model, out=tmp_path, on_plan=on_plan, tests=0).page.exists()
    assert agcam.audit(folder, model, limit=3, out=tmp_path, tests=0).page.exists()


def test_the_command_is_killed_and_goes_on(folder, tmp_path):
    """By SIGKILL, in a process of its own; what was scanned is not scanned again."""
    torch.manual_seed(0)
    module = timm.create_model("test_vit", num_classes=len(NAMES))
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    command = [sys.executable, "-m", "agcam", "audit", str(folder), "--model", "weights.pth"]
    command += ["--arch", "timm:test_vit", "--classes", "names.txt", "--batch-size", "1"]
    command += ["--workers", "1", "--out"]
    running = subprocess.Popen([*command, "killed"], cwd=tmp_path, stdout=subprocess.DEVNULL)

    def shards():
        return list((tmp_path / "killed").glob("scans/*/*/*.npz"))

    until = time.monotonic() + 10 * SOON
    while len(shards()) < 3 and running.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = {path: path.stat().st_mtime_ns for path in shards()}
    assert kept
    subprocess.run([*command, "killed"], cwd=tmp_path, check=True, capture_output=True)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    subprocess.run([*command, "whole"], cwd=tmp_path, check=True, capture_output=True)
    summaries = [(tmp_path / name / "summary.json").read_text() for name in ("killed", "whole")]
    assert summaries[0] == summaries[1]


class Board:
    """What TensorBoard's writer is called with."""

    def __init__(self):
        self.scalars, self.pictures = {}, []

    def add_scalar(self, name, value, step):
        self.scalars[name, step] = value

    def add_image(self, name, picture, step, dataformats):
        self.pictures.append((name, step, picture.shape, dataformats))


def test_lightning_audits_after_each_epoch(folder, model, tmp_path):
    from agcam.auditing.lightning import AuditCallback

    board, module = Board(), model.module.train()
    trainer = SimpleNamespace(
        is_global_zero=True, current_epoch=1, global_step=7,
        loggers=[SimpleNamespace(experiment=board), SimpleNamespace(experiment=None)],
    )  # fmt: skip
    callback = AuditCallback(folder, tmp_path, classes=NAMES, limit=9, every=2)
    callback.on_train_epoch_end(trainer, module)
    assert module.training
    assert {name for name, _ in board.scalars} == {"audit/accuracy", "audit/suspicious"}
    assert [one[0] for one in board.pictures] == ["audit/reasons"]
    assert (tmp_path / "epoch-0001" / "audit.html").exists()
    trainer.current_epoch = 2
    callback.on_train_epoch_end(trainer, module)
    assert len(board.pictures) == 1


class Logged:
    """A run of W&B, which has steps of its own."""

    def __init__(self):
        self.rows = []

    def log(self, row):
        self.rows.append(row)


def test_hugging_face_logs_numbers_and_training_goes_on(
    folder, model, tmp_path, caplog, monkeypatch
):
    from agcam.auditing.hugging_face import AuditCallback

    state = SimpleNamespace(is_world_process_zero=True, epoch=1.0, global_step=3, log_history=[])
    args = SimpleNamespace(report_to=["wandb"], output_dir=str(tmp_path))
    run = type("Run", (Logged,), {"__module__": "wandb.run"})()
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=run, Image=lambda sheet: sheet))
    good = AuditCallback(folder, tmp_path, classes=NAMES, limit=9)
    good.on_epoch_end(args, state, None, model=model.module)
    assert state.log_history[0]["audit/accuracy"] >= 0
    (logged,) = run.rows
    assert logged["train/global_step"] == 3
    assert logged["audit/reasons"].size[0] > 0
    bad = AuditCallback(tmp_path / "nowhere", tmp_path, classes=NAMES)
    bad.on_epoch_end(args, state, None, model=model.module)
    assert len(state.log_history) == 1
    assert "no audit of epoch 0" in caplog.text
    good.on_train_end(args, state, None)
