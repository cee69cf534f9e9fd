"""What `annotate` writes is read back as it was: by our own readers and by pycocotools."""

import base64
import contextlib
import csv
import gc
import importlib.util
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
import tracemalloc
import zlib
from functools import cache
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import timm
import torch
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import ExifTags, Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from safetensors.torch import save_file
from scipy.ndimage import binary_dilation

import agcam
from agcam import (
    DATASETS,
    FORMATS,
    DataSetError,
    ModelError,
    PictureError,
    RunError,
    SaveError,
    TargetError,
)
from agcam.annotations import Annotated, Annotations, Record, stored
from agcam.annotations.outline import filled, outline, simple_outline
from agcam.annotations.record import record_of, runs
from agcam.datasets import match_classes
from agcam.images import open_picture
from agcam.maps import MaskRule, instances, png_bytes, union
from agcam.wording import cell, printable, uncell
from places import ROOT

NAMES = ("=cat", "Häuschen, klein", "Häuschen, KLEIN")
RULE = MaskRule(0.5, 0)
EMPTY_PNG = base64.b64encode(png_bytes(Image.new("L", (4, 3)))).decode()


@st.composite
def records(draw, most_labels=1):
    """Pictures of odd sizes with some objects, down to a pixel, of one class or several."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        shape = draw(st.tuples(st.integers(1, 13), st.integers(1, 13)))
        labels = draw(st.sets(st.integers(0, 2), min_size=1, max_size=most_labels))
        objects = []
        for label in sorted(labels):
            values = draw(arrays.arrays(np.int8, shape, elements=st.integers(0, 1)))
            objects += [
                Annotated(label, one.box, 0.25, 0.5, runs(one.mask))
                for one in instances(values, RULE)
            ]
        source, stem = f"ä/é {number}.png", f"é-{number}"
        size = shape[1], shape[0]
        made.append(Record(source, stem, "0", size, tuple(sorted(labels)), tuple(objects)))
    return made


def export(root, name, made, classes=NAMES):
    """The files of a format, and a picture for each record."""
    shutil.rmtree(root, ignore_errors=True)
    row = FORMATS[name]
    manifest = {"method": "agcam_spread", "rule": RULE.manifest}
    for path, pieces in row.write(Annotations(made, classes, manifest)):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"".join(pieces))
    for record in made:
        target = root / row.folder / record.file(row.kept)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", record.size).save(target)
    return root


def read_back(reader, root):
    """(file, class) -> boxes and mask, as our own reader has them."""
    data = DATASETS[reader].read(str(root))
    found = {}
    for sample in data.samples:
        truth = data.truth(sample)
        boxes = sorted(map(tuple, truth.boxes.round(4).tolist()))
        key = Path(sample.address).stem, data.classes[sample.label][0]
        found[key] = boxes, None if truth.mask is None else truth.mask == 1
    return found


def expected(made, classes=NAMES):
    found = {}
    for record in made:
        for label in record.labels:
            some = [one for one in record.objects if one.label == label]
            if some:
                mask = np.any([one.mask(record.size) for one in some], axis=0)
                boxes = sorted(tuple(map(float, one.box)) for one in some)
                found[record.stem, classes[label]] = boxes, mask
    return found


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for key, (boxes, mask) in wanted.items():
        assert found[key][0] == boxes
        assert found[key][1] is None or np.array_equal(found[key][1], mask)


@given(arrays.arrays(np.bool_, st.tuples(*[st.integers(1, 12)] * 2)))
def test_outlines_and_runs_are_exact(pixels):
    height, width = pixels.shape
    coded = {"size": [height, width], "counts": list(runs(pixels))}
    assert np.array_equal(
        coco_mask.decode(coco_mask.frPyObjects(coded, height, width)).astype(bool), pixels
    )
    for one in instances(pixels, RULE):
        corners = [side for corner in outline(one.mask) for side in corner]
        (polygon,) = coco_mask.frPyObjects([corners], height, width)
        assert np.array_equal(coco_mask.decode(polygon).astype(bool), one.mask)


@settings(max_examples=30)
@given(arrays.arrays(np.bool_, st.tuples(*[st.integers(1, 24)] * 2)), st.integers(0, 4))
def test_simple_outlines_are_the_object(pixels, width):
    """Drawn by pycocotools too; a blob's is shorter, and each corner beside the exact outline."""
    for one in instances(binary_dilation(pixels, iterations=width) if width else pixels, RULE):
        exact, simple = outline(one.mask), simple_outline(one.mask)
        assert 3 <= len(simple) <= len(exact)
        assert (np.array(simple) >= 0).all()
        assert (np.array(simple) <= one.mask.shape[::-1]).all()
        assert iou(filled(np.array(simple), one.mask.shape), one.mask) > 0.99
        corners = [side for corner in simple for side in corner]
        (polygon,) = coco_mask.frPyObjects([corners], *one.mask.shape)
        drawn = coco_mask.decode(polygon).astype(bool)
        assert np.logical_xor(drawn, one.mask).sum() <= 0.02 * one.mask.sum() + 2


