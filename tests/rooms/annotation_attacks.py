"""Bad annotations of every kind, read in a child process whose memory and time are bounded.

Run as a program with a folder it prints, as JSON, what came of each attack of the tables below.
"""

import json
import os
import resource
import signal
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
from layouts import WRITERS, picture

from agcam import AgcamError
from agcam.datasets import DATASETS

GIGABYTE = 2**30
SECONDS = 20

COCO = "annotations/instances_val2017.json"
CUB = "CUB_200_2011"
VOC = "Annotations/a.xml"


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


def coco_thing(**changes):
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


# name -> (layout, attack, the samples that must fail); "set": the whole set is one sentence
ATTACKS = {
    "coco: corners at 1e9": ("coco", coco_thing(segmentation=far(1e9)), ["002.jpg#person"]),
    "coco: corners at -1e300": ("coco", coco_thing(segmentation=far(-1e300)), ["002.jpg#person"]),
    "coco: a corner is NaN": (
        "coco",
        coco_thing(segmentation=far(float("nan"))),
        ["002.jpg#person"],
    ),
    "coco: a corner is a text": ("coco", coco_thing(segmentation=far("3")), ["002.jpg#person"]),
    "coco: a corner is true": ("coco", coco_thing(segmentation=far(True)), ["002.jpg#person"]),
    "coco: a polygon of 4": ("coco", coco_thing(segmentation=[[3, 2, 9, 6]]), ["002.jpg#person"]),
    "coco: garbage run lengths": (
        "coco",
        coco_thing(segmentation={"counts": "\x7f~zz!", "size": [10, 12]}),
        ["002.jpg#person"],
    ),
    "coco: run lengths of another size": (
        "coco",
        coco_thing(segmentation={"counts": [0, 120], "size": [12, 10]}),
        ["002.jpg#person"],
    ),
    "coco: run lengths too long": (
        "coco",
        coco_thing(segmentation={"counts": [10, 10**12], "size": [10, 12]}),
        ["002.jpg#person"],
    ),
    "coco: run lengths below 0": (
        "coco",
        coco_thing(segmentation={"counts": [130, -10], "size": [10, 12]}),
        ["002.jpg#person"],
    ),
    "coco: iscrowd is '0'": ("coco", coco_thing(iscrowd="0"), ["002.jpg#person"]),
    "coco: iscrowd is 2": ("coco", coco_thing(iscrowd=2), ["002.jpg#person"]),
    "coco: a box of texts": ("coco", coco_thing(bbox=["3", "2", "6", "4"]), ["002.jpg#person"]),
    "coco: a box of 5": ("coco", coco_thing(bbox=[3, 2, 6, 4, 1]), ["002.jpg#person"]),
    "coco: a box with 1e400": ("coco", swap(COCO, "6, 4]", "1e400, 4]", 4), None),
    "coco: the picture's id is true": (
        "coco",
        coco_thing(image_id=True),
        ["annotations[3] of annotations/instances_val2017.json"],
    ),
    "coco: an object is a number": (
        "coco",
        coco_list("annotations", lambda things: things.append(7)),
        ["annotations[4] of annotations/instances_val2017.json"],
    ),
    "coco: a picture without a name": (
        "coco",
        coco_list("images", lambda pictures: pictures.append({"id": 9})),
        ["images[2] of annotations/instances_val2017.json"],
    ),
    "coco: one id for two pictures": (
        "coco",
        coco_list("images", lambda p: p.append({"id": 5, "file_name": "001.jpg"})),
        ["002.jpg#person", "images[2] of annotations/instances_val2017.json"],
    ),
    "coco: a huge picture is stated": (
        "coco",
        coco_list("images", lambda pictures: pictures[0].update(width=10**9, height=10**9)),
        ["002.jpg#person"],
    ),
    "coco: one id for two categories": (
        "coco",
        coco_list("categories", lambda kinds: kinds.append({"id": 1, "name": "cup"})),
        "set",
    ),
    "coco: JSON of a million brackets": ("coco", put(COCO, "[" * 10**6), "set"),
    "coco: a number of a million digits": (
        "coco",
        swap(COCO, '"id": 18', '"id": 1' + "0" * 10**6),
        "set",
    ),
    "coco: a list instead of an object": ("coco", put(COCO, "[]"), "set"),
    "coco: a pipe": ("coco", pipe(COCO), "set"),
    "coco: one key twice": (
        "coco",
        swap(COCO, '"annotations"', '"images": [], "annotations"'),
        "set",
    ),
    "coco: no pictures": ("coco", coco_list("images", list.clear), "set"),
    "coco: a file name of 300 letters": (
        "coco",
        coco_list("images", lambda pictures: pictures[0].update(file_name="x" * 300 + ".jpg")),
        ["x" * 300 + ".jpg#person"],
    ),
    "coco: a picture that is none": (
        "coco",
        put("val2017/002.jpg", "no picture"),
        ["002.jpg#person"],
    ),
    "coco: outlines without corners": ("coco", coco_thing(segmentation=[[]]), ["002.jpg#person"]),
    "coco: a corner list that is flat": (
        "coco",
        coco_thing(segmentation=[3, 2, 9, 2, 9, 6, 3, 6]),
        ["002.jpg#person"],
    ),
    "coco: a NUL in a name": (
        "coco",
        coco_list("images", lambda pictures: pictures[0].update(file_name="a\0b.jpg")),
        ["a\0b.jpg#person"],
    ),
    "coco: an address that nobody answers": (
        "coco",
        coco_list("images", lambda p: p[0].update(file_name="http://127.0.0.1:9/x.jpg")),
        ["http://127.0.0.1:9/x.jpg#person"],
    ),
    "coco: sides are swapped": (
        "coco",
        coco_list("images", lambda pictures: pictures[0].update(width=10, height=12)),
        ["002.jpg#person"],
    ),
    "yolo: pixels instead of shares": (
        "yolo",
        put("labels/train/b.txt", "1 6 4 6 4\n"),
        ["train/b.jpg#dog"],
    ),
    "yolo: a width below 0": (
        "yolo",
        put("labels/train/b.txt", "1 0.5 0.5 -0.2 0.5\n"),
        ["train/b.jpg#dog"],
    ),
    "yolo: UTF-16": (
        "yolo",
        put("labels/train/b.txt", "1 0.5 0.4 0.5 0.4\n".encode("utf-16")),
        ["train/b.jpg#(no label)"],
    ),
    "yolo: two files of names": ("yolo", put("other.yaml", "names: [dog, cat]\n"), "set"),
    "yolo: two files of the same names": ("yolo", put("other.yaml", "names: [cat, dog]\n"), []),
    "yolo: two documents": ("yolo", put("data.yaml", "names: [a]\n---\nnames: [b]\n"), "set"),
    "yolo: YAML with a tab": ("yolo", put("data.yaml", "names:\n\t- cat\n"), "set"),
    "yolo: a confidence": (
        "yolo",
        put("labels/train/b.txt", "1 0.5 0.4 0.5 0.4 0.99\n"),
        ["train/b.jpg#(no label)"],
    ),
    "yolo: NaN": (
        "yolo",
        put("labels/train/b.txt", "1 nan 0.4 0.5 0.4\n"),
        ["train/b.jpg#(no label)"],
    ),
    "yolo: corners at 1e9": (
        "yolo",
        put("labels/train/b.txt", "1 0.2 0.2 1e9 0.2 0.7 0.6 0.2 0.6\n"),
        ["train/b.jpg#dog"],
    ),
    "yolo: an odd polygon": (
        "yolo",
        put("labels/train/b.txt", "1 0.2 0.2 0.7 0.2 0.7 0.6 0.2\n"),
        ["train/b.jpg#(no label)"],
    ),
    "yolo: other digits": (
        "yolo",
        put("labels/train/b.txt", "1 0.5 0.4 0.5 ٠.4\n"),
        ["train/b.jpg#(no label)"],
    ),
    "yolo: a class below 0": (
        "yolo",
        put("labels/train/b.txt", "-1 0.5 0.4 0.5 0.4\n"),
        ["train/b.jpg#(no label)"],
    ),
    "yolo: a class far beyond the names": (
        "yolo",
        put("labels/train/b.txt", "999999999999 0.5 0.4 0.5 0.4\n"),
        ["train/b.jpg#class 999999999999"],
    ),
    "yolo: a pipe": ("yolo", pipe("labels/train/b.txt"), ["train/b.jpg#(no label)"]),
    "yolo: a bomb in a zip file": (
        "yolo",
        packed("labels/train/b.txt", 64),
        ["train/b.jpg#(no label)"],
    ),
    "yolo: a bomb of aliases": (
        "yolo",
        put("data.yaml", lambda: "\n".join(bomb())),
        "set",
    ),
    "yolo: a bomb of merged keys": ("yolo", put("data.yaml", lambda: "\n".join(merges())), "set"),
    "yolo: YAML of many brackets": ("yolo", put("data.yaml", "names: " + "[" * 10**5), "set"),
    "yolo: a name of number 10^12": (
        "yolo",
        put("data.yaml", "names: {999999999999: cat}"),
        "set",
    ),
    "yolo: one number for two names": ("yolo", put("data.yaml", "names: {0: cat, 00: dog}"), "set"),
    "yolo: one key twice": ("yolo", put("data.yaml", "names: [a, b]\nnames: [b, a]\n"), "set"),
    "yolo: a name is a list": ("yolo", put("data.yaml", "names: [[cat], dog]"), "set"),
    "yolo: YAML is a pipe": ("yolo", pipe("data.yaml"), "set"),
    "yolo: 10 MB of YAML": ("yolo", put("data.yaml", lambda: "names: [" + "a," * 5 * 10**6), "set"),
    "voc: a bomb of entities": ("pascal_voc", put(VOC, entities), ["a"]),
    "voc: many elements in each other": ("pascal_voc", put(VOC, lambda: b"<a>" * 10**5), ["a"]),
    "voc: another document": ("pascal_voc", put(VOC, "<html/>"), ["a"]),
    "voc: a side is infinite": ("pascal_voc", swap(VOC, ">9<", ">inf<"), ["a"]),
    "voc: a side with an underscore": ("pascal_voc", swap(VOC, ">9<", ">0_9<"), ["a"]),
    "voc: a width of many digits": ("pascal_voc", swap(VOC, ">12<", f">{'1' * 5000}<"), ["a"]),
    "voc: one side twice": (
        "pascal_voc",
        swap(VOC, "<xmin>4</xmin>", "<xmin>4</xmin><xmin>1</xmin>"),
        ["a"],
    ),
    "voc: an entity from another file": (
        "pascal_voc",
        put(
            VOC,
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation>&x;</annotation>',
        ),
        ["a"],
    ),
    "voc: a mask that is no picture": (
        "pascal_voc",
        put("SegmentationClass/b.png", "no picture"),
        ["b"],
    ),
    "voc: a pipe": ("pascal_voc", pipe(VOC), ["a"]),
    "voc: a device": ("pascal_voc", link(VOC, "/dev/zero"), ["a"]),
    "csv: a quote is left open": (
        "csv",
        swap("mine.csv", "pictures/a.jpg,cup", 'pictures/a.jpg,"cup'),
        ["line 3 of mine.csv"],
    ),
    "csv: two quotes that are left open": (
        "csv",
        put(
            "mine.csv",
            "path,label,left,top,right,bottom\n"
            'pictures/a.jpg,"cup,,,,\npictures/b.jpg,tabby,3,2,9,6\n'
            'pictures/b.jpg,tabby,0,0,2,2.5\npictures/c.jpg,"cup,,,,\n',
        ),
        ["line 2 of mine.csv", "line 5 of mine.csv"],
    ),
    "csv: a line without a label": (
        "csv",
        swap("mine.csv", "pictures/a.jpg,cup", "pictures/a.jpg,"),
        ["line 3 of mine.csv"],
    ),
    "csv: a side too many": ("csv", swap("mine.csv", "9,6", "9,6,7"), ["pictures/b.jpg"]),
    "csv: a side is NaN": ("csv", swap("mine.csv", "9,6", "9,nan"), ["pictures/b.jpg"]),
    "csv: a NUL": ("csv", swap("mine.csv", "pictures/a.jpg,cup", "pictures/a.jpg\0,cup"), None),
    "csv: a cell of a megabyte": (
        "csv",
        lambda root: (
            (root / "mine.csv").open("a").write("pictures/a.jpg," + "x" * 10**6 + ",,,,\n")
        ),
        ["line 5 of mine.csv"],
    ),
    "csv: a pipe": ("csv", pipe("mine.csv"), "set"),
    "cub: tabs": ("cub", swap(f"{CUB}/bounding_boxes.txt", "1 3.0 2.0", "1\t3.0\t2.0"), []),
    "cub: 01": ("cub", swap(f"{CUB}/bounding_boxes.txt", "1 3.0", "01 3.0"), []),
    "cub: one number for two boxes": (
        "cub",
        swap(f"{CUB}/bounding_boxes.txt", "2 3.0", "1 3.0"),
        ["001.Bird_1/p1.jpg"],
    ),
    "cub: one number for two pictures": (
        "cub",
        swap(f"{CUB}/images.txt", "2 002", "1 002"),
        ["(picture 1)"],
    ),
    "cub: a split that is no split": (
        "cub",
        swap(f"{CUB}/train_test_split.txt", "1 0", "1 x"),
        ["001.Bird_1/p1.jpg"],
    ),
    "cub: a picture without a split": (
        "cub",
        swap(f"{CUB}/train_test_split.txt", "1 0\n", ""),
        ["001.Bird_1/p1.jpg"],
    ),
    "cub: a class that is no number": (
        "cub",
        swap(f"{CUB}/image_class_labels.txt", "1 1", "1 one"),
        ["001.Bird_1/p1.jpg"],
    ),
    "tiny: a file twice": (
        "tiny_imagenet",
        add("val/val_annotations.txt", "val_1.JPEG\tn010000000\t0\t0\t8\t5\n"),
        ["val_1.JPEG"],
    ),
    "wsol: two labels for one picture": (
        "wsol",
        add("class_labels.txt", "val/a.JPEG,1\n"),
        ["val/a.JPEG"],
    ),
    "wsol: two sizes for one picture": (
        "wsol",
        add("image_sizes.txt", "val/a.JPEG,10,12\n"),
        ["val/a.JPEG"],
    ),
    "wsol: a class of 10^12": (
        "wsol",
        swap("class_labels.txt", "val/a.JPEG,0", "val/a.JPEG,1000000000000"),
        ["val/a.JPEG"],
    ),
    "boxes.json: true for a class": (
        "imagenet_boxes",
        swap("boxes.json", '"imagenet_index": 1', '"imagenet_index": true'),
        ["b.JPEG"],
    ),
    "boxes.json: two classes for one picture": (
        "imagenet_boxes",
        swap("boxes.json", '"imagenet_index": 1', '"imagenet_index": 1, "synset": "n01440764"'),
        ["b.JPEG"],
    ),
    "boxes.json: a box that is no list": (
        "imagenet_boxes",
        swap("boxes.json", "[[3, 2, 8, 5]]", "[3, 2, 8, 5]"),
        ["b.JPEG"],
    ),
    "folder: a picture beside the folders": (
        "folder",
        lambda root: picture(root / "loose.jpg"),
        ["loose.jpg"],
    ),
    "folder: a class of a picture that is none": (
        "folder",
        put("tabby/9.jpg", ""),
        ["tabby/9.jpg"],
    ),
    "boxes.json: a box of texts": (
        "imagenet_boxes",
        swap("boxes.json", "[3, 2, 8, 5]", '["3", "2", "8", "5"]'),
        ["b.JPEG"],
    ),
    "boxes.json: a file twice": (
        "imagenet_boxes",
        swap("boxes.json", "[{", '[{"file": "b.JPEG", "synset": "n01440764", "boxes": []}, {'),
        ["b.JPEG"],
    ),
    "boxes.json: an entry is a text": (
        "imagenet_boxes",
        swap("boxes.json", "[{", '["x", {'),
        ["(entry 0)"],
    ),
    "mat: a mask of NaN": (
        "imagenet_segmentation",
        mat("gt", 0, {"data": np.full((12, 10), np.nan)}),
        ["n01443537_0"],
    ),
    "mat: a file that was cut": (
        "imagenet_segmentation",
        lambda root: os.truncate(root / "gtsegs_ijcv.mat", 3000),
        "set",
    ),
    "mat: pixels of float64": (
        "imagenet_segmentation",
        mat("img", 0, {"data": np.full((3, 12, 10), 0.5)}),
        ["n01443537_0"],
    ),
    "mat: a mask of halves": (
        "imagenet_segmentation",
        mat("gt", 0, {"data": np.full((12, 10), 0.5)}),
        ["n01443537_0"],
    ),
    "mat: a mask of 10^12 pixels": (
        "imagenet_segmentation",
        mat("gt", 0, {"shape": (10**6, 10**6), "dtype": "u1", "chunks": (1000, 1000)}),
        ["n01443537_0"],
    ),
}


