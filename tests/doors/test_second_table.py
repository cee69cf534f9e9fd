"""The page of the second table states what its rows hold: who is first, by how much, how surely."""

import importlib
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from places import ROOT

VALUES = {"agcam": 1.0, "agcam_evidence": 2.0, "gae": 4.0, "random": 9.0}  # SRG of each picture


def rows(pictures=12):
    for model in ("demo", "dinov2"):
        for item in range(pictures):
            for method, value in VALUES.items():
                own = {
                    "srg": value + item,
                    "probability": 0.5 + (method == "agcam") * (item % 2 - 0.4),
                }
                head = {"model": model, "set": "perturbed", "item": str(item), "method": method}
                yield {**head, "part": "report", "index": 0, "right": True, **own}
        yield {**head, "part": "tune", "item": "kept apart", "srg": 1e6, "probability": 1e6}
        yield {**head, "part": "report", "item": "wrong", "skipped": "predicted wrongly"}


def planted():
    """Half of the plants are used; on the others, which are not, no map has a share."""
    for item in range(20):
        for method in VALUES:
            head = {"model": "demo", "part": "report", "set": "planted", "method": method}
            used = item % 2 == 0
            own = {"share": 0.8 * used, "drop": 1.0 if used else -0.5}
            yield {**head, "item": str(item), "index": 0, "right": True, **own}


def page_of(rows, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "second_table_page.py", str(path)]
    return subprocess.run(
        command, cwd=ROOT / "benchmarks", check=True, capture_output=True, text=True
    ).stdout


def test_nothing_is_beyond_doubt_of_a_few_pictures(tmp_path):
    page = page_of(rows(9), tmp_path / "rows.jsonl")
    assert "in none another method is beyond doubt better" in page
    assert "which decides nothing" in page
    assert "beyond doubt." not in page


def test_the_page_states_what_the_rows_hold(tmp_path):
    page = page_of(rows(), tmp_path / "rows.jsonl")
    assert "a method of others in 1 (SRG: `gae`)" in page  # the random baseline is not ranked
    assert "in 1 another method is beyond doubt better" in page
    srg = "| demo | SRG | 12 | 6.50 | 3 of 3 | `gae` 9.50 | +3.00 (+3.00 to +3.00) |"
    assert f"{srg} `gae`, `agcam_evidence` |" in page  # each by a constant, whatever the picture
    assert "`agcam_evidence` has 7.50, the best of the others is `gae` with 9.50: -2.00" in page
    assert (
        "| demo | SRG of the probability | 12 | 0.60 | 1 of 3 | `agcam` 0.60 | - | none |" in page
    )
    assert page.count("12 pictures, 12 maps per method, 12 of them") == 2
    assert page.index("## Result") < page.index("## Where AGCAM loses") < page.index(": means")


def test_plants_count_apart_where_the_classifier_uses_them(tmp_path):
    page = page_of([*rows(), *planted()], tmp_path / "rows.jsonl")
    assert "| demo | planted evidence | 20 | 0.40 |" in page
    assert "| demo | planted evidence that is used | 10 | 0.80 |" in page


@pytest.fixture
def photographs(tmp_path):
    """Five of Caltech-101, and a folder to be confused with it that has its fifth one, too."""
    drawn = iter(range(100))
    for folder, name, count in (("caltech101", "cup", 5), ("audit", "cup", 6), ("audit", "owl", 5)):
        own = tmp_path / folder / name
        own.mkdir(parents=True)
        for number in range(count):
            shade = Image.new("RGB", (16, 16), (10 * next(drawn), 0, 0))
            shade.save(own / f"{number}.jpg")
    reported = (tmp_path / "caltech101/cup/4.jpg").read_bytes()
    (tmp_path / "audit/cup/2.jpg").write_bytes(reported)
    np.save(tmp_path / "planted-dinov2.npy", np.zeros((11, 4)))
    return tmp_path


def test_no_choice_is_made_on_a_reported_picture(photographs, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    pictures = importlib.import_module("second_table_pictures")
    model = SimpleNamespace(name="dinov2", classes={"cup": 0, "owl": 1}, classifier=None)

    def of(part):
        given = SimpleNamespace(data=photographs, rows=photographs / "rows.jsonl", part=part)
        return {item.name: item.targets for item in pictures.whole(given, model)}

    assert of("report") == {"cup/4.jpg": [0]}
    half = {
        "cup/0.jpg": [0],
        "cup/4.jpg": [0],
        "owl/0.jpg": [1],
        "owl/2.jpg": [1],
        "owl/4.jpg": [1],
    }
    assert of("tune") == half  # of the other half the head is made; cup/2.jpg is reported
