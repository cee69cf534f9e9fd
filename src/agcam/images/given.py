"""What people hold that is a picture, or several: rows of data sets, batches, tensors, folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..addresses import is_address
from ..errors import PictureError
from ..transforms import pixels_in
from .find import find_pictures
from .patches import pictures_of

BATCH_DIMS: Final = 4
PIXELS: Final = ("pixel_values", "pixels", "images")  # what processors call a prepared tensor
PICTURE: Final = ("image", "img", "picture", "bytes")  # what a row of a data set calls its picture


def list_pictures(pictures: Any) -> list[Any]:
    """Each picture by itself, unopened: those of a folder, a pattern, a list or a tensor."""
    return list(items_in(pictures))


def items_in(given: Any) -> Tensor | list[Any]:
    """A prepared tensor, as it is; or each picture, folders and patterns being those they mean."""
    given = _unwrapped(given)
    if isinstance(given, Tensor) and not _is_raw(given):
        return given
    return list(_pictures(given if isinstance(given, list) else [given]))


def prepared_tensor(given: Any) -> Tensor | None:
    """The prepared tensor that is given, whatever holds it; None for anything else."""
    if isinstance(given, Mapping) and not any(key in given for key in (*PIXELS, "patches")):
        return None
    found = _unwrapped(given)
    if isinstance(found, list) and found and all(isinstance(one, Tensor) for one in found):
        alike = len({one.shape for one in found}) == 1
        found = (torch.cat if _is_one(found[0]) else torch.stack)(found) if alike else None
    return found if isinstance(found, Tensor) and not _is_raw(found) else None


def _is_one(item: Tensor) -> bool:
    """Whether an item of a list has the axis of a batch: one picture, or clips."""
    return item.ndim > BATCH_DIMS or (item.ndim == BATCH_DIMS and len(item) == 1)


def _unwrapped(given: Any) -> Any:
    """A mapping's tensor or picture; a row's picture; lists as lists."""
    if isinstance(given, Mapping):
        return _of_mapping(given)
    pair = isinstance(given, tuple | list) and len(given) == 2
    if pair and (_is_batch(*given) or (isinstance(given, tuple) and _is_label(given[1]))):
        return given[0]
    return list(given) if isinstance(given, tuple) else given


def _of_mapping(given: Mapping[Any, Any]) -> Any:
    if "spatial_shapes" in given or "patch_coord" in given:
        return pictures_of(given)
    key = next((key for key in (*PIXELS, *PICTURE) if key in given), None)
    if key is None:
        raise PictureError(
            f"a mapping with {', '.join(map(str, given)) or 'nothing'} holds no "
            f"{' or '.join((PIXELS[0], PICTURE[0]))}; give the picture itself."
        )
    found = given[key]
    if key in PIXELS and isinstance(found, np.ndarray | list | Tensor):
        pixels = pixels_in(np.stack(found) if isinstance(found, list) else found, "the mapping")
        if _is_raw(pixels):
            raise PictureError(f"{key} of uint8 are not prepared; give the pictures instead.")
        return pixels
    return _unwrapped(found) if isinstance(found, Mapping) else found


def _is_label(value: Any) -> bool:
    """Whether this is a class number beside a picture, as data sets give them."""
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return number or (isinstance(value, Tensor) and value.ndim == 0)


def _is_batch(pictures: Any, labels: Any) -> bool:
    """Whether this is what a loader gives: a tensor of pictures, and their labels beside it."""
    return (
        isinstance(pictures, Tensor)
        and isinstance(labels, Tensor)
        and pictures.ndim == BATCH_DIMS
        and labels.ndim in {1, 2}
        and len(pictures) == len(labels)
    )


def _pictures(given: list[Any]) -> Iterator[Any]:
    for item in given:
        one = _unwrapped(item)
        if _is_raw(one):
            yield from arrays_of(one)
        elif isinstance(one, str | PathLike) and not is_address(str(one)):
            yield from find_pictures([Path(one)])
        else:
            yield one


def _is_raw(one: Any) -> bool:
    """Whether this is a picture of 8 bits in a tensor, as torchvision reads it; not prepared."""
    return isinstance(one, Tensor) and one.dtype == torch.uint8 and one.ndim in {3, BATCH_DIMS}


def arrays_of(pictures: Tensor) -> Iterator[NDArray[Any]]:
    """Tensors (channel, height, width), or some at once, as arrays (height, width, channel)."""
    first = pictures.shape[-3] in {1, 3, 4}
    turned = pictures.movedim(-3, -1) if first else pictures
    yield from (turned if turned.ndim == BATCH_DIMS else turned[None]).cpu().numpy()