@pytest.mark.parametrize("size", [80, 300, 3000])
def test_a_round_object_has_few_corners(size):
    y, x = np.ogrid[:size, :size]
    disc = (x - size * 0.5) ** 2 + (y - size * 0.45) ** 2 < (size * 0.4) ** 2
    assert len(simple_outline(disc)) < 100 <= len(outline(disc))


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@settings(max_examples=15)
@given(made=records(most_labels=3))
def test_records_and_pycocotools(tmp_path_factory, made):
    numbers = {name: number for number, name in enumerate(NAMES)}
    assert [record_of(record.to_json(NAMES), numbers) for record in made] == made
    root = export(tmp_path_factory.getbasetemp() / "coco", "coco", made)
    tool = COCO(root / "annotations" / "instances_train.json")
    assert tool.dataset["info"]["rule"]["threshold"] == 0.5
    entries = [(record, one) for record in made for one in record.objects]
    assert len(tool.anns) == len(entries)
    for entry, (record, one) in zip(tool.anns.values(), entries, strict=True):
        mask = one.mask(record.size)
        assert np.array_equal(tool.annToMask(entry).astype(bool), mask)
        assert entry["area"] == mask.sum()
        assert tool.cats[entry["category_id"]]["name"] == NAMES[one.label]
        assert (entry["score"], entry["probability"]) == (0.25, 0.5)
    if entries:
        assert_equal(read_back("coco", root), expected(made))


@settings(max_examples=10)
@given(made=records(most_labels=3))
def test_yolo_and_csv_are_read_back(tmp_path_factory, made):
    if not any(record.objects for record in made):
        return
    base = tmp_path_factory.getbasetemp()
    assert_equal(read_back("yolo", export(base / "yolo", "yolo", made)), expected(made))
    root = export(base / "csv", "csv", made)
    found = read_back("csv", root / "boxes.csv")
    wanted = expected(made)
    assert {key: value for key, value in found.items() if value[0]}.keys() == wanted.keys()
    assert all(found[key][0] == boxes for key, (boxes, _) in wanted.items())
    assert len((root / "scores.csv").read_text().splitlines()) == 1 + sum(
        len(record.objects) for record in made
    )


@settings(max_examples=10)
@given(made=records())
def test_voc_and_masks_are_read_back(tmp_path_factory, made):
    classes = ("cat", "dog", "airplane")  # VOC has other numbers, and calls one otherwise
    base = tmp_path_factory.getbasetemp()
    root = export(base / "voc", "voc", made, classes)
    wanted = expected(made, ("cat", "dog", "aeroplane"))
    if wanted:
        assert_equal(read_back("pascal_voc", root), wanted)
    root = export(base / "own", "voc", made)  # nor are all names VOC's
    if wanted:
        assert_equal(read_back("pascal_voc", root), expected(made, NAMES))
    root = export(base / "png", "png", made)
    for record in made:
        with Image.open(root / "masks" / f"{record.stem}.png") as image:
            assert image.mode == "P"
            numbers = np.array(image)
        shown = np.isin(numbers, record.labels[0] + 1)
        masks = [one.mask(record.size) for one in record.objects]
        assert np.array_equal(shown, np.any([np.zeros_like(shown), *masks], axis=0))
    assert f"3 {NAMES[2]}" in (root / "classes.txt").read_text(encoding="utf-8")


@settings(max_examples=10)
@given(made=records(most_labels=3))
def test_labelme_and_label_studio_hold_the_same_polygons(tmp_path_factory, made):
    base = tmp_path_factory.getbasetemp()
    root = export(base / "labelme", "labelme", made)
    tasks = json.loads(
        (export(base / "studio", "label-studio", made) / "label_studio.json").read_text(
            encoding="utf-8"
        )
    )
    for record, task in zip(made, tasks, strict=True):
        content = json.loads((root / "labelme" / f"{record.stem}.json").read_text("utf-8"))
        assert (root / "labelme" / content["imagePath"]).is_file()
        assert (content["imageWidth"], content["imageHeight"]) == record.size
        for one, shape, result in zip(
            record.objects, content["shapes"], task["predictions"][0]["result"], strict=True
        ):
            corners = simple_outline(one.mask(record.size))
            assert shape["points"] == corners
            assert shape["label"] == NAMES[one.label] == result["value"]["polygonlabels"][0]
            pixels = np.array(result["value"]["points"]) * record.size / 100
            assert np.allclose(pixels, corners)


