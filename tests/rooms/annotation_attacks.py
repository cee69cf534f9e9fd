"""Bad annotations of every kind, read in a child process whose memory and time are bounded.

Run as a program with a folder it prints, as JSON, what came of each attack of the tables below.
"""

import base64
import json
import os
import resource
import signal
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
from layouts import MASK, WRITERS, colours, grey, picture

from agcam import AgcamError
from agcam.datasets import DATASETS

GIGABYTE = 2**30
SECONDS = 120  # what takes longer hangs, however busy the machine is

COCO = "annotations/instances_val2017.json"
CUB = "CUB_200_2011"
VOC = "Annotations/a.xml"
NOTE = "Annotations/CLS-LOC/val/ILSVRC2012_val_00000001.xml"
LINES = "labels/train/b.txt"
COPY = json.dumps(
    {
        "shapes": [{"label": "dog", "points": [[1, 1], [5, 1], [5, 5]]}],
        "imagePath": "../images/b.jpg",
    }
)
BOMB = base64.b64encode(zlib.compress(bytes(2**29), 9)).decode()  # half a gigabyte of nothing


def swap(file, old, new, count=1):
    """Replace a part of a file that must be there."""

    def attack(root):
        content = (root / file).read_bytes()
        old_, new_ = (part.encode("utf-8", "surrogatepass") for part in (old, new))
        assert old_ in content, (file, old)
        (root / file).write_bytes(content.replace(old_, new_, count))

    return attack


def put(file, content):
    """Write a whole file."""

    def attack(root):
        made = content() if callable(content) else content
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(made if isinstance(made, bytes) else made.encode())

    return attack


def coco_object(**changes):
    """Change the one object of 002.jpg."""

    def attack(root):
        content = json.loads((root / COCO).read_text())
        content["annotations"][3].update(changes)
        (root / COCO).write_text(json.dumps(content))

    return attack


def coco_list(key, change):
    def attack(root):
        content = json.loads((root / COCO).read_text())
        change(content[key])
        (root / COCO).write_text(json.dumps(content))

    return attack


def pipe(file):
    def attack(root):
        (root / file).unlink()
        os.mkfifo(root / file)

    return attack


def mat(field, row, values):
    """Put other values at a picture or mask of the MATLAB file."""

    def attack(root):
        import h5py

        with h5py.File(root / "gtsegs_ijcv.mat", "r+") as file:
            reference = file[f"value/{field}"][row, 0]
            cell = file[reference]
            if field == "gt":
                reference = cell[0, 0]
            name = file[reference].name
            del file[name]
            made = file.create_dataset(name, **values)
            if field == "gt":
                cell[0, 0] = made.ref
            else:
                file[f"value/{field}"][row, 0] = made.ref

    return attack


def far(value):
    return [[value, 2, 9, 2, 9, 6, 3, 6]]


def link(file, target):
    def attack(root):
        (root / file).unlink()
        (root / file).symlink_to(target)

    return attack


def add(file, lines):
    """Append to a file."""

    def attack(root):
        with (root / file).open("a", encoding="utf-8") as stream:
            stream.write(lines)

    return attack


def packed(file, megabytes):
    """The layout in a zip file, a part of which is far larger than the zip file itself."""

    def attack(root):
        (root / file).write_bytes(b" " * megabytes * 2**20)
        archive = root.parent / f"{root.name}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            for path in root.rglob("*"):
                made.write(path, path.relative_to(root))
        return f"zip::{archive}"

    return attack


def bomb():
    """Nine to the eleventh names in twelve lines."""
    yield "a0: &a0 [x, x, x, x, x, x, x, x, x]"
    for level in range(1, 12):
        yield f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 9) + "]"
    yield "names: *a11"


def merges():
    yield "a0: &a0 {x: y}"
    for level in range(1, 30):
        yield f"a{level}: &a{level} {{<<: [" + ", ".join([f"*a{level - 1}"] * 9) + "]}"
    yield "names: [cat]"


def entities():
    lines = ['<!DOCTYPE a [<!ENTITY e0 "xxxxxxxxxx">']
    lines += [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12)]
    return "\n".join([*lines, "]><annotation>&e11;</annotation>"]).encode()


ATTACKS = {}  # name -> (layout, attack, what must come of it)


