"""The command line: what it writes and prints, where, and with which exit status."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

import agcam
from agcam import METHODS
from agcam.cli import app
from agcam.families import FAMILIES
from pages import Page

sys.path.insert(0, str(Path(__file__).parent.parent / "rooms"))
from small_runs import lay_out

HEAVY = {"torch", "timm", "numpy", "PIL", "matplotlib", "transformers", "torchvision", "open_clip"}
ENVIRONMENT = {**os.environ, "COLUMNS": "160", "OMP_NUM_THREADS": "1"}


def picture(seed, size=(50, 70)):
    noise = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to stand in: three pictures (one in a folder of its own) and weights of a model."""
    monkeypatch.chdir(tmp_path)
    Path("album").mkdir()
    picture(0).save("cat.png")
    picture(1, (70, 50)).save("dog 2.jpg")
    picture(2).save("album/cat.png")
    torch.manual_seed(0)
    weights = timm.create_model("test_vit", num_classes=4).state_dict()
    save_file(weights, "weights.safetensors")
    Path("names.txt").write_text("tabby, tabby cat\ntiger cat\n\n  dalmatian \n9\n", "utf-8")
    return tmp_path


MODEL = ("--model", "weights.safetensors", "--arch", "timm:test_vit")


def explain(*arguments, model=MODEL):
    """The command in this process; (exit status, stdout, stderr)."""
    runner = CliRunner(env={"COLUMNS": "160"})
    result = runner.invoke(app, ["explain", *arguments, *model], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def agcam_process(*arguments, flags=()):
    """The command as a user has it: another process."""
    return subprocess.run(
        [sys.executable, *flags, "-m", "agcam", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=ENVIRONMENT,
        check=False,
    )


def refused(*arguments, model=MODEL):
    status, _, errors = explain(*arguments, model=model)
    assert status == 1
    assert errors.startswith("agcam: ")
    assert errors.count("\n") == 1
    return errors


def manifest(stem, folder="explained"):
    return json.loads(Path(folder, f"{stem}.json").read_text(encoding="utf-8"))


def place_of(card, index):
    """Where a class stands among a card's targets."""
    return [target.get("index") for target in card["targets"]].index(index)


# The way a user goes


def test_pictures_a_folder_and_a_glob_in_a_process_of_its_own(place):
    done = agcam_process("explain", "cat.png", "album", "dog*.jpg", *MODEL, "--out", "new/out")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "3 explained, 0 failed" in done.stdout
    out = Path("new", "out")
    assert str(out / "index.html") in done.stdout
    for name in ("cat.png", "dog 2.jpg"):
        assert name in done.stdout  # the table
    stems = {"cat": "cat.png", "cat-2": "album/cat.png", "dog-2": "dog 2.jpg"}
    assert {path.stem for path in out.glob("*.json")} == set(stems)
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    for stem, source in stems.items():
        entry = manifest(stem, out)
        assert Path(entry["source"]) == Path(source)
        assert entry["model"] == "weights.safetensors (timm:test_vit)"
        values = np.load(out / entry["map_file"])
        assert values.shape == (1, *entry["size"][::-1])
        for file in entry["targets"][0]["files"].values():
            with Image.open(out / file) as image:
                assert list(image.size) == entry["size"]
    page = Page(out / "index.html")
    for source in stems.values():
        assert str(Path(source)) in page.text
    assert len(page.addresses) == 3
    assert [shown["method"] for shown in page.maps] == ["agcam", "agcam_spread"] * 3
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert not {"img", "iframe", "object"} & set(page.tags)
    assert page.links == ["data:,"]  # an icon, so that none is requested
    rest = page.source.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "http" not in rest


def test_refined_maps(place):
    status, _, errors = explain("cat.png", "--refine")
    assert (status, errors) == (0, "")
    assert manifest("cat")["refine"]["filter"] == "guided filter"
    expected = agcam.explain(
        agcam.load("weights.safetensors", arch="timm:test_vit"), "cat.png", refine=True
    )
    assert np.array_equal(np.load("explained/cat.npy"), expected.pixel_map[0], equal_nan=True)
    assert "guided filter" in Page(Path("explained/index.html")).source


def test_several_views(place):
    status, _, errors = explain("cat.png", "--views", "2")
    assert (status, errors) == (0, "")
    assert manifest("cat")["views"]["count"] == 2
    expected = agcam.explain(
        agcam.load("weights.safetensors", arch="timm:test_vit"), "cat.png", views=2
    )
    assert np.array_equal(np.load("explained/cat.npy"), expected.pixel_map[0], equal_nan=True)
    assert "mean of 2 views" in Page(Path("explained/index.html")).source
    assert "views is 1, 2, 4, 5, 8 or 9, not 3" in refused("cat.png", "--views", "3")


def test_a_bad_picture_among_good_ones(place):
    Path("bad.jpg").write_text("not a picture")
    Path("cut.png").write_bytes(Path("cat.png").read_bytes()[:900])
    status, out, errors = explain("cat.png", "bad.jpg", "no.png", "cut.png", "dog 2.jpg")
    assert status == 1
    lines = errors.splitlines()
    assert len(lines) == 3
    for line, name in zip(lines, ["bad.jpg", "no.png", "cut.png"], strict=True):
        assert line.startswith(f"agcam: {name} ")
    assert "2 explained, 3 failed" in out
    out = Path("explained")
    assert {path.stem for path in out.glob("*.json")} == {"cat", "dog-2"}
    page = Page(out / "index.html")
    for name in ("cat.png", "bad.jpg", "no.png", "cut.png", "dog 2.jpg"):
        assert name in page.text
    assert "no.png does not exist" in page.text


def test_pictures_that_are_not_there_cost_nothing_and_leave_the_page_as_it_was(place):
    assert explain("cat.png")[0] == 0
    before = Path("explained/index.html").read_bytes()
    errors = refused("no.png", "nor this.png")
    assert "no.png does not exist; nor this.png does not exist" in errors
    assert Path("explained/index.html").read_bytes() == before


def test_a_good_picture_s_map_does_not_depend_on_bad_ones_beside_it(place):
    Path("bad.jpg").write_text("not a picture")
    single, *_ = explain("dog 2.jpg", "--target", "1", "--out", "alone")
    mixed, *_ = explain("bad.jpg", "dog 2.jpg", "--target", "1", "--out", "mixed")
    assert (single, mixed) == (0, 1)
    assert Path("alone/dog-2.npy").read_bytes() == Path("mixed/dog-2.npy").read_bytes()


def test_only_bad_pictures(place):
    Path("bad.jpg").write_text("not a picture")
    Path("empty.png").write_bytes(b"")
    status, out, errors = explain("bad.jpg", "empty.png")
    assert status == 1
    assert [line.split()[1] for line in errors.splitlines()] == ["bad.jpg", "empty.png"]
    assert "0 explained, 2 failed" in out
    assert [path.name for path in Path("explained").iterdir()] == ["index.html"]
    assert "empty.png is empty" in Page("explained/index.html").text


def test_notes_on_single_pictures_go_before_those_on_all(place):
    """One of each picture's maps may follow; the last picture's own is still on the terminal."""
    picture(0).save("z.gif", save_all=True, append_images=[picture(1)])
    for number in range(10):
        picture(number).save(f"album/{number}.png")
    _, out, _ = explain("album", "z.gif")
    notes = [line for line in out.splitlines() if line.startswith("note: ")]
    assert "z.gif is an animation; its first frame is explained" in "".join(notes)
    doubts = [
        "agree little" in note for note in notes[: -1 if "more, which" in notes[-1] else None]
    ]
    assert doubts == sorted(doubts)


def test_more_pictures_than_one_pass(place):
    status, out, _ = explain("cat.png", "dog 2.jpg", "album", "--batch-size", "2", "--target", "1")
    assert status == 0
    assert "3 explained" in out
    batched = {path.name: np.load(path) for path in Path("explained").glob("*.npy")}
    explain("cat.png", "dog 2.jpg", "album", "--target", "1", "--out", "whole")
    assert len(batched) == 3
    for name, values in batched.items():
        assert np.nanmax(np.abs(np.load(Path("whole", name)) - values)) < 1e-5


# Targets


def test_several_targets(place):
    status, out, _ = explain("cat.png", "dog 2.jpg", "--target", "3", "--target", "0")
    assert status == 0
    assert re.search(r"(?s)class 3 \d+\.\d %.*class 0 \d+\.\d %", out)
    for stem in ("cat", "dog-2"):
        entries = manifest(stem)["targets"]
        assert [entry["class"] for entry in entries] == [3, 0]
        assert np.load(f"explained/{stem}.npy").shape[0] == 2
        assert all(
            Path("explained", file).is_file() for e in entries for file in e["files"].values()
        )
    page = Page("explained/index.html")
    assert [[each["target"] for each in card["maps"]] for card in page.cards] == [
        2 * [place_of(card, 3), place_of(card, 0)] for card in page.cards
    ]


def test_several_methods_and_blocks(place):
    names = ("--method", "agcam,rollout,agcam_spread", "--target", "3", "--blocks")
    assert explain("cat.png", *names)[0] == 0
    (card,) = Page("explained/index.html").cards
    assert [(one["method"], one["target"]) for one in card["parts"]] == [
        ("agcam", place_of(card, 3))
    ]
    shown = [method["name"] for method in card["methods"]]
    assert shown == [each["method"] for each in card["maps"]] == names[1].split(",")
    for folder in ("explained/rollout", "explained/agcam_spread", "explained"):
        (written,) = Path(folder).glob("*.json")
        entry = json.loads(written.read_text())
        assert entry["method"] == (Path(folder).name if "/" in folder else "agcam")
        for file in entry["targets"][0]["files"].values():
            assert Path(folder, file).is_file()
    repeated = explain("cat.png", *names, "--resume")
    assert "(1 of them before)" in repeated[1]
    next(Path("explained/rollout").glob("*.png")).unlink()
    assert "of them before" not in explain("cat.png", *names, "--resume")[1]


def test_top(place):
    assert explain("cat.png", "--top", "3")[0] == 0
    entries = manifest("cat")["targets"]
    probabilities = [entry["probability"] for entry in entries]
    assert len(entries) == 3
    assert probabilities == sorted(probabilities, reverse=True)
    assert entries[0]["class"] == manifest("cat")["prediction"]["class"]


def test_no_target_is_the_prediction(place):
    assert explain("cat.png")[0] == 0
    (entry,) = manifest("cat")["targets"]
    assert entry["class"] == manifest("cat")["prediction"]["class"]


def test_class_names(place):
    arguments = ("cat.png", "--classes", "names.txt")
    status, out, _ = explain(*arguments, "--target", "Tabby", "--target", "dalmatian")
    assert status == 0
    assert re.search(r"(?s)tabby \d+\.\d %.*dalmatian \d+\.\d %", out)
    assert [entry["class"] for entry in manifest("cat")["targets"]] == [0, 2]
    assert Path("explained/cat.2-dalmatian.overlay.png").is_file()
    assert explain(*arguments, "--target", "9", "--out", "digits")[0] == 0
    (entry,) = manifest("cat", "digits")["targets"]
    assert (entry["class"], entry["name"]) == (3, "9")  # a name of digits is a name


def test_against_another_class_and_the_other_side(place):
    arguments = ("cat.png", "--classes", "names.txt", "--target", "tabby")
    status, out, _ = explain(*arguments, "--against", "dalmatian")
    assert status == 0
    (entry,) = manifest("cat")["targets"]
    assert (entry["class"], entry["name"]) == (None, "tabby against dalmatian")
    assert entry["caption"].startswith("what speaks for tabby against dalmatian (value ")
    assert "tabby against dalmatian value" in out
    assert Path("explained/cat.tabby-against-dalmatian.overlay.png").is_file()
    assert explain(*arguments, "--target", "not tabby", "--out", "sides")[0] == 0
    tabby, other = manifest("cat", "sides")["targets"]
    assert tabby["probability"] + other["probability"] == pytest.approx(1)
    assert "against itself" in refused(*arguments, "--against", "tabby")
    assert "has no class 'dalmatien'" in refused(*arguments, "--against", "dalmatien")
    assert "--against is for a --target" in refused("cat.png", "--against", "1")


def test_scores(place):
    status, out, _ = explain("cat.png", "--target", "1", "--scores", "sigmoid")
    assert status == 0
    assert "each class has a probability of its own" in out
    top = manifest("cat")["top"]
    assert [entry["probability"] for entry in top] == pytest.approx(
        [1 / (1 + np.exp(-entry["logit"])) for entry in top]
    )
    status, out, _ = explain("cat.png", "--target", "1", "--scores", "none")
    assert status == 0
    assert "class 1 logit " in out
    page = Page("explained/index.html")
    assert "numbers, not probabilities" in page.text
    assert all("probability" not in target for target in page.cards[0]["targets"])
    assert not re.search(r"\d %", page.text)


def test_a_method_that_knows_no_classes_shows_one_map(place):
    status, out, _ = explain("cat.png", "--method", "rollout", "--top", "2")
    assert status == 0
    assert "rollout does not know classes" in out
    page = Page("explained/index.html")
    (only,) = page.maps
    assert "target" not in only
    assert "rollout does not know classes" in page.text
    names = [path.name for path in Path("explained").glob("*.png")]
    assert sorted(names) == ["cat.rollout.map.png", "cat.rollout.overlay.png"]


def test_method_alpha_and_colormap(place):
    assert explain("cat.png", "--target", "1", "--out", "plain")[0] == 0
    options = ("--method", "rollout", "--alpha", "0", "--colormap", "viridis")
    assert explain("cat.png", "--target", "1", *options)[0] == 0
    assert manifest("cat")["method"] == "rollout"
    with Image.open("explained/cat.rollout.overlay.png") as overlay:
        seen = np.load("explained/cat.npy")[0]
        same = np.asarray(overlay) == np.asarray(Image.open("cat.png"))
        assert same[~np.isnan(seen)].all()  # no weight of the map: the picture itself
    with Image.open("explained/cat.rollout.map.png") as ours:
        colours = {tuple(colour) for colour in np.asarray(ours).reshape(-1, 3)}
    with Image.open("plain/cat.1-class-1.map.png") as turbo:
        assert not {(68, 1, 84)} & {tuple(c) for c in np.asarray(turbo).reshape(-1, 3)}
    assert (68, 1, 84) in colours  # viridis begins there


def test_options_of_a_method(place):
    options = ("--option", "masks=40", "--option", "probability=0.3")
    assert explain("cat.png", "--target", "1", "--method", "rise", *options)[0] == 0
    assert manifest("cat")["options"] == {"masks": 40, "probability": 0.3}
    status, out = listed("methods")
    assert status == 0
    assert "option masks=1000: random masks; a whole number from " in out


def test_a_torch_file(place):
    torch.save({"state_dict": timm.create_model("test_vit", num_classes=3).state_dict()}, "w.pth")
    assert explain("cat.png", model=("--model", "w.pth", "--arch", "timm:test_vit"))[0] == 0
    assert manifest("cat")["model"] == "w.pth (timm:test_vit)"


def test_names_are_escaped_on_the_page(place):
    if os.name == "nt":
        pytest.skip("such names cannot be")
    picture(3).save("<b>&amp;'.png")
    Path("names.txt").write_text('<script>alert("a")</script>\nb\nc\nd\n')
    status, *_ = explain("<b>&amp;'.png", "--classes", "names.txt", "--target", "0")
    assert status == 0
    page = Page("explained/index.html")
    assert "b" not in page.tags
    assert len(page.programs) == 1  # the viewer's own
    assert "<b>&amp;'.png" in page.text
    assert '<script>alert("a")</script>' in page.text


# What is refused


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--target", "1", "--top", "2"), "give --target or --top, not both"),
        (("--top", "5"), "top 5 of 4 classes: give a number from 1 to 4"),
        (("--target", "4"), "class 4 is out of range: this model knows 0 to 3"),
        (("--target", "cat"), "class names are not known; give a number"),
        (("--target", "²"), "class names are not known; give a number"),
        (("--target", "-1"), "class -1 is out of range"),
        (("--classes", "names.txt", "--target", "dalmatain"), "did you mean dalmatian?"),
        (("--method", "agcan"), "no method is called 'agcan'; did you mean agcam?"),
        (("--method", "xyzzy"), "known: agcam, agcam_spread, agcam_focus, "),
        (("--method", "rise", "--option", "masks"), "--option takes NAME=VALUE, as in masks=4000"),
        (("--method", "rise", "--option", "masks=0"), "masks=0 is not a whole number from"),
        (("--method", "rise", "--option", "masks=4.5"), "masks=4.5 is not a whole number"),
        (("--method", "rise", "--option", "mask=4"), "rise has no option 'mask'; its options are"),
        (("--option", "masks=4", "--model", "none"), "agcam has no option 'masks'; it has none"),
        (("--method", "lrp", "--option", "rules=x"), "rules are functions, which only Python"),
        (("--colormap", "turbos"), "did you mean turbo"),
        (("--classes", "no.txt"), "cannot read class names from no.txt"),
        (("--classes", "cat.png"), "from cat.png: it is not text in UTF-8"),
        (("--out", "cat.png"), "cannot make the folder cat.png"),
        (("--out", "cat.png/x"), "cannot make the folder"),
        (("--device", "abacus"), "cannot use device 'abacus'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_wishes_are_reported_in_one_line(place, arguments, hint):
    assert hint in refused("cat.png", *arguments)
    assert not list(Path().glob("explained/*"))


def test_a_wrong_number_of_class_names(place):
    Path("names.txt").write_text("a\nb\n")
    errors = refused("cat.png", "--classes", "names.txt")
    assert "has 4 classes, but 2 class names were given" in errors


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        (("--model", "timm:test_vitt"), "timm has no model 'test_vitt'; did you mean test_vit"),
        (("--model", "tim:test_vit"), "no family is called 'tim'; did you mean timm?"),
        (("--model", "none.pth"), "no model is called 'none.pth'; a model is timm:NAME"),
        (("--model", "weights.safetensors"), "is a file: name what it is for, --arch"),
        (("--model", "none.pth", "--arch", "timm:test_vit"), "there is no such file"),
        ((*MODEL[:3], "timm:test_vitt"), "did you mean test_vit"),
        ((*MODEL[:3], "timm:test_vit3"), "does not fit timm:test_vit3"),
        (("--model", "cat.png", "--arch", "timm:test_vit"), "Save the state_dict"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_models_are_reported_in_one_line(place, model, hint):
    assert hint in refused("cat.png", model=model)
    assert not list(Path().glob("explained/*"))


def test_a_convolutional_model_is_refused_in_one_sentence(place):
    save_file(timm.create_model("test_resnet").state_dict(), "conv.safetensors")
    errors = refused("cat.png", model=("--model", "conv.safetensors", "--arch", "timm:test_resnet"))
    assert "there is nothing to trace" in errors


def test_a_model_that_gives_nan(place):
    weights = timm.create_model("test_vit", num_classes=4).state_dict()
    save_file({k: v * float("nan") for k, v in weights.items()}, "weights.safetensors")
    assert "gave NaN or infinite logits for this input, because its weights" in refused("cat.png")


@pytest.mark.parametrize("given", ["empty", "no*.png"])
def test_nothing_found(place, given):
    Path("empty").mkdir()
    errors = refused(given)
    assert re.search(r"no picture (was found in the folder empty|matches no\*\.png)", errors)
    assert not Path("explained").exists()


def test_a_pickle_that_would_run_code(place):
    class Trap:
        def __reduce__(self):
            return os.mkdir, ("ran",)

    torch.save({"state_dict": Trap()}, "trap.pth")
    assert "run code" in refused("cat.png", model=("--model", "trap.pth", *MODEL[2:]))
    assert not Path("ran").exists()


@pytest.mark.parametrize("after", [0, 3, 6, 9])
def test_a_full_disk(place, monkeypatch, after):
    real, count = Path.replace, iter(range(100))

    def fails(self, target):
        if next(count) >= after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    errors = refused("cat.png", "dog 2.jpg", "--batch-size", "1")
    assert "the disk is full; with --resume the run continues" in errors
    left = {path for path in Path("explained").rglob("*") if path.is_file()}
    whole = after // 6  # pictures: thumbnail and its card, overlay, map, array, manifest
    assert len(left) == 6 * whole + bool(whole)  # and the page
    assert not [path for path in left if path.suffix == ".part"]


@pytest.mark.parametrize("arguments", [["explain"], ["list", "model"], ["explian", "x"], ["--no"]])
def test_wrong_usage_is_status_2(arguments):
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_top_and_alpha_have_bounds(place):
    for arguments in (("--top", "0"), ("--alpha", "1.5"), ("--batch-size", "0")):
        assert explain("cat.png", *arguments)[0] == 2


# What there is


def listed(*arguments):
    result = CliRunner(env={"COLUMNS": "500"}).invoke(app, ["list", *arguments])
    return result.exit_code, result.output


def test_list_methods_names_every_row():
    status, out = listed("methods")
    assert status == 0
    lines = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]
    for row in METHODS.values():
        kind = "class-specific" if row.class_specific else "class-agnostic"
        first = lines.index([row.name, kind, str(row.needs)])
        assert lines[first + 1 : first + 4] == [
            [f"explains {row.explains}"],
            [row.passes],
            [row.cite],
        ]
        for option in row.options:
            assert f"option {option.name}" in out


@pytest.mark.parametrize("width", [80, 120])
def test_list_methods_fits_the_terminal(width):
    result = CliRunner(env={"COLUMNS": str(width)}).invoke(app, ["list", "methods"])
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert sum(not line.startswith(" ") for line in lines) == len(METHODS)


def test_list_models():
    status, out = listed("models")
    assert status == 0
    lines = out.splitlines()
    for name in ("timm:vit_base_patch16_224", "torchvision:vit_b_16", "demo"):
        assert name in lines
    assert "timm:resnet50" not in lines
    assert any(line.startswith("open_clip:ViT-B-16/") for line in lines)
    assert lines[-1].startswith("hf:NAME")
    assert listed("models", "test_vit3", "--family", "timm") == (0, "timm:test_vit3\n")
    notes = {
        "swin_tiny_patch4_window7_224": r".*several grids: agcam, .*black-box methods\)",
        "xcit_nano_12_p8_224": r".*  \(black-box methods\)",
        "resnet50": r".*  \(not tried\)",
    }
    for name, note in notes.items():
        line = listed("models", f"timm:{name}")[1].splitlines()[0]
        assert re.fullmatch(f"timm:{name}{note}", line), line
    assert listed("models", "--family", "hf")[1].splitlines() == lines[-1:]


def test_list_models_of_an_unknown_family():
    status, out = listed("models", "--family", "tim")
    assert status == 1
    assert out == "agcam: no family is called 'tim'; did you mean timm?\n"


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family_lists_names_of_its_own(family):
    status, out = listed("models", "", "--family", family)
    assert status == 0
    assert out.strip()
    assert all(line.startswith(family) for line in out.splitlines())


# What it costs


def imported(*command):
    """Top-level modules that a Python process imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=True,
    )
    names = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "agcam" in names
    return names, done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["explain", "--help"], ["list"]])
def test_help_imports_nothing_heavy(arguments):
    if arguments == ["list"]:
        arguments = ["list", "--help"]
    names, out = imported("-m", "agcam", *arguments)
    assert out.strip()
    assert not names & HEAVY


def test_import_agcam_imports_nothing_heavy():
    names, _ = imported("-c", "import agcam; agcam.__version__; agcam.AgcamError; dir(agcam)")
    assert not names & (HEAVY | {"typer", "rich", "jinja2"})
    names, _ = imported("-c", "import agcam; agcam.explain")
    assert {"torch", "numpy", "PIL"} <= names  # so they are counted


def test_version():
    done = agcam_process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{agcam.__version__}\n", "")


def test_help_names_every_option_of_the_issue():
    out = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["explain", "--help"]).output
    for option in ("--model", "--arch", "--target", "--top", "--method", "--out", "--classes"):
        assert option in out


def test_completeness_error_is_printed(place):
    status, out, _ = explain("cat.png", "--method", "libra_attcat", "--out", "out")
    assert status == 0
    assert "note: libra_attcat: completeness error at most" in out


# Methods side by side


def compared(*arguments, model=MODEL):
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["compare", *arguments, *model])
    return result.exit_code, result.stdout, result.stderr


def test_compare_writes_a_sheet_and_reports_costs(place):
    status, out, errors = compared(
        "cat.png", "--methods", "agcam, rollout,saliency", "--target", "1", "--target", "3"
    )
    assert (status, errors) == (0, "")
    page = Page("compared/cat.compare.html")
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    for name in ("agcam", "rollout", "saliency", "(a plain forward)", "(the recorded pass)"):
        assert name in out
        assert name in page.text
    with Image.open("compared/cat.compare.png") as drawn:
        drawn.verify()


def test_compare_of_a_convolutional_model(place):
    save_file(timm.create_model("test_resnet").state_dict(), "conv.safetensors")
    conv = ("--model", "conv.safetensors", "--arch", "timm:test_resnet")
    status, out, _ = compared("cat.png", "--methods", "agcam,saliency", model=conv)
    assert status == 0
    assert "refused: agcam: " in out
    assert "nothing to trace" in Page("compared/cat.compare.html").text
    assert compared("cat.png", "--methods", "agcam", model=conv)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("cat.png", "--methods", "agcan"), "did you mean agcam"),
        (("cat.png", "--target", "1", "--top", "2"), "not both"),
        (("cat.png", "--colormap", "turbow"), "did you mean turbo"),
        (("nothing.png",), "nothing.png"),
        (("*.*g",), "one is compared at a time"),
        (("cat.png", "--target", "9"), "out of range"),
    ],
)
def test_compare_reports_what_is_wrong(place, arguments, hint):
    status, _, errors = compared(*arguments)
    assert status == 1
    assert hint in errors
    assert errors.count("\n") == 1


def test_compare_takes_any_name_of_a_file_and_of_a_class(tmp_path):
    """Bytes that are not UTF-8, escape characters, half a formula; shown escaped, nothing ends."""
    lay_out(tmp_path, pictures=1)
    names = ["cat\x1b[2J", "=dog", "$x_{", "\u202eright", *(f"class {n}" for n in range(6))]
    (tmp_path / "names.txt").write_text("\n".join(names), encoding="utf-8")
    picture = tmp_path / os.fsdecode(b"caf\xe9\x1b[31m.png")
    (tmp_path / "00.png").rename(picture)
    done = CliRunner().invoke(
        app,
        [
            *(
                "compare",
                str(picture),
                "--model",
                str(tmp_path / "weights.pth"),
                "--target",
                "$x_{",
            ),
            *("--arch", "timm:test_vit", "--classes", str(tmp_path / "names.txt")),
            *("--methods", "agcam,rollout", "--out", str(tmp_path / "out")),
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    page = next((tmp_path / "out").glob("*.html")).read_text(encoding="utf-8")
    assert "\x1b" not in page
    assert r"caf\xe9\x1b[31m" in page
