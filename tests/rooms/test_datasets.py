"""Every reader on a copy of its layout, on disk, in memory and in a zip; and on real files."""

import os
import pickle
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import fsspec
import numpy as np
import pytest
from layouts import BOX, MASK, WRITERS, colours, picture, text, xml

import agcam
from agcam.addresses import Place, open_file
from agcam.datasets import DATASETS
from agcam.datasets.reader import above
from agcam.images import open_picture
from agcam.values import UNLABELLED

TWO = np.stack([MASK * 2, MASK * 0, MASK * 0], axis=-1)  # class 2 of ImageNet-S
SHARED = Path(__file__).parent.parent.parent.parent / "shared" / "data"
REAL = {
    "tiny_imagenet": ("tiny-imagenet", 1500, 200, 1500),
    "imagenet_boxes": ("imagenet-boxes", 10, 1000, 20),
    "yolo": ("coco", 362, 80, 929),
    "folder": ("caltech101", 505, 101, 0),
}


OF_PICTURES = sorted(set(DATASETS) - {"clips", "sounds"})  # those: test_clip_evaluation.py


@pytest.fixture(params=OF_PICTURES)
def layout(request, tmp_path):
    """The reader's name and what was written; a row without a copy of its layout fails here."""
    return request.param, WRITERS[request.param](tmp_path / "data")


def contents(data):
    """All of a data set but addresses."""
    truths = [data.truth(sample) for sample in data.samples]
    return (
        data.classes,
        [(sample.name, sample.label) for sample in data.samples],
        [truth.boxes.tolist() for truth in truths],
        [None if truth.mask is None else truth.mask.tolist() for truth in truths],
    )


# Laws of every row


def test_samples_and_truth_are_what_was_written(layout):
    name, written = layout
    data = DATASETS[name].read(written.root)
    first = data.samples[0]
    assert data.name == name
    assert [sample.name for sample in data.samples] == written.names
    assert (data.classes[first.label][0] if data.classes else "") == written.first_class
    truth = data.truth(first)
    assert truth.boxes.shape == (len(written.boxes), 4)
    assert np.allclose(truth.boxes, np.reshape(written.boxes, (-1, 4)))
    assert (truth.mask is None) == (written.mask is None)
    if written.mask is not None:
        assert np.array_equal(truth.mask, written.mask)


def test_samples_are_unique_in_range_and_open(layout):
    name, written = layout
    data = DATASETS[name].read(written.root)
    assert len({sample.name for sample in data.samples}) == len(data.samples)
    for sample in data.samples:
        assert sample.label in (range(len(data.classes)) or [UNLABELLED])
        assert all(data.classes[sample.label] if data.classes else ())
        width, height = open_picture(sample.address).size
        truth = data.truth(sample)
        left, top, right, bottom = truth.boxes.T
        assert (left < right).all()
        assert (top < bottom).all()
        assert truth.boxes.min(initial=0) >= 0
        assert (truth.boxes <= [width, height, width, height]).all()
        if truth.mask is not None:
            assert truth.mask.shape == (height, width)
            assert set(np.unique(truth.mask)) <= {-1, 0, 1}


def test_the_order_is_not_that_of_the_directory(layout, tmp_path, monkeypatch):
    name, written = layout
    before = contents(DATASETS[name].read(written.root))
    scan = os.scandir

    @contextmanager
    def backwards(path):
        with scan(path) as entries:
            yield sorted(entries, key=lambda entry: entry.name, reverse=True)

    monkeypatch.setattr(os, "scandir", backwards)
    assert contents(DATASETS[name].read(written.root)) == before


def test_samples_and_sets_travel_to_other_processes(layout):
    name, written = layout
    data = DATASETS[name].read(written.root)
    there = pickle.loads(pickle.dumps(data))
    assert there.samples == data.samples
    assert contents(there) == contents(data)