def attacks(layout, usual, table):
    """Attacks on a layout, and what must come of them: `usual`, or the second of a pair.

    That is the samples that fail (a list, or a table with a part of each one's reason), "set" for
    the whole set, None for one or the other.
    """
    for name, attack in table.items():
        made, wanted = attack if isinstance(attack, tuple) else (attack, usual)
        ATTACKS[f"{layout}: {name}"] = layout, made, wanted


FIRST = "ILSVRC2012_val_00000001"


def first(message, attack):
    """It fails the first picture of ImageNet, with its name in the reason."""
    return attack, {f"{FIRST}.JPEG": f"{FIRST}.*{message}"}


attacks(
    "imagenet",
    [f"{FIRST}.JPEG"],
    {
        "an inverted box": first("inverted", swap(NOTE, ">3<", ">9<")),
        "a box too far right": first("outside its picture of 12 x 10", swap(NOTE, ">8<", ">30<")),
        "a box too far left": first("outside its picture of 12 x 10", swap(NOTE, ">3<", ">-9<")),
        "a side is a text": first("cannot be read", swap(NOTE, ">3<", ">x<")),
        "a side is NaN": first("is not a number", swap(NOTE, ">3<", ">nan<")),
        "broken XML": first(r"\.xml cannot be read", put(NOTE, "<annotation><object>")),
        "another size": first(
            "10 x 12 pixels, but the picture has 12 x 10",
            swap(NOTE, "<width>12</width><height>10", "<width>10</width><height>12"),
        ),
    },
)

attacks(
    "coco",
    ["002.jpg#person"],
    {
        "an object of no picture": (
            swap(COCO, '4, "image_id": 5', '4, "image_id": 6'),
            {"(no picture 6)#person": "its picture is missing"},
        ),
        "a box is a text": (swap(COCO, "[3, 2, 6, 4], ", '"x", '), ["001.jpg#dog"]),
        "corners at 1e9": coco_object(segmentation=far(1e9)),
        "corners at -1e300": coco_object(segmentation=far(-1e300)),
        "a corner is NaN": coco_object(segmentation=far(float("nan"))),
        "a corner is a text": coco_object(segmentation=far("3")),
        "a corner is true": coco_object(segmentation=far(True)),
        "a polygon of 4": coco_object(segmentation=[[3, 2, 9, 6]]),
        "garbage run lengths": coco_object(segmentation={"counts": "\x7f~zz!", "size": [10, 12]}),
        "run lengths of another size": (
            coco_object(segmentation={"counts": [0, 120], "size": [12, 10]}),
            {"002.jpg#person": "of 10 x 12 pixels, not 12 x 10"},
        ),
        "run lengths too long": coco_object(
            segmentation={"counts": [10, 10**12], "size": [10, 12]}
        ),
        "run lengths below 0": coco_object(segmentation={"counts": [130, -10], "size": [10, 12]}),
        "iscrowd is '0'": coco_object(iscrowd="0"),
        "iscrowd is 2": coco_object(iscrowd=2),
        "a box in shares of the picture": (
            coco_object(bbox=[0.25, 0.2, 0.5, 0.4]),
            {"002.jpg#person": "within the first pixel of its picture of 12 x 10"},
        ),
        "a box of texts": coco_object(bbox=["3", "2", "6", "4"]),
        "a box of 5": coco_object(bbox=[3, 2, 6, 4, 1]),
        "a box with 1e400": (swap(COCO, "6, 4]", "1e400, 4]", 4), None),
        "the picture's id is true": (
            coco_object(image_id=True),
            ["annotations[3] of annotations/instances_val2017.json"],
        ),
        "an object is a number": (
            coco_list("annotations", lambda all_: all_.append(7)),
            ["annotations[4] of annotations/instances_val2017.json"],
        ),
        "a picture without a name": (
            coco_list("images", lambda p: p.append({"id": 9})),
            ["images[2] of annotations/instances_val2017.json"],
        ),
        "one id for two pictures": (
            coco_list("images", lambda p: p.append({"id": 5, "file_name": "001.jpg"})),
            ["002.jpg#person", "images[2] of annotations/instances_val2017.json"],
        ),
        "a huge picture is stated": coco_list(
            "images", lambda p: p[0].update(width=10**9, height=10**9)
        ),
        "a file name of 300 letters": (
            coco_list("images", lambda p: p[0].update(file_name="x" * 300 + ".jpg")),
            ["x" * 300 + ".jpg#person"],
        ),
        "a picture that is none": put("val2017/002.jpg", "no picture"),
        "an outline without corners": coco_object(segmentation=[[], [3, 2, 9, 2, 9, 6, 3, 6]]),
        "a corner list that is flat": coco_object(segmentation=[3, 2, 9, 2, 9, 6, 3, 6]),
        "a NUL in a name": (
            coco_list("images", lambda p: p[0].update(file_name="a\0b.jpg")),
            ["a\0b.jpg#person"],
        ),
        "an address that nobody answers": (
            coco_list("images", lambda p: p[0].update(file_name="http://127.0.0.1:9/x.jpg")),
            ["http://127.0.0.1:9/x.jpg#person"],
        ),
        "sides are swapped": coco_list("images", lambda p: p[0].update(width=10, height=12)),
        "one id for two categories": (
            coco_list("categories", lambda kinds: kinds.append({"id": 1, "name": "cup"})),
            "set",
        ),
        "JSON of a million brackets": (put(COCO, "[" * 10**6), "set"),
        "a number of a million digits": (swap(COCO, '"id": 18', '"id": 1' + "0" * 10**6), "set"),
        "a list instead of an object": (put(COCO, "[]"), "set"),
        "a pipe": (pipe(COCO), "set"),
        "one key twice": (swap(COCO, '"annotations"', '"images": [], "annotations"'), "set"),
        "no pictures": (coco_list("images", list.clear), "set"),
    },
)