def carry_out(name, root):
    """What comes of one attack: the samples that fail, with the reason, and those that do not."""
    layout, attack, _ = ATTACKS[name]
    written = WRITERS[layout](root)
    if layout == "csv":
        picture(root / "pictures/c.jpg")
    made = attack(root)
    begun = time.monotonic()
    signal.alarm(SECONDS)
    said = {"failed": {}, "sound": {}, "set": ""}
    try:
        data = DATASETS[layout].read(made if isinstance(made, str) else written.root)
        for sample in data.samples:
            try:
                truth = data.truth(sample)
                if layout == "imagenet_segmentation":
                    from agcam.images import open_picture

                    open_picture(sample.address)
                mask = None if truth.mask is None else int((truth.mask == 1).sum())
                said["sound"][sample.name] = [truth.boxes.tolist(), mask]
            except AgcamError as error:
                said["failed"][sample.name] = str(error)
    except AgcamError as error:
        said["set"] = str(error)
    finally:
        signal.alarm(0)
    said["seconds"] = time.monotonic() - begun
    return said


def hangs(*_):
    raise TimeoutError(f"it takes more than {SECONDS} seconds")


def main(folder):
    for name in DATASETS:  # what libraries take is not counted
        if name != "imagenet_segmentation":
            written = WRITERS[name](folder / f"first {name}")
            data = DATASETS[name].read(written.root)
            [data.truth(sample) for sample in data.samples]
    held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (held + GIGABYTE, held + GIGABYTE))
    found = {}
    for number, name in enumerate(ATTACKS):
        try:
            found[name] = carry_out(name, folder / str(number))
        except BaseException as error:  # a fault, which the test tells of
            found[name] = {"fault": f"{type(error).__name__}: {error}"[:300]}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, hangs)
    main(Path(sys.argv[1]))