def test_any_address_reads_the_same(layout, tmp_path):
    """In memory, and inside a zip file that lies in memory."""
    name, written = layout
    root = tmp_path / "data"
    here = contents(DATASETS[name].read(written.root))
    file = Path(written.root).relative_to(root).as_posix()
    file = "" if file == "." else file
    memory = fsspec.filesystem("memory")
    memory.put(str(root), f"/law-{name}", recursive=True)
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", root)
    memory.pipe_file(f"/law-{name}.zip", Path(archive).read_bytes())
    try:
        for top in (f"memory://law-{name}", f"zip://::memory://law-{name}.zip", f"zip::{archive}"):
            data = DATASETS[name].read(Place(top).at(file) if file else top)
            assert contents(data) == here
            assert open_picture(data.samples[0].address).size == (12, 10)
            with pytest.raises(agcam.PictureError):
                open_picture(Place(top).at("nothing.jpg"))
    finally:
        memory.rm("/", recursive=True)


@pytest.mark.parametrize("name", DATASETS)
def test_another_layout_is_refused_with_the_layouts_words(name, tmp_path):
    text(tmp_path / "wrong.txt", "nothing of the kind")
    for root in (str(tmp_path), str(tmp_path / "is not there"), str(tmp_path / "wrong.txt")):
        with pytest.raises(agcam.DataSetError) as caught:
            DATASETS[name].read(root)
        assert DATASETS[name].layout in str(caught.value)
        assert root in str(caught.value)
    picture(tmp_path / "one.png")
    with pytest.raises(agcam.DataSetError, match=r"one\.png is (a file, not a folder|not a CSV)"):
        DATASETS[name].read(str(tmp_path / "one.png"))


def test_newcomers_roots(tmp_path):
    read = DATASETS["pascal_voc"].read
    written = WRITERS["pascal_voc"](tmp_path / "VOC2012")
    archive = shutil.make_archive(str(tmp_path / "voc"), "zip", written.root)
    with pytest.raises(agcam.DataSetError, match=r"Found: no such folder\."):
        read(str(tmp_path / "VOC2021"))
    with pytest.raises(agcam.DataSetError, match="which is read as zip::"):
        read(archive)
    for name in "abcdefg":
        text(tmp_path / "many" / name, "")
    with pytest.raises(agcam.DataSetError, match=r"Found: a, b, c, d, e, f and 1 more\."):
        read(tmp_path / "many")
    with pytest.raises(agcam.DataSetError, match=r"Found: VOC2012/, many/, voc\.zip\."):
        DATASETS["cub"].read(str(tmp_path))
    with pytest.raises(agcam.UnknownNameError, match="did you mean pascal_voc"):
        DATASETS["pascal-voc"]
    assert len(read(f"zip::{archive}").samples) == 2
    assert len(read(tmp_path).samples) == 2


@pytest.mark.parametrize("name", sorted(set(OF_PICTURES) - {"imagenet_segmentation"}))
def test_a_picture_that_is_missing_fails_one_sample(name, tmp_path):
    """Where a list names the pictures; where the folder does, a broken picture instead."""
    written = WRITERS[name](tmp_path / "data")
    data = DATASETS[name].read(written.root)
    bad = data.samples[-1]
    Path(bad.address).unlink()
    with pytest.raises(agcam.DataSetError, match="does not exist"):
        data.truth(bad)
    Path(bad.address).write_bytes(b"no picture")
    with pytest.raises(agcam.DataSetError, match="cannot be read"):
        data.truth(bad)
    others = [s for s in data.samples if s.address != bad.address]
    assert others
    for sample in others:
        data.truth(sample)


@pytest.mark.parametrize("name", REAL)
def test_real_files(name):
    folder, samples, classes, boxes = REAL[name]
    root = SHARED / folder
    if not root.exists():
        pytest.skip("the real pictures are not here")
    data = DATASETS[name].read(str(root))
    truths = [data.truth(sample) for sample in data.samples]
    assert (len(data.samples), len(data.classes)) == (samples, classes)
    assert sum(len(truth.boxes) for truth in truths) == boxes


def test_real_polygons_fill_their_boxes():
    root = SHARED / "coco"
    if not root.exists():
        pytest.skip("the real pictures are not here")
    data = DATASETS["yolo"].read(str(root))
    masked = [truth for truth in map(data.truth, data.samples) if truth.mask is not None]
    assert len(masked) == 284
    outside, inside = 0, 0
    for truth in masked:
        within = np.zeros(truth.mask.shape, dtype=bool)
        for left, top, right, bottom in truth.boxes:
            within[int(top) : int(bottom) + 2, int(left) : int(right) + 2] = True
        inside += int((truth.mask[within] == 1).sum())
        outside += int((truth.mask[~within] == 1).sum())
    assert outside < 0.001 * inside