attacks(
    "yolo",
    "set",
    {
        "a line of three numbers": (
            put(LINES, "1 0.5 0.5\n"),
            {"train/b.jpg#(no label)": r"line 1 of .*b\.txt: .* is neither a box"},
        ),
        "two files of names": put("other.yaml", "names: [dog, cat]\n"),
        "two files of the same names": (put("other.yaml", "names: [cat, dog]\n"), []),
        "class numbers of an array": (put(LINES, "1.0 0.25 0.2 0.75 0.2 0.75 0.6 0.25 0.6\n"), []),
        "a class between two": (
            put(LINES, "0.5 0.5 0.4 0.5 0.4\n"),
            {"train/b.jpg#(no label)": r"'0\.5' is not a class number"},
        ),
        "key points": put("data.yaml", "names: [cat, dog]\nkpt_shape: [4, 2]\n"),
        "two documents": put("data.yaml", "names: [a]\n---\nnames: [b]\n"),
        "YAML with a tab": put("data.yaml", "names:\n\t- cat\n"),
        "a class far beyond the names": (
            put(LINES, "999999999999 0.5 0.4 0.5 0.4\n"),
            {"train/b.jpg#class 999999999999": "'class 999999999999' is not a class"},
        ),
        "a bomb of aliases": put("data.yaml", lambda: "\n".join(bomb())),
        "a bomb of merged keys": put("data.yaml", lambda: "\n".join(merges())),
        "YAML of many brackets": put("data.yaml", "names: " + "[" * 10**5),
        "a name of number 10^12": put("data.yaml", "names: {999999999999: cat}"),
        "one number for two names": put("data.yaml", "names: {0: cat, 00: dog}"),
        "one key twice": put("data.yaml", "names: [a, b]\nnames: [b, a]\n"),
        "a name is a list": put("data.yaml", "names: [[cat], dog]"),
        "YAML is a pipe": pipe("data.yaml"),
        "10 MB of YAML": put("data.yaml", lambda: "names: [" + "a," * 5 * 10**6),
        "pixels instead of shares": (put(LINES, "1 6 4 6 4\n"), ["train/b.jpg#dog"]),
        "a width below 0": (put(LINES, "1 0.5 0.5 -0.2 0.5\n"), ["train/b.jpg#dog"]),
        "corners at 1e9": (put(LINES, "1 0.2 0.2 1e9 0.2 0.7 0.6 0.2 0.6\n"), ["train/b.jpg#dog"]),
    },
)

attacks(
    "yolo",
    ["train/b.jpg#(no label)"],
    {
        "UTF-16": put(LINES, "1 0.5 0.4 0.5 0.4\n".encode("utf-16")),
        "a confidence": put(LINES, "1 0.5 0.4 0.5 0.4 0.99\n"),
        "NaN": put(LINES, "1 nan 0.4 0.5 0.4\n"),
        "an odd polygon": put(LINES, "1 0.2 0.2 0.7 0.2 0.7 0.6 0.2\n"),
        "other digits": put(LINES, "1 0.5 0.4 0.5 ٠.4\n"),
        "a class below 0": put(LINES, "-1 0.5 0.4 0.5 0.4\n"),
        "a pipe": pipe(LINES),
        "a bomb in a zip file": packed(LINES, 64),
    },
)

