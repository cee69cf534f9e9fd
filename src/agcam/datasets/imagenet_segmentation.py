"""ImageNet-Segmentation: 4,276 ImageNet pictures with one mask each, in one MATLAB file."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..addresses import MatFile, Place
from ..values import Sample
from .annotation import Annotation, reading
from .classes import Classes
from .reader import LayoutError, Listing, reader, require
from .synsets import imagenet_classes, names_of

_LAYOUT = (
    "gtsegs_ijcv.mat (the file itself, or the folder it lies in), with value/img, value/gt, "
    "value/target and value/id"
)
_FILE = "gtsegs_ijcv.mat"
_FIELDS = ("img", "gt", "target", "id")


def read(root: str) -> Listing:
    """Samples in the file's order, called by their `id`; the class is the synset in `target`.

    Pictures stay in the file: their address is `gtsegs://ROW.ppm::PATH`. The mask is 1 where `gt`
    is above 0. Classes are ImageNet's 1,000 and, behind them, other synsets in the order of their
    names. Needs h5py (`agcam[datasets]`).
    """
    address = root
    if not root.split("::")[0].lower().endswith(".mat"):
        require(Place(root), _FILE)
        address = Place(root).at(_FILE)
    file = MatFile(address)
    with reading(address):
        _check_fields(address, file.fields())
        synsets, ids = file.texts("target"), file.texts("id")
    known = {names[0] for names in imagenet_classes()}
    others = sorted(set(synsets) - known)
    classes = Classes([*imagenet_classes(), *((name, *names_of(name)) for name in others)])
    twice = len(set(ids)) < len(ids)
    rows = {f"{name}#{row}" if twice else name: row for row, name in enumerate(ids)}
    samples = [
        Sample(name, f"gtsegs://{row}.ppm::{address}", classes.label(synsets[row]))
        for name, row in rows.items()
    ]
    return Listing(classes, samples, partial(_annotate, file=file, rows=rows))


def _check_fields(address: str, fields: dict[str, int]) -> None:
    wanted = [name for name in _FIELDS if name not in fields]
    if wanted or len({fields[name] for name in _FIELDS}) != 1:
        parts = " and ".join(f"value/{name}" for name in wanted or _FIELDS)
        problem = f"{address}: {parts} must exist, with one row per picture"
        raise LayoutError(problem, str(fields or "no value/"))


def _annotate(sample: Sample, *, file: MatFile, rows: dict[str, int]) -> Annotation:
    return Annotation(mask=(file.mask(rows[sample.name]) > 0).astype(np.int8))


READER = reader(
    "imagenet_segmentation",
    read,
    _LAYOUT,
    "Guillaumin, Kuettel and Ferrari, ImageNet Auto-Annotation, IJCV 2014",
)
