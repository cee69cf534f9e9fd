"""ImageNet-Segmentation: 4,276 ImageNet pictures with one mask each, in one MATLAB file."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..addresses import MatFile, Place
from ..errors import DataSetError
from ..values import DataSet, Sample, Truth
from .common import NO_BOXES, Classes, reader, reading, truth_of, wrong_layout
from .synsets import imagenet_classes, names_of

_LAYOUT = (
    "gtsegs_ijcv.mat (the file itself, or the folder it lies in), with value/img, value/gt, "
    "value/target and value/id"
)
_FIELDS = ("img", "gt", "target", "id")


def read(root: str) -> DataSet:
    """Samples in the file's order, called by their `id`; the class is the synset in `target`.

    Pictures stay in the file: their address is `gtsegs://ROW.ppm::PATH`. The mask is 1 where `gt`
    is above 0. Classes are ImageNet's 1,000 and, behind them, other synsets in the order of their
    names. Needs h5py (`agcam[datasets]`).
    """
    address = root if root.split("::")[0].lower().endswith(".mat") else _inside(root)
    file = MatFile(address)
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise DataSetError(f"{root} needs h5py: pip install agcam[datasets]") from error
    with reading(address):
        fields = file.fields()
        missing = [name for name in _FIELDS if name not in fields]
        if missing or len({fields[name] for name in _FIELDS}) != 1:
            raise DataSetError(
                f"{address}: value/{' and value/'.join(missing or _FIELDS)} must be there with one "
                f"row a picture. What must lie there: {_LAYOUT}. Found: {fields or 'no value/'}."
            )
        synsets, ids = file.texts("target"), file.texts("id")
    known = {names[0] for names in imagenet_classes()}
    others = sorted(set(synsets) - known)
    classes = Classes([*imagenet_classes(), *((name, *names_of(name)) for name in others)])
    twice = len(set(ids)) < len(ids)
    rows = {f"{name}#{row}" if twice else name: row for row, name in enumerate(ids)}
    samples = tuple(
        Sample(name, f"gtsegs://{row}.ppm::{address}", classes.label(synsets[row]))
        for name, row in rows.items()
    )
    truth = partial(_truth, file=file, rows=rows)
    return DataSet("imagenet_segmentation", tuple(classes.names), samples, truth)


def _inside(root: str) -> str:
    place = Place(root)
    if not place.has("gtsegs_ijcv.mat"):
        raise wrong_layout(place, _LAYOUT, "gtsegs_ijcv.mat")
    return place.at("gtsegs_ijcv.mat")


def _truth(sample: Sample, *, file: MatFile, rows: dict[str, int]) -> Truth:
    with reading(f"the mask of {sample.name}"):
        mask = (file.mask(rows[sample.name]) > 0).astype(np.int8)
    return truth_of(sample, NO_BOXES, mask=mask)


READER = reader(
    "imagenet_segmentation",
    read,
    _LAYOUT,
    "Guillaumin, Kuettel and Ferrari, ImageNet Auto-Annotation, IJCV 2014",
)