B = "labelme/b.json"
C = "labelme/c.json"

attacks(
    "labelme",
    ["images/b.jpg#dog"],
    {
        "a line": (
            swap(B, '"polygon"', '"line"'),
            {"images/b.jpg#dog": "a shape of the type 'line' has no area"},
        ),
        "a point is missing": swap(B, "[3, 2], [9, 2], [9, 6], [3, 6]", "[3, 2], [9, 2]"),
        "a corner at 1e9": swap(B, "[9, 2]", "[1e9, 2]"),
        "a corner is a text": swap(B, "[9, 2]", '["9", 2]'),
        "a corner is NaN": swap(B, "[9, 2]", "[NaN, 2]"),
        "three points of a rectangle": (
            swap(B, "[[9, 6], [3, 2]]", "[[9, 6], [3, 2], [1, 1]]"),
            {"images/b.jpg#cat": "a rectangle has 3 points"},
        ),
        "a mask that is no PNG": (
            swap(B, '"rectangle"', '"mask"'),
            ["images/b.jpg#cat"],
        ),
        "another size": (
            swap(B, '"imageHeight": 10', '"imageHeight": 12'),
            ["images/b.jpg#cat", "images/b.jpg#dog"],
        ),
        "no label": (swap(C, '"label": "dog"', '"label": ""'), ["c.json"]),
        "no path": (swap(C, '"imagePath"', '"path"'), ["c.json"]),
        "not JSON": (put(C, "{"), ["c.json"]),
        "of another tool": (put(C, "[]"), {"c.json": "it has no `shapes`"}),
        "a pipe": (pipe(C), ["c.json"]),
        "two files of one picture": (
            put("labelme/d.json", lambda: COPY),
            ["images/b.jpg#dog"],
        ),
    },
)

TASKS = "export.json"

attacks(
    "label_studio",
    ["some/where/a #.jpg#dog"],
    {
        "a brush": (
            swap(TASKS, "polygonlabels", "brushlabels", 2),
            {"some/where/a #.jpg#dog": "brushlabels are not read"},
        ),
        "points in pixels": swap(TASKS, "[25.0, 20.0]", "[2500.0, 20.0]"),
        "points are a number": swap(TASKS, "[25.0, 20.0]", "7"),
        "two people": (
            swap(TASKS, ', "was_cancelled": true', ""),
            {"task 1 of export.json": "2 annotations: mark one of them as ground truth"},
        ),
        "two people, one of them right": (
            lambda root: (
                swap(TASKS, ', "was_cancelled": true', "")(root),
                swap(TASKS, '"annotations": [{', '"annotations": [{"ground_truth": true, ')(root),
            ),
            [],
        ),
        "no picture": (
            swap(TASKS, '"image": "/data/local', '"image": 3, "a": "/x'),
            ["task 1 of export.json"],
        ),
        "turned in no picture": (
            swap(TASKS, '"original_width": 12', '"original_width": 0'),
            ["upload/1/b%20.jpg#dog"],
        ),
        "a task is a number": (put(TASKS, "[7]"), "set"),
        "an object": (put(TASKS, "{}"), "set"),
        "not JSON": (put(TASKS, "["), "set"),
        "a pipe": (pipe(TASKS), "set"),
    },
)

attacks(
    "fiftyone",
    ["data/a.jpg#dog"],
    {
        "a mask that is not packed": swap("samples.json", '"base64": "', '"base64": "AAAA'),
        "a mask of bombs": swap("samples.json", '"base64": "', f'"base64": "{BOMB}", "former": "'),
        "a box of three": (
            swap("samples.json", "[0.25, 0.2, 0.5, 0.4]", "[0.25, 0.2, 0.5]"),
            ["data/b.jpg#dog"],
        ),
        "a box beyond": (
            swap("samples.json", "[0.25, 0.2, 0.5, 0.4]", "[0.25, 0.2, 5, 0.4]", 2),
            ["data/a.jpg#dog", "data/b.jpg#dog"],
        ),
        "no label": (swap("samples.json", '"label": "dog"', '"label": 3'), ["samples[0]"]),
        "two fields": (swap("samples.json", "ground_truth", "seen", 3), "set"),
        "no field": (swap("samples.json", "Detections", "Keypoints", 6), "set"),
        "not JSON": (put("samples.json", "{"), "set"),
        "a list": (put("samples.json", "[]"), "set"),
        "a pipe": (pipe("samples.json"), "set"),
    },
)