# The layouts' own variants


@pytest.mark.parametrize("suffix", ["JPEG", "jpeg", "jpg", "JPG"])
def test_imagenet_in_synset_folders_without_annotations(tmp_path, suffix):
    picture(tmp_path / f"Data/CLS-LOC/val/n01443537/x.{suffix}")
    data = DATASETS["imagenet"].read(str(tmp_path))
    assert data.classes[data.samples[0].label][:2] == ("n01443537", "goldfish")
    assert data.samples[0].label == 1
    assert data.truth(data.samples[0]).boxes.shape == (0, 4)


def test_imagenet_as_kaggle_ships_it(tmp_path):
    """ILSVRC/ beside the LOC files; the mapping's order numbers the classes."""
    for name in ("a", "b"):
        picture(tmp_path / f"ILSVRC/Data/CLS-LOC/val/{name}.JPEG")
    text(tmp_path / "LOC_synset_mapping.txt", "n01443537 goldfish, Carassius\nn01440764 tench\n")
    solution = (
        "ImageId,PredictionString\na,n01440764 3 2 8 5 n01440764 0 0 11 9 \nb,n01443537 0 0 1 1\n"
    )
    text(tmp_path / "LOC_val_solution.csv", solution)
    data = DATASETS["imagenet"].read(str(tmp_path))
    assert [sample.label for sample in data.samples] == [1, 0]
    assert data.classes == (("n01443537", "goldfish", "Carassius"), ("n01440764", "tench"))
    assert data.truth(data.samples[0]).boxes.tolist() == [BOX, [0, 0, 12, 10]]


def test_voc_in_its_kit(tmp_path):
    written = WRITERS["pascal_voc"](tmp_path / "VOCdevkit/VOC2012")
    for root in (tmp_path, tmp_path / "VOCdevkit", written.root):
        assert len(DATASETS["pascal_voc"].read(str(root)).samples) == 2


def test_coco_by_its_file_with_packed_run_lengths(tmp_path):
    coco_mask = pytest.importorskip("pycocotools.mask")
    written = WRITERS["coco"](tmp_path)
    file = tmp_path / "annotations/instances_val2017.json"
    packed = coco_mask.encode(np.asfortranarray(MASK))
    counts = packed["counts"].decode()
    content = file.read_text().replace(
        "[[3, 2, 9, 2, 9, 6, 3, 6]]", f'{{"counts": "{counts}", "size": [10, 12]}}'
    )
    file.write_text(content)
    assert counts in content
    data = DATASETS["coco"].read(str(file))
    assert [sample.name for sample in data.samples] == written.names
    assert np.array_equal(data.truth(data.samples[0]).mask, written.mask)
    (tmp_path / "annotations/instances_val2014.json").write_text(content)
    with pytest.raises(agcam.DataSetError, match=r"instances_val2014\.json"):
        DATASETS["coco"].read(str(tmp_path))


def test_yolo_polygons_with_numbers_of_their_own(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / f"images/{name}.jpg")
        text(tmp_path / f"boxes/{name}.txt", "0 0.5 0.4 0.5 0.4\n")
    outline = "7 0.25 0.2 0.75 0.2 0.75 0.6 0.25 0.6\n"
    text(tmp_path / "polygons/a.txt", outline)
    text(tmp_path / "polygons/b.txt", outline * 2)
    text(tmp_path / "classes.yaml", "names: [dog, cat]\n")
    text(tmp_path / "semantic_classes.yaml", "classes: {7: dog, 0: cat}\n")
    data = DATASETS["yolo"].read(str(tmp_path))
    assert data.truth(data.samples[0]).mask.tolist() == MASK.tolist()
    assert data.truth(data.samples[1]).mask is None  # a polygon more than boxes