@settings(max_examples=10)
@given(made=records(most_labels=3))
def test_fiftyone_has_masks_and_maps(tmp_path_factory, made):
    """As `benchmarks/other_tools.py` has FiftyOne's own classes read them."""
    root = export(tmp_path_factory.getbasetemp() / "fiftyone", "fiftyone", made)
    samples = json.loads((root / "samples.json").read_text(encoding="utf-8"))["samples"]
    for record, sample in zip(made, samples, strict=True):
        assert (root / sample["filepath"]).is_file()
        assert [one["label"] for one in sample["labels"]["classifications"]] == [
            NAMES[label] for label in record.labels
        ]
        for one, found in zip(record.objects, sample["objects"]["detections"], strict=True):
            data = zlib.decompress(base64.b64decode(found["mask"]["$binary"]["base64"]))
            left, top, right, bottom = one.box
            mask = one.mask(record.size)[top:bottom, left:right]
            assert np.array_equal(np.load(io.BytesIO(data)), mask)
            x, y, width, height = np.array(found["bounding_box"]) * np.array([*record.size] * 2)
            assert np.allclose((x, y, x + width, y + height), one.box)


@pytest.mark.parametrize(
    ("name", "reader", "file"),
    [("labelme", "labelme", "."), ("label-studio", "label_studio", "label_studio.json")],
)
@settings(max_examples=10)
@given(made=records(most_labels=3))
def test_simple_outlines_are_read_back(name, reader, file, tmp_path_factory, made):
    wanted = expected(made)
    if not wanted:
        return
    root = export(tmp_path_factory.getbasetemp() / f"back-{name}", name, made)
    found = read_back(reader, root / file)
    assert found.keys() == wanted.keys()
    for key, (boxes, mask) in wanted.items():
        own, drawn = found[key]
        assert len(own) == len(boxes)
        for box in boxes:  # corners lie beside those of the exact outline
            assert min(np.abs(np.subtract(box, other)).max() for other in own) <= 1
        assert np.logical_xor(drawn, mask).sum() <= 0.02 * mask.sum() + 2 * len(boxes)


@settings(max_examples=10)
@given(made=records(most_labels=3))
def test_fiftyone_is_read_back(tmp_path_factory, made):
    if any(record.objects for record in made):
        root = export(tmp_path_factory.getbasetemp() / "back-fiftyone", "fiftyone", made)
        assert_equal(read_back("fiftyone", root), expected(made))


@settings(max_examples=10)
@given(made=records())
def test_index_masks_are_read_back(tmp_path_factory, made):
    wanted = expected(made)
    if not wanted:
        return
    root = export(tmp_path_factory.getbasetemp() / "back-png", "png", made)
    found = read_back("masks", root)
    assert found.keys() == wanted.keys()
    for key, (_, mask) in wanted.items():
        assert found[key][0] == []  # index masks know no objects
        assert np.array_equal(found[key][1], mask)


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_holds_the_records_of_all_pictures(name):
    """Three times as many pictures take no more memory."""

    class Many:
        def __init__(self, count):
            self.count = count

        def __iter__(self):
            mask = np.zeros((20, 25), bool)
            mask[::2, 3:20] = mask[:, 10:15] = True
            for number in range(self.count):
                one = Annotated(0, (3, 0, 20, 20), 0.5, 0.5, runs(mask))
                stem = f"{number:06}"
                yield Record(f"{stem}.png", stem, "0", (25, 20), (0,), (one,), (EMPTY_PNG,))

    def peak(count):
        gc.collect()  # what other tests left would be freed meanwhile, or not
        tracemalloc.start()
        for _, pieces in FORMATS[name].write(Annotations(Many(count), NAMES, {"rule": {}})):
            for _ in pieces:
                pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)  # what is imported and cached
    assert peak(300) < peak(100) + 200_000  # 200 records have 500,000 bytes of numbers alone


@given(st.text(st.sampled_from("'=+a,\t\"")))
def test_a_cell_is_read_back(text):
    assert uncell(cell(text)) == printable(text)