attacks(
    "masks",
    ["b.jpg#(no label)"],
    {
        "a number that no class has": (
            lambda root: grey(root / "masks/b.png", MASK * 9),
            {"b.jpg#(no label)": r"has pixels of 9, which classes\.txt does not have"},
        ),
        "a mask in colours": lambda root: colours(root / "masks/b.png", np.stack([MASK] * 3, -1)),
        "a mask that is no picture": put("masks/b.png", "no picture"),
        "a mask without a picture": (
            lambda root: grey(root / "masks/z.png", MASK),
            {"z.png": "has no picture of its name"},
        ),
        "a mask of another size": (
            lambda root: grey(root / "masks/b.png", MASK[:5] * 3),
            {"b.jpg#cat": "its mask has 12 x 5 pixels"},
        ),
        "a pipe": pipe("masks/b.png"),
        "one number twice": (put("classes.txt", "7 dog\n7 cat\n"), "set"),
        "no number": (put("classes.txt", "dog\ncat\n"), "set"),
        "no name": (put("classes.txt", "7 \n"), "set"),
        "no class": (put("classes.txt", "\n"), "set"),
    },
)

attacks(
    "pascal_voc",
    ["a"],
    {
        "a side is missing": swap(VOC, "<xmin>4</xmin>", ""),
        "a bomb of entities": put(VOC, entities),
        "many elements in each other": put(VOC, lambda: b"<a>" * 10**5),
        "another document": put(VOC, "<html/>"),
        "a side is infinite": swap(VOC, ">9<", ">inf<"),
        "a side with an underscore": swap(VOC, ">9<", ">0_9<"),
        "a width of many digits": swap(VOC, ">12<", f">{'1' * 5000}<"),
        "one side twice": swap(VOC, "<xmin>4</xmin>", "<xmin>4</xmin><xmin>1</xmin>"),
        "an entity from another file": put(
            VOC,
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation>&x;</annotation>',
        ),
        "a mask that is no picture": (put("SegmentationClass/b.png", "no picture"), ["b"]),
        "a pipe": pipe(VOC),
        "a device": link(VOC, "/dev/zero"),
    },
)

attacks(
    "csv",
    ["line 3 of mine.csv"],
    {
        "a quote is left open": swap("mine.csv", "pictures/a.jpg,cup", 'pictures/a.jpg,"cup'),
        "two quotes that are left open": (
            put(
                "mine.csv",
                "path,label,left,top,right,bottom\n"
                'pictures/a.jpg,"cup,,,,\npictures/b.jpg,tabby,3,2,9,6\n'
                'pictures/b.jpg,tabby,0,0,2,2.5\npictures/c.jpg,"cup,,,,\n',
            ),
            ["line 2 of mine.csv", "line 5 of mine.csv"],
        ),
        "a line without a label": swap("mine.csv", "pictures/a.jpg,cup", "pictures/a.jpg,"),
        "a side too many": (
            swap("mine.csv", "9,6", "9,6,7"),
            {"pictures/b.jpg": "line 2 of .*mine.csv .* it has 7 columns, not 6"},
        ),
        "a side is NaN": (swap("mine.csv", "9,6", "9,nan"), ["pictures/b.jpg"]),
        "sides in shares of the picture": (
            swap("mine.csv", "3,2,9,6", ".25,.2,.75,.6"),
            {"pictures/b.jpg": "within the first pixel"},
        ),
        "a NUL": (swap("mine.csv", "pictures/a.jpg,cup", "pictures/a.jpg\0,cup"), None),
        "a cell of a megabyte": (
            lambda root: (
                (root / "mine.csv").open("a").write("pictures/a.jpg," + "x" * 10**6 + ",,,,\n")
            ),
            ["line 5 of mine.csv"],
        ),
        "a pipe": (pipe("mine.csv"), "set"),
    },
)

