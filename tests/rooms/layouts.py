"""Small synthetic copies of the layouts of every data set, written by the tests themselves.

Each function writes into a folder and returns the root that its reader takes, what the samples
must be called, and the truth of the first: boxes, and the mask's values where it has one.
"""

import base64
import io
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (12, 10)  # width, height
MASK = np.zeros((10, 12), dtype=np.uint8)
MASK[2:6, 3:9] = 1
BOX = [3, 2, 9, 6]  # of MASK


@dataclass
class Written:
    root: str
    names: list
    boxes: list
    mask: np.ndarray | None = None
    first_class: str = ""
    extra: dict = field(default_factory=dict)


def picture(path, size=SIZE, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG")


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def grey(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path, "PNG")


def xml(path, objects, size=SIZE):
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
        f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for name, b in objects
    )
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    text(path, f"<annotation>{sides}{objects}</annotation>")


def imagenet(root: Path):
    """Flat pictures, written in an order that is not that of their names."""
    for number, synset in ((3, "n01440764"), (1, "n01443537"), (2, "n01440764")):
        name = f"ILSVRC2012_val_0000000{number}"
        picture(root / f"Data/CLS-LOC/val/{name}.JPEG", seed=number)
        xml(root / f"Annotations/CLS-LOC/val/{name}.xml", [(synset, (3, 2, 8, 5))])
    names = [f"ILSVRC2012_val_0000000{n}.JPEG" for n in (1, 2, 3)]
    return Written(str(root), names, [BOX], first_class="n01443537")


def pascal_voc(root: Path):
    """Two pictures of one class, one of two classes, one of none."""
    shown = {"b": ["dog", "dog"], "a": ["cat"], "c": ["cat", "dog"], "d": []}
    for seed, (name, kinds) in enumerate(shown.items()):
        picture(root / f"JPEGImages/{name}.jpg", seed=seed)
        xml(root / f"Annotations/{name}.xml", [(kind, (4, 3, 9, 6)) for kind in kinds])
    text(root / "ImageSets/Main/val.txt", "b\na\nc\nd\n")
    values = np.where(MASK == 1, 12, 0)  # dog is the twelfth class
    values[0, :] = 255
    grey(root / "SegmentationClass/b.png", values)
    mask = MASK.astype(int)
    mask[0, :] = -1
    return Written(str(root), ["b", "a"], [BOX, BOX], mask, "dog")


def cub(root: Path):
    base = root / "CUB_200_2011"
    for number in (1, 2, 3):
        picture(base / f"images/00{number}.Bird_{number}/p{number}.jpg", seed=number)
        grey(root / f"segmentations/00{number}.Bird_{number}/p{number}.png", MASK * 204 + 51)
    lines = {
        "images.txt": [f"{n} 00{n}.Bird_{n}/p{n}.jpg" for n in (3, 1, 2)],
        "image_class_labels.txt": [f"{n} {n}" for n in (1, 2, 3)],
        "train_test_split.txt": ["1 0", "2 1", "3 0"],
        "bounding_boxes.txt": [f"{n} 3.0 2.0 6.0 4.0" for n in (1, 2, 3)],
        "classes.txt": [f"{n} 00{n}.Bird_{n}" for n in (1, 2, 3)],
    }
    for name, content in lines.items():
        text(base / name, "\n".join(content) + "\n")
    names = ["001.Bird_1/p1.jpg", "003.Bird_3/p3.jpg"]
    return Written(str(root), names, [BOX], MASK, "001.Bird_1")


def _coco_object(number, image, category, **other):
    square = [[3, 2, 9, 2, 9, 6, 3, 6]]
    made = {"id": number, "image_id": image, "category_id": category, "bbox": [3, 2, 6, 4]}
    return {**made, "segmentation": square, "iscrowd": 0, **other}