def test_wsol_masks_in_the_repositorys_folders(tmp_path):
    from layouts import grey

    metadata, pictures = tmp_path / "metadata/OpenImages/val", tmp_path / "dataset/OpenImages"
    picture(pictures / "val/a.jpg")
    first, second, ignored = MASK * 255, np.roll(MASK, 2, axis=0) * 255, MASK * 0
    ignored[:7, :] = 255
    for name, values in (("1", first), ("2", second), ("ignore", ignored)):
        grey(pictures / f"val/{name}.png", values)
    text(metadata / "image_ids.txt", "val/a.jpg\n")
    text(metadata / "class_labels.txt", "val/a.jpg,0\n")
    text(metadata / "classes.txt", "cat, tabby\n")
    lines = "val/a.jpg,val/1.png,val/ignore.png\nval/a.jpg,val/2.png,\n"
    text(metadata / "localization.txt", lines)
    data = DATASETS["wsol"].read(str(metadata))
    truth = data.truth(data.samples[0])
    inside = (first > 0) | (second > 0)
    assert np.array_equal(truth.mask, np.where(inside, 1, np.where(ignored > 0, -1, 0)))
    assert data.classes == (("cat", "tabby"),)


def test_a_wsol_folder_called_ilsvrc_knows_imagenets_classes(tmp_path):
    WRITERS["wsol"](tmp_path / "ILSVRC/val")
    data = DATASETS["wsol"].read(str(tmp_path / "ILSVRC/val"))
    assert data.classes[data.samples[0].label][:2] == ("n01443537", "goldfish")


def test_tiny_imagenet_in_two_layouts(tmp_path):
    written = WRITERS["tiny_imagenet"](tmp_path / "official")
    shutil.copytree(tmp_path / "official/val/images", tmp_path / "csv/images")
    rows = "val_1.JPEG,n020000000,3,2,8,5\nval_0.JPEG,n010000000,3,2,8,5\n"
    text(tmp_path / "csv/boxes.csv", f"file,synset,x0,y0,x1,y1\n{rows}")
    text(tmp_path / "csv/classes.csv", 'synset,names\nn020000000,cat\nn010000000,"cup, mug"\n')
    both = [DATASETS["tiny_imagenet"].read(root) for root in (written.root, f"{tmp_path}/csv")]
    assert contents(both[0]) == contents(both[1])


def test_segmentation_pictures_are_the_files_pixels(tmp_path):
    written = WRITERS["imagenet_segmentation"](tmp_path)
    data = DATASETS["imagenet_segmentation"].read(f"{tmp_path}/gtsegs_ijcv.mat")
    opened = np.asarray(open_picture(data.samples[0].address))
    assert np.array_equal(opened, written.extra["pixels"])
    with pytest.raises(agcam.PictureError):
        open_picture(data.samples[0].address.replace("://0.", "://99."))


def test_parts_are_masks_with_a_picture_without_them(tmp_path):
    data = DATASETS["funny_birds"].read(WRITERS["funny_birds"](tmp_path / "birds").root)
    for sample in data.samples:
        beak, tail = data.truth(sample).parts
        assert (beak.name, tail.name) == ("beak", "tail")
        assert np.array_equal(beak.mask, MASK == 1)
        assert tail.mask.sum() == 12
        folder = tmp_path / f"birds/test_interventions/{sample.name.removesuffix('.png')}"
        assert Path(beak.without) == folder / "body_tail.png"  # what is left is its name
        assert Path(tail.without) == folder / "body_beak.png"
    data = DATASETS["planted"].read(WRITERS["planted"](tmp_path / "tags").root)
    (plant,) = data.truth(data.samples[0]).parts
    assert np.array_equal(plant.mask, MASK == 1)
    assert Path(plant.without) == tmp_path / "tags/without/b.png"


def test_a_partial_copy_of_imagenet_s_is_never_another_classs_mask(tmp_path):
    """The numbers of classes are their places among all folders."""
    root = tmp_path / "data"
    WRITERS["imagenet_s"](root)
    for split in ("validation", "validation-segmentation"):
        shutil.rmtree(root / f"{split}/n01440764")
    data = DATASETS["imagenet_s"].read(str(root))
    colours(root / "validation-segmentation/n01443537/ILSVRC2012_val_00000000.png", TWO)
    with pytest.raises(agcam.DataSetError, match=r"no pixel of its class, number 1; .* of 2"):
        data.truth(data.samples[0])