attacks(
    "cub",
    ["001.Bird_1/p1.jpg"],
    {
        "a box of one number": swap(f"{CUB}/bounding_boxes.txt", "1 3.0 2.0 6.0 4.0", "1"),
        "a picture without a box": swap(f"{CUB}/bounding_boxes.txt", "1 3.0", "7 3.0"),
        "a class beyond the names": swap(f"{CUB}/image_class_labels.txt", "1 1", "1 9"),
        "a mask of another size": (
            lambda root: grey(root / "segmentations/001.Bird_1/p1.png", MASK[:5]),
            {"001.Bird_1/p1.jpg": "its mask has 12 x 5 pixels"},
        ),
        "tabs": (swap(f"{CUB}/bounding_boxes.txt", "1 3.0 2.0", "1\t3.0\t2.0"), []),
        "01": (swap(f"{CUB}/bounding_boxes.txt", "1 3.0", "01 3.0"), []),
        "one number for two boxes": swap(f"{CUB}/bounding_boxes.txt", "2 3.0", "1 3.0"),
        "one number for two pictures": (
            swap(f"{CUB}/images.txt", "2 002", "1 002"),
            ["(picture 1)"],
        ),
        "a split that is no split": swap(f"{CUB}/train_test_split.txt", "1 0", "1 x"),
        "a picture without a split": swap(f"{CUB}/train_test_split.txt", "1 0\n", ""),
        "a class that is no number": swap(f"{CUB}/image_class_labels.txt", "1 1", "1 one"),
    },
)

attacks(
    "tiny_imagenet",
    ["val_1.JPEG"],
    {
        "no class": swap("val/val_annotations.txt", "n020000000\t3", ""),
        "two sides": swap("val/val_annotations.txt", "3\t2\t8\t5", "3\t2"),
        "a file twice": add("val/val_annotations.txt", "val_1.JPEG\tn010000000\t0\t0\t8\t5\n"),
    },
)

attacks(
    "wsol",
    ["val/a.JPEG"],
    {
        "no box": swap("localization.txt", "val/a.JPEG,3,2,8,5", ""),
        "three sides": swap("localization.txt", "val/a.JPEG,3,2,8,5", "val/a.JPEG,3,2,8"),
        "no label": swap("class_labels.txt", "val/a.JPEG,0", "val/a.JPEG"),
        "a size that is no number": swap("image_sizes.txt", "val/a.JPEG,12", "val/a.JPEG,x"),
        "two labels for one picture": add("class_labels.txt", "val/a.JPEG,1\n"),
        "two sizes for one picture": add("image_sizes.txt", "val/a.JPEG,10,12\n"),
        "a class of 10^12": swap("class_labels.txt", "val/a.JPEG,0", "val/a.JPEG,1000000000000"),
    },
)

attacks(
    "imagenet_boxes",
    ["b.JPEG"],
    {
        "a box is a text": swap("boxes.json", "[3, 2, 8, 5]", '"x"'),
        "no class": swap("boxes.json", '"imagenet_index": 1', '"x": 1'),
        "no file": (swap("boxes.json", '"file": "b.JPEG", ', ""), ["(entry 0)"]),
        "true for a class": swap("boxes.json", '"imagenet_index": 1', '"imagenet_index": true'),
        "two classes for one picture": swap(
            "boxes.json", '"imagenet_index": 1', '"imagenet_index": 1, "synset": "n01440764"'
        ),
        "a box that is no list": swap("boxes.json", "[[3, 2, 8, 5]]", "[3, 2, 8, 5]"),
        "a box of texts": swap("boxes.json", "[3, 2, 8, 5]", '["3", "2", "8", "5"]'),
        "a file twice": swap(
            "boxes.json", "[{", '[{"file": "b.JPEG", "synset": "n01440764", "boxes": []}, {'
        ),
        "an entry is a text": (swap("boxes.json", "[{", '["x", {'), ["(entry 0)"]),
    },
)

attacks(
    "folder",
    ["loose.jpg"],
    {
        "a picture beside the folders": lambda root: picture(root / "loose.jpg"),
        "a class of a picture that is none": (put("tabby/9.jpg", ""), ["tabby/9.jpg"]),
    },
)

attacks(
    "imagenet_segmentation",
    ["n01443537_0"],
    {
        "a mask of NaN": mat("gt", 0, {"data": np.full((12, 10), np.nan)}),
        "a file that was cut": (lambda root: os.truncate(root / "gtsegs_ijcv.mat", 3000), "set"),
        "pixels of float64": mat("img", 0, {"data": np.full((3, 12, 10), 0.5)}),
        "a mask of halves": mat("gt", 0, {"data": np.full((12, 10), 0.5)}),
        "a mask of 10^12 pixels": mat(
            "gt", 0, {"shape": (10**6, 10**6), "dtype": "u1", "chunks": (1000, 1000)}
        ),
    },
)