def coco(root: Path):
    """A polygon and a crowd of one class; a class that is a crowd only; packed run lengths."""
    for name in ("2", "1"):
        picture(root / f"val2017/00{name}.jpg", seed=int(name))
    crowd = {"counts": [0, 10, 110], "size": [10, 12]}  # the first column
    packed = {"counts": "[1>1O001N101O0010O0c1", "size": [10, 12]}
    objects = [
        _coco_object(1, 7, 18),
        _coco_object(2, 7, 18, segmentation=crowd, iscrowd=1, bbox=[0, 0, 1, 10]),
        _coco_object(3, 7, 1, segmentation=crowd, iscrowd=1, bbox=[0, 0, 1, 10]),
        _coco_object(4, 5, 1),
    ]
    content = {
        "images": [
            {"id": 5, "file_name": "002.jpg", "width": 12, "height": 10},
            {"id": 7, "file_name": "001.jpg", "width": 12, "height": 10},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": objects,
    }
    text(root / "annotations/instances_val2017.json", json.dumps(content))
    mask = MASK.astype(int)
    mask[:, 0] = -1
    return Written(
        str(root), ["001.jpg#dog", "002.jpg#person"], [BOX], mask, "dog", {"packed": packed}
    )


def yolo(root: Path):
    for name in ("b", "a", "none"):
        picture(root / f"images/train/{name}.jpg", seed=len(name))
    box = "0.5 0.4 0.5 0.4"
    text(root / "labels/train/a.txt", f"1 {box}\n0 {box}\n1 {box}\n")
    polygon = "0.25 0.2 0.75 0.2 0.75 0.6 0.25 0.6"
    text(root / "labels/train/b.txt", f"1 {polygon}\n")
    text(root / "data.yaml", "names:\n  0: cat\n  1: dog\n")
    names = ["train/a.jpg#cat", "train/a.jpg#dog", "train/b.jpg#dog"]
    return Written(str(root), names, [BOX], None, "cat")


SQUARE = [[3, 2], [9, 2], [9, 6], [3, 6]]  # the corners of MASK


def labelme(root: Path):
    """A polygon in two parts of a group, a rectangle, a circle; a picture without shapes."""
    shapes = {
        "b": [("dog", "polygon", SQUARE, None), ("cat", "rectangle", [[9, 6], [3, 2]], None)],
        "a": [
            ("dog", "polygon", SQUARE[:3], 1),
            ("dog", "polygon", [SQUARE[2], SQUARE[3], SQUARE[0]], 1),
            ("cat", "circle", [[6, 5], [6, 8]], None),
        ],
        "c": [("dog", "polygon", SQUARE, None)],
        "none": [],
    }
    for name, some in shapes.items():
        picture(root / f"images/{name}.jpg", seed=len(name))
        keys = ("label", "shape_type", "points", "group_id")
        content = {
            "shapes": [dict(zip(keys, shape, strict=True)) for shape in some],
            "imagePath": f"..\\images\\{name}.jpg",
            "imageHeight": 10,
            "imageWidth": 12,
        }
        text(root / f"labelme/{name}.json", json.dumps(content))
    names = [f"images/{name}.jpg#{kind}" for name in "ab" for kind in ("cat", "dog")]
    names.append("images/c.jpg#dog")
    return Written(str(root), names, [[3, 2, 9, 8]], None, "cat")


def label_studio(root: Path):
    """A polygon that a person drew, a predicted turned rectangle; a task without labels."""

    def result(kind, label, **value):
        sides = {"original_width": 12, "original_height": 10}
        return {"type": kind, "value": {kind: [label], **value}, **sides}

    points = [[x / 0.12, y / 0.1] for x, y in SQUARE]
    wrong = result("rectanglelabels", "cat", x=0, y=0, width=9, height=9)
    turned = {"x": 75, "y": 20, "width": 100 / 3, "height": 60, "rotation": 90}
    tasks = [
        {
            "data": {"image": "/data/upload/1/b%20.jpg"},
            "predictions": [{"result": [result("rectanglelabels", "dog", **turned)]}],
        },
        {
            "data": {"image": "/data/local-files/?d=some/where/a%20%23.jpg"},
            "annotations": [
                {"result": [result("polygonlabels", "dog", points=points)]},
                {"result": [wrong], "was_cancelled": True},
            ],
            "predictions": [{"result": [wrong]}],
        },
        {"data": {"image": "none.jpg"}, "annotations": [{"result": []}]},
    ]
    for seed, name in enumerate(("b%20.jpg", "a #.jpg", "none.jpg")):
        picture(root / "images" / name, seed=seed)
    text(root / "export.json", json.dumps(tasks))
    names = ["some/where/a #.jpg#dog", "upload/1/b%20.jpg#dog"]
    return Written(str(root / "export.json"), names, [BOX], MASK, "dog")


def fiftyone(root: Path):
    """A mask in a box, and a box without one, of two fields."""
    buffer = io.BytesIO()
    np.save(buffer, MASK[2:6, 3:9] == 1)
    packed = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    box = [3 / 12, 2 / 10, 6 / 12, 4 / 10]
    plain = {"label": "dog", "bounding_box": box}
    masked = {**plain, "mask": {"$binary": {"base64": packed, "subType": "00"}}}
    samples = [
        {
            "filepath": f"data/{name}.jpg",
            "ground_truth": {"_cls": "Detections", "detections": objects},
            "found": {"_cls": "Detections", "detections": []},
        }
        for name, objects in (("b", [plain]), ("a", [masked]), ("none", []))
    ]
    for seed, name in enumerate(("b", "a", "none")):
        picture(root / f"data/{name}.jpg", seed=seed)
    text(root / "samples.json", json.dumps({"samples": samples}))
    return Written(str(root), ["data/a.jpg#dog", "data/b.jpg#dog"], [BOX], MASK, "dog")


def masks(root: Path):
    """Two classes in one mask, of which a row is not judged; a picture without a mask."""
    values = np.where(MASK == 1, 7, 0)
    values[0, :], values[9, :] = 255, 3
    for seed, name in enumerate(("b", "a", "none")):
        picture(root / f"images/{name}.jpg", seed=seed)
    grey(root / "masks/b.png", MASK * 3)
    grey(root / "masks/a.png", values)
    text(root / "classes.txt", "7 a dog\n3 cat\n")
    mask = MASK.astype(int)
    mask[0, :] = -1
    return Written(str(root), ["a.jpg#a dog", "a.jpg#cat", "b.jpg#cat"], [], mask, "a dog")


def tiny_imagenet(root: Path):
    rows = [("val_1.JPEG", "n02"), ("val_0.JPEG", "n01")]
    for seed, (name, _) in enumerate(rows):
        picture(root / f"val/images/{name}", seed=seed)
    lines = [f"{name}\t{synset}0000000\t3\t2\t8\t5" for name, synset in rows]
    text(root / "val/val_annotations.txt", "\n".join(lines) + "\n")
    text(root / "wnids.txt", "n020000000\nn010000000\n")
    text(root / "words.txt", "n010000000\tcup, mug\nn020000000\tcat\nn030000000\tother\n")
    return Written(str(root), ["val_0.JPEG", "val_1.JPEG"], [BOX], None, "n010000000")


def imagenet_segmentation(root: Path):
    """References as MATLAB 7.3 writes them: transposed arrays, text as 16-bit characters."""
    import h5py

    root.mkdir(parents=True, exist_ok=True)
    with h5py.File(root / "gtsegs_ijcv.mat", "w") as file:
        store, fields = file.create_group("#refs#"), {"img": [], "gt": [], "target": [], "id": []}

        def keep(array):
            return store.create_dataset(f"d{len(store)}", data=array).ref

        def many(references):
            table = np.array(references, dtype=h5py.ref_dtype).reshape(-1, 1)
            return store.create_dataset(f"d{len(store)}", data=table, dtype=h5py.ref_dtype).ref

        def chars(word):
            return keep(np.array([[ord(letter)] for letter in word], dtype=np.uint16))

        for row, synset in enumerate(("n01443537", "n01440764")):
            pixels = np.random.default_rng(row).integers(0, 255, (10, 12, 3), dtype=np.uint8)
            fields["img"].append(keep(pixels.transpose(2, 1, 0)))
            fields["gt"].append(many([keep(MASK.T)]))
            fields["target"].append(chars(synset))
            fields["id"].append(chars(f"{synset}_{row}"))
        for name, references in fields.items():
            table = np.array(references, dtype=h5py.ref_dtype).reshape(-1, 1)
            file.create_dataset(f"value/{name}", data=table, dtype=h5py.ref_dtype)
    names = ["n01443537_0", "n01440764_1"]
    pixels = np.random.default_rng(0).integers(0, 255, (10, 12, 3), dtype=np.uint8)
    return Written(str(root), names, [], MASK, "n01443537", {"pixels": pixels})


def colours(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path, "PNG")


def imagenet_s(root: Path):
    """Class 2 on MASK; the first row is not judged, the last is of class 1."""
    for number, synset in enumerate(("n01443537", "n01440764")):
        name = f"{synset}/ILSVRC2012_val_0000000{number}"
        picture(root / f"validation/{name}.JPEG", seed=number)
        shades = np.zeros((10, 12, 3))
        shades[MASK == 1, 0] = 2 - number
        shades[0] = (1000 % 256, 1000 // 256, 0)
        shades[-1, :, 0] = 1 + number
        colours(root / f"validation-segmentation/{name}.png", shades)
    mask = MASK.astype(int)
    mask[0], mask[-1] = -1, 1
    names = [
        f"n0144{end}.JPEG"
        for end in ("0764/ILSVRC2012_val_00000001", "3537/ILSVRC2012_val_00000000")
    ]
    return Written(
        str(root), names, [], np.where(np.arange(10)[:, None] == 9, 0, mask), "n01440764"
    )


def funny_birds(root: Path):
    """Two birds of two parts; the beak is MASK, the tail the last row."""
    text(root / "parts.json", json.dumps({"beak": [{"model": "a"}], "tail": [{"model": "b"}]}))
    classes = [{"class_idx": number, "parts": {"beak": 0, "tail": number}} for number in (0, 1)]
    text(root / "classes.json", json.dumps(classes))
    text(root / "dataset_test.json", json.dumps([{"class_idx": 1}, {"class_idx": 0}]))
    shades = np.zeros((10, 12, 3))
    shades[MASK == 1] = (255, 255, 0)
    shades[-1] = (0, 0, 255)
    for name in ("1/000000", "0/000001"):
        picture(root / f"test/{name}.png")
        colours(root / f"test_part_map/{name}.png", shades)
        for left in ("beak", "tail"):
            picture(root / f"test_interventions/{name}/body_{left}.png", seed=5)
    return Written(str(root), ["1/000000.png", "0/000001.png"], [], None, "1")


def planted(root: Path):
    for name in ("b", "a"):
        picture(root / f"{name}.png")
        picture(root / f"without/{name}.png", seed=3)
        grey(root / f"masks/{name}.png", MASK * 255)
    rows = [f"{name}.png,{name} tag,masks/{name}.png,without/{name}.png" for name in "ba"]
    text(root / "planted.csv", "\n".join(["file,class,mask,without", *rows]) + "\n")
    return Written(str(root), ["b.png", "a.png"], [], MASK, "b tag")


def wsol(root: Path):
    for name in ("b", "a"):
        picture(root / f"val/{name}.JPEG")
    text(root / "image_ids.txt", "val/b.JPEG\nval/a.JPEG\n")
    text(root / "class_labels.txt", "val/b.JPEG,1\nval/a.JPEG,0\n")
    text(root / "image_sizes.txt", "val/b.JPEG,12,10\nval/a.JPEG,12,10\n")
    boxes = "val/b.JPEG,3,2,8,5\nval/b.JPEG,0,0,11,9\nval/a.JPEG,3,2,8,5\n"
    text(root / "localization.txt", boxes)
    names, both = ["val/b.JPEG", "val/a.JPEG"], [BOX, [0, 0, 12, 10]]
    return Written(str(root), names, both, None, "class 1")


def folder(root: Path):
    for name in ("tabby/2.jpg", "cup/1.JPEG", "tabby/1.jpg", "n01443537_goldfish/1.jpg"):
        picture(root / name)
    text(root / "cup/notes.txt", "not a picture")
    names = ["cup/1.JPEG", "n01443537_goldfish/1.jpg", "tabby/1.jpg", "tabby/2.jpg"]
    return Written(str(root), names, [], None, "cup")


def csv(root: Path):
    for name in ("b.jpg", "a.jpg"):
        picture(root / f"pictures/{name}")
    lines = [
        "path,label,left,top,right,bottom",
        "pictures/b.jpg,tabby,3,2,9,6",
        "pictures/a.jpg,cup,,,,",
        "pictures/b.jpg,tabby,0,0,2,2.5",
    ]
    text(root / "mine.csv", "\n".join(lines) + "\n")
    names, boxes = ["pictures/b.jpg", "pictures/a.jpg"], [BOX, [0, 0, 2, 2.5]]
    return Written(str(root / "mine.csv"), names, boxes, None, "tabby")


def imagenet_boxes(root: Path):
    entries = [
        {"file": "b.JPEG", "imagenet_index": 1, "width": 12, "height": 10, "boxes": [[3, 2, 8, 5]]},
        {"file": "a.JPEG", "synset": "n01440764", "boxes": [[3, 2, 8, 5]]},
    ]
    for entry in entries:
        picture(root / entry["file"])
    text(root / "boxes.json", json.dumps(entries))
    return Written(str(root), ["a.JPEG", "b.JPEG"], [BOX], None, "n01440764")


def unlabelled(root: Path):
    for name in ("b.jpg", "a/2.JPEG", "a/1.jpg"):
        picture(root / name)
    return Written(str(root), ["a/1.jpg", "a/2.JPEG", "b.jpg"], [])


WRITERS = {
    writer.__name__: writer
    for writer in (
        imagenet,
        pascal_voc,
        cub,
        coco,
        yolo,
        labelme,
        label_studio,
        fiftyone,
        masks,
        tiny_imagenet,
        imagenet_segmentation,
        imagenet_s,
        funny_birds,
        planted,
        wsol,
        folder,
        csv,
        imagenet_boxes,
        unlabelled,
    )
}