def test_without_h5py_its_extra_is_named(tmp_path, monkeypatch):
    written = WRITERS["imagenet_segmentation"](tmp_path)
    address = DATASETS["imagenet_segmentation"].read(written.root).samples[0].address
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(agcam.DataSetError, match=r"needs h5py: pip install agcam\[datasets\]"):
        DATASETS["imagenet_segmentation"].read(written.root)
    with pytest.raises(agcam.PictureError, match="needs h5py"):
        open_picture(address)


def test_a_folder_of_pictures_called_by_their_synset(tmp_path):
    picture(tmp_path / "n01443537_goldfish.JPEG")
    picture(tmp_path / "n01440764_7.JPEG")
    data = DATASETS["folder"].read(str(tmp_path))
    assert [data.classes[s.label][:2] for s in data.samples] == [
        ("n01440764", "tench"),
        ("n01443537", "goldfish"),
    ]


def test_voc_sets_with_names_of_their_own(tmp_path):
    """As people annotate: without masks any name is a class; the numbers of masks need a list."""
    written = WRITERS["pascal_voc"](tmp_path)
    xml(tmp_path / "Annotations/a.xml", [("wine glass", (4, 3, 9, 6))])
    read = DATASETS["pascal_voc"].read
    data = read(written.root)
    glass = next(sample for sample in data.samples if sample.name == "a")
    with pytest.raises(agcam.DataSetError, match="which number 'wine glass' has in the masks"):
        data.truth(glass)
    shutil.rmtree(tmp_path / "SegmentationClass")
    data = read(written.root)
    assert [data.classes[sample.label][0] for sample in data.samples] == ["dog", "wine glass"]
    assert all(len(data.truth(sample).boxes) for sample in data.samples)


def test_a_set_without_a_label_is_refused_with_its_layout(tmp_path):
    for name in ("pascal_voc", "yolo"):
        written = WRITERS[name](tmp_path / name)
        for path in (tmp_path / name).rglob("*.txt"):
            if "labels" in path.parts:
                path.write_text("")
        for path in (tmp_path / name).rglob("*.xml"):
            xml(path, [])
        with pytest.raises(agcam.DataSetError, match=r"(label|one class alone)\. Expected: "):
            DATASETS[name].read(written.root)


def test_a_csv_of_several_labels_a_path_and_other_addresses(tmp_path):
    picture(tmp_path / "a.jpg")
    fsspec.filesystem("memory").pipe_file("/far/b.jpg", (tmp_path / "a.jpg").read_bytes())
    far = "memory://far/b.jpg"
    lines = f'path,label\na.jpg,"tabby, cat"\na.jpg,n01443537\n{tmp_path}/a.jpg,cup\n{far},cup\n'
    text(tmp_path / "mine.csv", lines)
    data = DATASETS["csv"].read(str(tmp_path / "mine.csv"))
    assert data.samples[0].name == "a.jpg#tabby, cat"
    assert data.classes[data.samples[0].label] == ("tabby, cat", "tabby", "cat")
    assert data.classes[data.samples[1].label][:2] == ("n01443537", "goldfish")
    assert data.samples[3].address == far
    for sample in data.samples:
        assert data.truth(sample).boxes.shape == (0, 4)


# Bad annotations


def _imagenet(tmp_path, box, synset="n01440764"):
    written = WRITERS["imagenet"](tmp_path)
    file = tmp_path / "Annotations/CLS-LOC/val/ILSVRC2012_val_00000001.xml"
    xml(file, [(synset, box)])
    return DATASETS["imagenet"].read(written.root)


def test_a_box_one_pixel_beyond_the_picture_is_cut(tmp_path):
    data = _imagenet(tmp_path, (-1, 0, 12, 10))
    assert data.truth(data.samples[0]).boxes.tolist() == [[0, 0, 12, 10]]