# From pictures to files


CLASSES = ["cat", "dog", "犬", *(f"other {number}" for number in range(7))]


@pytest.fixture
def model(tiny):
    return agcam.load(tiny, classes=CLASSES, preparation={"mean": 0.5, "std": 0.5})


@pytest.fixture
def folder(tmp_path):
    """Class folders with two pictures of one name, a bad one, odd names and an unknown class."""
    root = tmp_path / "pictures"
    generator = np.random.default_rng(0)
    for name in ("cat/1.png", "cat/=cmd' \n.png", "dog/1.png", "犬/é 2.jpg", "bird/3.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        size = generator.integers(40, 60, 2)
        Image.fromarray(generator.integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)
    (root / "dog" / "bad.jpg").write_bytes(b"no picture")
    return root


def files_in(root):
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_folder_of_class_folders(model, folder, tmp_path):
    out = tmp_path / "out"
    made = agcam.annotate(model, folder, out=out, batch_size=2)
    assert made.pictures == 4
    assert set(made.failures) == {"bird/3.png", "dog/bad.jpg"}
    assert "no class 'bird'" in made.failures["bird/3.png"]
    assert "1 skipped" not in repr(made)
    data = DATASETS["coco"].read(str(out))
    found = {(Path(s.address).name, data.classes[s.label][0]): data.truth(s) for s in data.samples}
    single = agcam.explain(model, folder / "dog" / "1.png", "dog", "agcam_spread")
    mask = single.masks()
    assert mask.any()
    (truth,) = [t for (name, kind), t in found.items() if kind == "dog"]
    assert np.array_equal(truth.mask == 1, mask)
    assert np.array_equal(union(single.boxes(), mask.shape), mask)
    assert {path.parent for path in out.rglob("*") if path.is_file()} == {
        out,
        out / "records",
        out / "annotations",
        out / "images",
    }
    manifest = json.loads((out / "agcam.json").read_text(encoding="utf-8"))
    assert (manifest["rule"]["threshold"], manifest["rule"]["certain"]) == (0.7, 0.35)
    # another format of the same, without the model
    repeated = agcam.annotate(model, folder, "voc", out=out, batch_size=2)
    assert (repeated.known, repeated.objects) == (4, made.objects)
    with Image.open(out / "JPEGImages" / "cat-1.jpg") as image:
        assert image.format == "JPEG"
    with pytest.raises(SaveError, match="another request"):
        agcam.annotate(model, folder, out=out, threshold=0.5)


def test_killed_and_continued_gives_equal_files(model, folder, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    agcam.annotate(model, folder, "yolo", out=whole, batch_size=2)
    written, kept = [], stored.write_atomically

    def killed(path, data, **options):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        kept(path, data, **options)

    with monkeypatch.context() as patch:
        patch.setattr(stored, "write_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            agcam.annotate(model, folder, "yolo", out=stopped, batch_size=2)
    before = {path: path.stat().st_mtime_ns for path in stopped.glob("records/*.json")}
    assert len(before) == 2
    (stopped / "records" / f".{'0' * 16}.part").write_bytes(b"half")
    agcam.annotate(model, folder, "yolo", out=stopped, batch_size=2)
    assert files_in(stopped) == files_in(whole)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_a_replaced_picture_leaves_no_format_with_the_one_before(
    model, folder, tmp_path, monkeypatch
):
    """Killed or not: no label of the old picture is left beside the new one."""
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    for to in FORMATS:
        agcam.annotate(model, folder, to, out=out)
    replaced = np.random.default_rng(7).integers(0, 255, (30, 70, 3), dtype=np.uint8)
    Image.fromarray(replaced).save(folder / "cat" / "1.png")
    with monkeypatch.context() as patch:
        patch.setattr(stored.Stored, "export", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            agcam.annotate(model, folder, out=out)
    assert agcam.annotate(model, folder, out=out).known == 4  # the bad one was skipped
    for to in FORMATS:
        agcam.annotate(model, folder, to, out=fresh)
    made, wanted = files_in(out), files_in(fresh)
    assert made == wanted


def test_predicted_classes_and_given_ones(model, folder, tmp_path):
    made = agcam.annotate(model, folder, "png", out=tmp_path / "predicted", labels="predicted")
    used = (tmp_path / "predicted" / "classes.txt").read_text(encoding="utf-8").splitlines()
    predictions = {
        agcam.explain(model, path).predictions()[0][0] for path in folder.rglob("*.png")
    } | {agcam.explain(model, folder / "犬" / "é 2.jpg").predictions()[0][0]}
    assert {line.split(" ", 1)[1] for line in used} == predictions
    assert set(made.failures) == {"dog/bad.jpg"}
    two = agcam.annotate(model, folder, "csv", out=tmp_path / "two", labels=["犬", "cat"])
    assert two.pictures == 5
    other = agcam.load(
        model.module,
        classes=["cat", "dog, large", *CLASSES[2:]],
        preparation={"mean": 0.5, "std": 0.5},
    )
    for text, known in (("dog, large", 1), ("cat,犬", 2)):
        out = tmp_path / f"given {known}"
        agcam.annotate(other, folder, "png", out=out, labels=text)
        assert len((out / "classes.txt").read_text(encoding="utf-8").splitlines()) == known
    with pytest.raises(TargetError):
        agcam.annotate(model, folder, out=tmp_path / "none", labels=["unicorn"])
    with pytest.raises(DataSetError, match="--labels"):
        agcam.annotate(model, folder / "cat", out=tmp_path / "flat")
    with pytest.raises(PictureError):
        agcam.annotate(model, tmp_path / "two" / "records", out=tmp_path / "e", labels="predicted")


@pytest.mark.parametrize(("bias", "found"), [(9.0, {"cat"}), (-9.0, set())])
def test_one_class_that_is_improbable_is_not_predicted(bias, found, folder, tmp_path):
    module = timm.create_model("test_vit", img_size=32, num_classes=1).eval()
    torch.nn.init.constant_(module.head.bias, bias)
    model = agcam.load(module, classes=["cat"], preparation={"mean": 0.5, "std": 0.5})
    made = agcam.annotate(model, folder, out=tmp_path / "out", labels="predicted")
    assert (made.objects > 0, made.empty) == (bool(found), 0 if found else 5)
    data = json.loads((tmp_path / "out" / "annotations" / "instances_train.json").read_text())
    assert {one["name"] for one in data["categories"]} == found


@pytest.mark.parametrize(
    ("tool", "module", "to", "least"),
    [
        ("pycocotools", "pycocotools", "coco", 1),
        ("torchvision", "torchvision", "voc", 1),
        ("ultralytics", "ultralytics", "yolo", 0.8),  # draws the outline's pixels too
        ("labelme", "labelme", "labelme", 0.8),
        ("label-studio", "label_studio_sdk", "label-studio", 0.98),  # a simple outline
        ("fiftyone", "fiftyone", "fiftyone", 1),
    ],
)
def test_a_tool_reads_what_is_written_for_it(tool, module, to, least, model, folder, tmp_path):
    """By the tool's own code, where it is installed; nothing of agcam has a part in it."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{tool} is not installed: pip install {module.replace('_', '-')}")
    agcam.annotate(model, folder, to, out=tmp_path / "out")
    words = [sys.executable, str(ROOT / "benchmarks" / "other_tools.py"), "out", tool]
    done = ended(words, tmp_path)
    assert done.returncode == 0, done.stderr
    found = re.search(r"(\d+) objects in 4 pictures.*a mask ([\d.]+), .*most (\d+)", done.stdout)
    assert int(found[1]) >= 4
    assert float(found[2]) >= least
    assert int(found[3]) <= (least < 1)


@pytest.fixture
def command(tmp_path):
    """`agcam annotate` of 24 small pictures in a process of its own; the last word is missing."""
    names = ["cat", "dog"]
    weights = timm.create_model("test_vit", num_classes=2).state_dict()
    save_file(weights, tmp_path / "weights.safetensors")
    (tmp_path / "names.txt").write_text("\n".join(names))
    for number in range(24):
        path = tmp_path / "pictures" / names[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((30, 40, 3), number, np.uint8)).save(path)
    words = [sys.executable, "-m", "agcam", "annotate", "pictures", "--model"]
    words += ["weights.safetensors", "--arch", "timm:test_vit", "--classes", "names.txt"]
    return [*words, "--batch-size", "1", "--to", "csv", "--workers", "1", "--out"]


def ended(words, folder):
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def test_the_command_is_killed_and_goes_on(tmp_path, command):
    """By SIGKILL, in a process of its own."""
    running = subprocess.Popen([*command, "killed"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    while len(list((tmp_path / "killed").glob("records/*.json"))) < 3 and running.poll() is None:
        time.sleep(0.02)
    running.kill()
    assert running.wait() != 0
    done = ended([*command, "killed"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "pictures were done before" in done.stdout
    whole = ended([*command, "whole"], tmp_path)
    assert "in 24 pictures, " in whole.stdout
    assert files_in(tmp_path / "killed") == files_in(tmp_path / "whole")


def test_a_full_disk_ends_the_command_which_goes_on_with_more_room(tmp_path, command):
    """A disk of 64 kB, later of 4 MB, in a mount namespace of its own."""
    mounted = "mkdir small && mount -t tmpfs -o size=64k tmpfs small"
    if (
        not shutil.which("unshare")
        or ended(["unshare", "-rm", "sh", "-c", mounted], tmp_path).returncode
    ):
        pytest.skip("this system does not let a user mount a disk of its own")
    annotate = f"{shlex.join(command)} small"
    steps = [
        "mount -t tmpfs -o size=64k tmpfs small",
        f"{annotate}; echo status $?",
        "find small -name '*.part'",
        "ls small/records | wc -l",
        "mount -o remount,size=4m small",
        annotate,
        "cp -r small grown",
    ]
    done = ended(["unshare", "-rm", "sh", "-c", "\n".join(steps)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "status 1" in done.stdout
    assert ".part" not in done.stdout
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("agcam: "))
    assert "could not be written: the disk is full" in line
    assert "pictures were done before" in done.stdout
    ended([*command, "whole"], tmp_path)
    assert files_in(tmp_path / "grown") == files_in(tmp_path / "whole")


def test_pictures_are_linked_where_the_disk_can(model, folder, tmp_path):
    kept = (folder / "cat" / "1.png").rename(tmp_path / "kept.png")
    for number, target in enumerate((kept, Path("../../kept.png"))):
        (folder / "cat" / f"{number}.png").symlink_to(target)
    (folder / "cat" / "1.png").rename(folder / "cat" / "relative.png")
    agcam.annotate(model, folder, out=tmp_path / "out", link=True)
    for name in ("0", "relative"):
        placed = tmp_path / "out" / "images" / f"{name}.png"
        assert not placed.is_symlink()
        assert placed.samefile(kept)


def test_refined_maps_are_another_request(model, folder, tmp_path):
    agcam.annotate(model, folder, "png", out=tmp_path, labels="predicted", refine=True)
    manifest = json.loads((tmp_path / "agcam.json").read_text(encoding="utf-8"))
    assert manifest["refine"]["filter"] == "guided filter"
    with pytest.raises(SaveError, match="other refine"):
        agcam.annotate(model, folder, "png", out=tmp_path, labels="predicted")


def test_other_names_scores_or_labels_are_another_request(model, folder, tmp_path):
    """What a record depends on beside the weights: the same folder never mixes two of them."""
    agcam.annotate(model, folder, out=tmp_path, labels=["cat"])
    known = {"preparation": {"mean": 0.5, "std": 0.5}}
    others = [
        ("scores", agcam.load(model.module, classes=CLASSES, scores="sigmoid", **known), ["cat"]),
        ("model_classes", agcam.load(model.module, classes=CLASSES[::-1], **known), ["cat"]),
        ("labels", model, ["dog"]),
        ("labels", model, "folders"),
    ]
    for other, another, labels in others:
        with pytest.raises(SaveError, match=rf"other .*\b{other}\b"):
            agcam.annotate(another, folder, out=tmp_path, labels=labels)


def test_a_request_that_was_refused_binds_nobody(model, folder, tmp_path):
    """A mistyped class leaves a folder that the corrected command can use."""
    with pytest.raises(TargetError):
        agcam.annotate(model, folder, out=tmp_path / "out", labels=["unicorn"])
    assert agcam.annotate(model, folder, out=tmp_path / "out", labels=["dog"]).pictures == 5


@pytest.mark.parametrize("damage", [b"junk", b"[1]", b"", None])
def test_records_without_their_manifest_are_not_taken_for_any(damage, model, folder, tmp_path):
    agcam.annotate(model, folder, out=tmp_path)
    (tmp_path / "records" / "formats").write_bytes(b"coco \xff nonsense")
    assert agcam.annotate(model, folder, "csv", out=tmp_path).known == 4
    manifest = tmp_path / "agcam.json"
    manifest.unlink() if damage is None else manifest.write_bytes(damage)
    with pytest.raises(SaveError, match=r"agcam\.json is gone or damaged"):
        agcam.annotate(model, folder, out=tmp_path)


def test_all_that_was_skipped_is_listed_while_it_is(model, folder, tmp_path):
    made = agcam.annotate(model, folder, out=tmp_path / "out")
    with (tmp_path / "out" / "failures.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    assert listed == made.failures
    (folder / "bird" / "3.png").unlink()
    (folder / "dog" / "bad.jpg").unlink()
    assert not agcam.annotate(model, folder, out=tmp_path / "out").failures
    assert not (tmp_path / "out" / "failures.csv").exists()


def test_class_folders_that_differ_in_case_keep_their_names(tiny, tmp_path):
    names = ["cat", "CAT", "Cat, large", "cafe\u0301", *CLASSES[4:]]
    model = agcam.load(tiny, classes=names, preparation={"mean": 0.5, "std": 0.5})
    folders = ["cat", "CAT", "Cat, large", "caf\u00e9"]  # a file system composes the last one
    for name in [*folders, "cAt"]:
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("RGB", (30, 30)).save(tmp_path / "pictures" / name / "1.png")
    made = agcam.annotate(model, tmp_path / "pictures", "csv", out=tmp_path / "out")
    assert made.failures["cAt/1.png"].startswith("'cAt' is ambiguous: the model's 0 (cat), 1 (CAT)")
    data = DATASETS["csv"].read(str(tmp_path / "out" / "boxes.csv"))
    assert [found[0] for found in data.classes] == sorted(folders)
    assert match_classes(data.classes, names) == tuple(map(folders.index, sorted(folders)))


CHANGES = {
    "another picture before the others": lambda root: picture(root / "cat" / "0.png", 1),
    "another of the same name": lambda root: picture(root / "dog" / "9.png", 2),
    "another class folder": lambda root: picture(root / "犬" / "1.png", 3),
    "one is gone": lambda root: (root / "cat" / "9.png").unlink(missing_ok=True),
    "a class is gone": lambda root: shutil.rmtree(root / "dog", ignore_errors=True),
    "one is another kind": lambda root: (root / "cat" / "2.png").rename(root / "cat" / "2.bmp"),
    "one breaks": lambda root: (root / "cat" / "2.png").write_bytes(b"no picture"),
    "one is replaced": lambda root: picture(root / "cat" / "2.png", 4),
}


def picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 255, (20 + seed, 30, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


@cache
def one_model():
    """The same for all examples: it is surveyed once."""
    module = timm.create_model("test_vit", img_size=32, num_classes=len(CLASSES)).eval()
    return agcam.load(module, classes=CLASSES, preparation={"mean": 0.5, "std": 0.5})


@settings(max_examples=8, deadline=None)
@given(
    changes=st.lists(st.sampled_from(list(CHANGES)), min_size=1, max_size=3, unique=True),
    formats=st.lists(st.sampled_from(list(FORMATS)), min_size=2, max_size=3, unique=True),
    killed=st.booleans(),
)
def test_a_folder_that_changes_is_as_if_made_at_once(tmp_path_factory, changes, formats, killed):
    """Pictures come, go, break and change between calls: formats are those of a new folder."""
    base, model = tmp_path_factory.mktemp("changing"), one_model()
    root, out, fresh = base / "pictures", base / "out", base / "fresh"
    for name, seed in (("cat/1.png", 5), ("cat/2.png", 6), ("dog/1.png", 7), ("cat/9.png", 8)):
        picture(root / name, seed)
    for to in formats:
        agcam.annotate(model, root, to, out=out, batch_size=1)
    for change in changes:
        with contextlib.suppress(FileNotFoundError):
            CHANGES[change](root)
    if killed:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stored.Stored, "write", Mock(side_effect=KeyboardInterrupt))
            with contextlib.suppress(KeyboardInterrupt):
                agcam.annotate(model, root, formats[0], out=out, batch_size=1)
    agcam.annotate(model, root, formats[0], out=out, batch_size=1)
    for to in formats:
        agcam.annotate(model, root, to, out=fresh, batch_size=1)
    made, wanted = files_in(out), files_in(fresh)
    kept = {name for name in made if name.startswith("records/")}  # pictures may come back
    assert kept >= {name for name in wanted if name.startswith("records/")}
    assert {name: made[name] for name in made.keys() - kept} == {
        name: wanted[name] for name in wanted.keys() - kept
    }


def test_another_folder_is_not_taken_for_the_same_one_later(model, folder, tmp_path):
    agcam.annotate(model, folder, out=tmp_path / "out")
    picture(tmp_path / "other" / "cat" / "7.png", 7)
    before = files_in(tmp_path / "out")
    with pytest.raises(SaveError, match="other classes, pictures"):
        agcam.annotate(model, tmp_path / "other", out=tmp_path / "out")
    assert files_in(tmp_path / "out") == before


def turned(path, orientation):
    """A photograph that is to be turned before it is shown, with one bright corner."""
    values = np.full((40, 60, 3), 30, np.uint8)
    values[:12, :20] = (250, 40, 10)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(values).save(path, exif=exif, quality=95)


@pytest.mark.parametrize("link", [False, True])
def test_pictures_are_placed_upright_and_as_they_were_explained(model, tmp_path, link):
    """EXIF, transparency, 16 bits and one name in several folders: a tool that knows of none of
    it sees the pixels that the labels are of."""
    folder, out = tmp_path / "pictures", tmp_path / "out"
    for kind in ("cat", "dog"):
        (folder / kind).mkdir(parents=True)
        turned(folder / kind / "1.jpg", 6)
    turned(folder / "cat" / "3.webp", 3)
    values = np.arange(40 * 30, dtype=np.uint16).reshape(40, 30) * 50
    Image.fromarray(values).save(folder / "cat" / "deep.png")
    clear = np.zeros((30, 44, 4), np.uint8)
    clear[5:20, 5:20] = 200
    Image.fromarray(clear).save(folder / "dog" / "clear.png")
    made = agcam.annotate(model, folder, out=out, link=link)
    assert not made.failures
    tool = COCO(out / "annotations" / "instances_train.json")
    assert len({image["file_name"] for image in tool.imgs.values()}) == 5
    for record in (out / "records").glob("*.json"):
        known = json.loads(record.read_text(encoding="utf-8"))
        (image,) = [i for i in tool.imgs.values() if Path(i["file_name"]).stem == known["stem"]]
        with Image.open(out / "images" / image["file_name"]) as placed:
            assert placed.size == (image["width"], image["height"]) == tuple(known["size"])
            assert placed.getexif().get(ExifTags.Base.Orientation, 1) == 1
            shown = np.asarray(placed.convert("RGB"), int)
        upright = np.asarray(open_picture(folder / known["source"]), int)
        if known["source"].endswith("1.jpg"):
            assert upright.shape == (60, 40, 3)
        if "deep" not in known["source"] and "clear" not in known["source"]:
            assert np.abs(shown - upright).mean() < 3
    sample = DATASETS["coco"].read(str(out)).samples[0]
    assert not sample.problem


def test_a_folder_that_is_in_use_or_holds_the_pictures_is_refused(model, folder, tmp_path):
    out = tmp_path / "out"
    agcam.annotate(model, folder, out=out)
    with (
        FileLock(out / "records" / ".annotate.lock"),
        pytest.raises(RunError, match=r"already running annotate in .*give another folder"),
    ):
        agcam.annotate(model, folder, out=out)
    for inside in (folder, folder / "cat" / ".." / "labels"):
        with pytest.raises(RunError, match="lies in the folder of pictures"):
            agcam.annotate(model, folder, out=inside)
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="cannot make the folder"):
        agcam.annotate(model, folder, out=tmp_path / "file")


class Picky(torch.nn.Module):
    """A model whose map of a dark picture overflows, or of every picture."""

    def __init__(self, model, limit):
        super().__init__()
        self.model, self.limit = model, limit

    def forward(self, pixels):
        logits = self.model(pixels)
        dark = pixels.mean((1, 2, 3)) < self.limit
        return logits + torch.where(dark, float("nan"), 0.0)[:, None]


def test_a_picture_that_the_model_cannot_explain_is_one_failure(tiny, tmp_path):
    for number in range(5):
        path = tmp_path / "pictures" / "cat" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), (250 if number != 3 else 1,) * 3).save(path)
    models = {
        limit: agcam.load(
            Picky(tiny, limit), classes=CLASSES, preparation={"size": 32, "mean": 0.5, "std": 0.5}
        )
        for limit in (0.0, 2.0)
    }
    made = agcam.annotate(models[0.0], tmp_path / "pictures", out=tmp_path / "a", batch_size=1)
    assert made.pictures == 4
    assert set(made.failures) == {"cat/3.png"}
    (tmp_path / "pictures" / "cat" / "!.png").write_bytes(b"")  # what was skipped explains nothing
    for _ in range(2):
        with pytest.raises(ModelError):
            agcam.annotate(models[2.0], tmp_path / "pictures", out=tmp_path / "b", batch_size=1)
    with pytest.raises(RunError, match="use one worker"):
        agcam.annotate(
            models[0.0], tmp_path / "pictures", out=tmp_path / "c", batch_size=1, workers=2
        )