S_MASK = "validation-segmentation/n01443537/ILSVRC2012_val_00000000.png"
S_NAME = "n01443537/ILSVRC2012_val_00000000.JPEG"
attacks(
    "imagenet_s",
    [S_NAME],
    {
        "a mask without colours": lambda root: grey(root / S_MASK, MASK),
        "a mask that is missing": lambda root: (root / S_MASK).unlink(),
        "a mask of another size": lambda root: colours(root / S_MASK, np.full((3, 3, 3), 2)),
        "a mask of another class": lambda root: colours(root / S_MASK, np.full((10, 12, 3), 7)),
        "a picture beside the folders": (put("validation/9.JPEG", ""), ["9.JPEG"]),
    },
)

attacks(
    "funny_birds",
    ["1/000000.png"],
    {
        "a part map that is missing": lambda root: (root / "test_part_map/1/000000.png").unlink(),
        "a part map of another size": lambda root: colours(
            root / "test_part_map/1/000000.png", np.zeros((4, 4, 3))
        ),
        "a bird without a class": (
            swap("dataset_test.json", '"class_idx": 1', '"a": 1'),
            ["000000"],
        ),
        "a bird of class -1": (swap("dataset_test.json", "1", "-1"), ["000000"]),
        "a bird of a class that is none": (swap("dataset_test.json", "1", "7"), ["7/000000.png"]),
        "birds that are no list": (put("dataset_test.json", "7"), "set"),
        "a part without a colour": (swap("parts.json", "beak", "nose"), "set"),
        "parts that are no table": (put("parts.json", "[1]"), "set"),
        "classes that do not count": (
            swap("classes.json", '"class_idx": 1', '"class_idx": 2'),
            "set",
        ),
    },
)

attacks(
    "planted",
    ["b.png"],
    {
        "a mask that is missing": lambda root: (root / "masks/b.png").unlink(),
        "a mask of another size": lambda root: grey(root / "masks/b.png", MASK[:4]),
        "a mask of colours": lambda root: picture(root / "masks/b.png"),
        "a picture that is planted twice": swap(
            "planted.csv", "a.png,a tag", "b.png,c,masks/a.png,a.png\na.png,a tag"
        ),
        "a plant without a class": (swap("planted.csv", "b tag", ""), ["line 2 of planted.csv"]),
        "other columns": (swap("planted.csv", "without", "with"), "set"),
        "an empty file": (put("planted.csv", ""), "set"),
    },
)


def run_attack(name, root):
    """What comes of one attack: the samples that fail, with the reason, and those that do not."""
    layout, attack, _ = ATTACKS[name]
    written = WRITERS[layout](root)
    if layout == "csv":
        picture(root / "pictures/c.jpg")
    made = attack(root)
    begun = time.process_time()
    signal.alarm(SECONDS)
    found = {"failed": {}, "sound": {}, "set": ""}
    try:
        data = DATASETS[layout].read(made if isinstance(made, str) else written.root)
        for sample in data.samples:
            try:
                truth = data.truth(sample)
                if layout == "imagenet_segmentation":
                    from agcam.images import open_picture

                    open_picture(sample.address)
                mask = None if truth.mask is None else int((truth.mask == 1).sum())
                found["sound"][sample.name] = [truth.boxes.tolist(), mask]
            except AgcamError as error:
                found["failed"][sample.name] = str(error)
    except AgcamError as error:
        found["set"] = str(error)
    finally:
        signal.alarm(0)
    found["seconds"] = time.process_time() - begun
    return found


def hangs(*_):
    raise TimeoutError(f"it takes more than {SECONDS} seconds")


def main(folder):
    for name in WRITERS:  # what libraries take is not counted
        if name != "imagenet_segmentation":
            written = WRITERS[name](folder / f"first {name}")
            data = DATASETS[name].read(written.root)
            [data.truth(sample) for sample in data.samples]
    held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (held + GIGABYTE, held + GIGABYTE))
    found = {}
    for number, name in enumerate(ATTACKS):
        try:
            found[name] = run_attack(name, folder / str(number))
        except BaseException as error:  # a fault, which the test reports
            found[name] = {"fault": f"{type(error).__name__}: {error}"[:300]}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, hangs)
    main(Path(sys.argv[1]))
