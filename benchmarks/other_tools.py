"""What `agcam annotate` wrote, read by the tools that it is for: `other_tools.py FOLDER TOOL ...`.

FOLDER is the output of `agcam annotate` for the format of each TOOL: pycocotools (coco),
ultralytics (yolo), torchvision (voc), labelme, label-studio, fiftyone. Each is read by the tool's
own code, alone: nothing of agcam is imported, so that a tool may have an environment of its own.
Every object is compared with its record: the class, the box, and the least IoU of a mask.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np


def records(folder):
    """stem -> (size, objects) of every picture, as (label, box, mask), from the records."""
    found = {}
    for path in sorted((folder / "records").glob("*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        width, height = one["size"]
        objects = []
        for entry in one["objects"]:
            on = np.arange(len(entry["counts"])) % 2 == 1
            mask = np.repeat(on, entry["counts"]).reshape(width, height).T
            objects.append((entry["label"], tuple(entry["box"]), mask))
        if not one["error"]:
            found[one["stem"]] = (width, height), objects
    return found


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def pycocotools(folder, known, classes):
    from pycocotools.coco import COCO

    tool = COCO(folder / "annotations" / "instances_train.json")
    for image in tool.loadImgs(tool.getImgIds()):
        some = tool.loadAnns(tool.getAnnIds(image["id"]))
        yield (
            Path(image["file_name"]).stem,
            [
                (tool.cats[one["category_id"]]["name"], tool.annToMask(one).astype(bool))
                for one in some
            ],
        )


def ultralytics(folder, known, classes):
    import cv2
    from ultralytics.data import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(folder / "data.yaml"))
    dataset = YOLODataset(img_path=data["train"], data=data, task="segment", augment=False)
    for one in dataset.get_labels():
        height, width = one["shape"]
        found = []
        for label, segment in zip(one["cls"][:, 0], one["segments"], strict=True):
            # as polygon2mask, which draws the pixel that a corner lies in
            mask = np.zeros((height, width), np.uint8)
            corners = (np.asarray(segment) * (width, height)).round().astype(np.int32)
            found.append((data["names"][int(label)], cv2.fillPoly(mask, [corners], 1) > 0))
        yield Path(one["im_file"]).stem, found


def torchvision(folder, known, classes):
    """The layout is looked for in VOCdevkit/VOC2012."""
    from tempfile import TemporaryDirectory

    from torchvision.datasets import VOCDetection, VOCSegmentation

    with TemporaryDirectory() as root:
        (Path(root) / "VOCdevkit").mkdir()
        (Path(root) / "VOCdevkit" / "VOC2012").symlink_to(folder.resolve())
        drawn = VOCSegmentation(root, image_set="train")
        listed = VOCDetection(root, image_set="train")
        for path, (picture, classes_of), (_, about) in zip(
            drawn.images, drawn, listed, strict=True
        ):
            stem = Path(path).stem
            assert picture.size == classes_of.size == known[stem][0]
            numbers = np.array(classes_of)
            entries = about["annotation"].get("object", [])
            place = {name: number for number, name in enumerate(classes, 1)}
            found = []
            for one in entries:
                sides = [int(one["bndbox"][s]) for s in ("xmin", "ymin", "xmax", "ymax")]
                left, top, right, bottom = sides[0] - 1, sides[1] - 1, *sides[2:]
                mask = np.zeros(numbers.shape, bool)
                inside = slice(top, bottom), slice(left, right)
                mask[inside] = numbers[inside] == place[one["name"]]
                found.append((one["name"], mask))
            yield stem, found


def labelme(folder, known, classes):
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from labelme._label_file import read_label_file
    from labelme.utils import img_data_to_arr, shape_to_mask

    for path in sorted((folder / "labelme").glob("*.json")):
        read = read_label_file(str(path))  # checks the size of the picture, too
        shape = img_data_to_arr(read.image_data).shape[:2]
        yield (
            path.stem,
            [
                (one["label"], shape_to_mask(shape, one["points"], shape_type=one["shape_type"]))
                for one in read.shapes
            ],
        )


def label_studio(folder, known, classes):
    from tempfile import TemporaryDirectory
    from urllib.parse import unquote

    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    config = (folder / "label_config.xml").read_text(encoding="utf-8")
    interface = LabelInterface(config)
    interface.validate()
    tasks = json.loads((folder / "label_studio.json").read_text(encoding="utf-8"))
    for task in tasks:
        for prediction in task["predictions"]:
            assert not interface.validate_prediction(prediction, return_errors=True)
    with TemporaryDirectory() as made:
        source = Path(made) / "tasks.json"
        accepted = [
            {
                "id": number,
                "data": task["data"],
                "annotations": [
                    {"id": number, "completed_by": 1, "result": task["predictions"][0]["result"]}
                ],
            }
            for number, task in enumerate(tasks, 1)
        ]  # a person accepts every prediction
        source.write_text(json.dumps(accepted), encoding="utf-8")
        converter = Converter(config, made, download_resources=False)
        converter.convert_to_coco(str(source), f"{made}/out", is_dir=False)
        coco = json.loads(Path(made, "out", "result.json").read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in coco["categories"]}
    for image in coco["images"]:
        stem = Path(unquote(image["file_name"]).rsplit("/", 1)[-1]).stem
        size = image["width"], image["height"]
        assert size == known[stem][0] or not known[stem][1]  # a size is that of an object
        some = [one for one in coco["annotations"] if one["image_id"] == image["id"]]
        yield (
            stem,
            [(names[one["category_id"]], drawn(one["segmentation"][0], size)) for one in some],
        )


def drawn(corners, size):
    """A polygon along the edges of pixels, as the pixels whose centres lie in it."""
    from matplotlib.path import Path as Outline

    points = np.reshape(corners, (-1, 2))
    across, down = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    centres = np.stack([across.ravel(), down.ravel()], 1)
    return Outline(points).contains_points(centres).reshape(size[::-1])


def fiftyone(folder, known, classes):
    os.environ["FIFTYONE_DISABLE_SERVICES"] = "1"  # its reader needs no data base, only its app
    import fiftyone.utils.data as library

    importer = library.LegacyFiftyOneDatasetImporter(str(folder))
    importer.setup()
    for sample in importer:
        stem = Path(sample.filepath).stem
        (width, height), _ = known[stem]
        relevance = sample["map"].get_map()
        assert relevance.dtype == np.uint8
        assert max(relevance.shape) <= 128
        assert abs(relevance.shape[1] / relevance.shape[0] - width / height) < 0.05
        found = []
        for one in sample["objects"].detections:
            left, top, wide, high = np.array(one.bounding_box) * [width, height, width, height]
            mask = np.zeros((height, width), bool)
            rows = slice(round(top), round(top + high))
            mask[rows, round(left) : round(left + wide)] = one.get_mask()
            found.append((one.label, mask))
        yield stem, found


TOOLS = {
    "pycocotools": pycocotools,
    "ultralytics": ultralytics,
    "torchvision": torchvision,
    "labelme": labelme,
    "label-studio": label_studio,
    "fiftyone": fiftyone,
}


def main(folder, *tools):
    folder = Path(folder)
    known = records(folder)
    classes = json.loads((folder / "agcam.json").read_text(encoding="utf-8"))["classes"]
    for tool in tools:
        found = dict(TOOLS[tool](folder, known, classes))
        assert found.keys() == known.keys(), f"{tool}: {found.keys() ^ known.keys()}"
        least, furthest, count = 1.0, 0, 0
        for stem, (_, objects) in known.items():
            assert len(found[stem]) == len(objects), f"{tool}: {stem}"
            left = list(found[stem])
            for label, box, mask in objects:
                same = [one for one in left if one[0].strip() == label.strip()]
                overlaps = [(one[1] & mask).sum() / (one[1] | mask).sum() for one in same]
                best = int(np.argmax(overlaps))
                least = min(least, float(overlaps[best]))
                sides = np.abs(np.subtract(box_of(same[best][1]), box))
                furthest, count = max(furthest, int(sides.max())), count + 1
                left = [one for one in left if one is not same[best]]
        print(
            f"{tool}: {count} objects in {len(known)} pictures, classes equal, least IoU of a mask "
            f"{least:.4f}, sides of boxes at most {furthest} pixels off"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