def test_an_unknown_class_is_kept_apart(tmp_path):
    data = _imagenet(tmp_path, (3, 2, 8, 5), synset="n99999999")
    assert data.samples[0].label == 1000
    assert data.classes[1000] == ("n99999999",)
    with pytest.raises(agcam.DataSetError, match="'n99999999' is not a class"):
        data.truth(data.samples[0])


def test_a_csv_of_another_layout(tmp_path):
    picture(tmp_path / "a.jpg")
    file = tmp_path / "mine.csv"
    for content in ("file,label\na.jpg,cat\n", "path,label\n", ""):
        file.write_text(content)
        with pytest.raises(agcam.DataSetError, match="Expected: "):
            DATASETS["csv"].read(str(file))


# Addresses


def test_a_file_called_like_an_address_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ab::c.txt").write_text("here")
    with open_file("ab::c.txt") as file:
        assert file.read() == b"here"


def test_a_host_that_cannot_be_reached_is_not_a_file_that_is_not_there(monkeypatch):
    def unreachable(system, path, mode):
        raise FileNotFoundError(path) from ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "open", unreachable)
    with pytest.raises(agcam.PictureError, match=r"could not be opened: .*Connection refused"):
        open_picture("memory://a.jpg")


@pytest.mark.parametrize("address", ["memory://none.jpg", "nosuch://a", "zip://a::none.zip"])
def test_an_address_that_cannot_be_opened_is_one_sentence(address):
    with pytest.raises(agcam.PictureError, match=r"could not be opened|does not exist"):
        open_picture(address)
    with pytest.raises(agcam.DataSetError):
        DATASETS["folder"].read(address)


def test_remote_pictures_keep_the_limits(tmp_path):
    memory = fsspec.filesystem("memory")
    picture(tmp_path / "a.jpg", (64, 64))
    whole = (tmp_path / "a.jpg").read_bytes()
    for content, reason in (
        (b"", "is empty"),
        (b"GIF90", "is not a picture"),
        (whole[:-40], "trunc"),
    ):
        memory.pipe_file("/bad.jpg", content)
        with pytest.raises(agcam.PictureError, match=reason):
            open_picture("memory://bad.jpg")


def test_the_solutions_bad_line_fails_its_picture(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / f"Data/CLS-LOC/val/{name}.JPEG")
    lines = "ImageId,PredictionString\na,n01440764 3 2 8\nb,n01440764 3 2 8 5\n"
    text(tmp_path / "LOC_val_solution.csv", lines)
    data = DATASETS["imagenet"].read(str(tmp_path))
    with pytest.raises(agcam.DataSetError, match="four sides"):
        data.truth(data.samples[0])
    assert data.truth(data.samples[1]).boxes.tolist() == [BOX]


def test_a_relative_root_gives_addresses_that_hold_elsewhere(tmp_path, monkeypatch):
    WRITERS["folder"](tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    data = DATASETS["folder"].read("data")
    monkeypatch.chdir("/")
    assert open_picture(data.samples[0].address).size == (12, 10)


def test_turned_pictures_are_measured_upright(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (12, 10)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "mine.csv").write_text("path,label,left,top,right,bottom\na.jpg,cup,0,0,10,12\n")
    data = DATASETS["csv"].read(str(tmp_path / "mine.csv"))
    assert open_picture(data.samples[0].address).size == (10, 12)
    assert data.truth(data.samples[0]).boxes.tolist() == [[0, 0, 10, 12]]


@pytest.mark.parametrize(
    ("root", "path", "wanted"),
    [
        ("/a/b", "../images/x.jpg", ("/a", "images/x.jpg")),
        ("/a/b/", "../../x.jpg", ("/", "x.jpg")),
        ("/a", "..", ("/", "")),
        ("/", "../x.jpg", ("/", "../x.jpg")),
        ("zip::/s/a.zip", "../x.jpg", ("zip::/s/a.zip", "../x.jpg")),
        ("zip://in/labelme::/s/a.zip", "../x.jpg", ("zip://in::/s/a.zip", "x.jpg")),
        ("/a", "x/..y.jpg", ("/a", "x/..y.jpg")),
    ],
)
def test_what_lies_above_a_folder(root, path, wanted):
    """Never the working folder, where an archive or a disk ends."""
    place, inside = above(Place(root), path)
    assert (place.root, inside) == wanted
