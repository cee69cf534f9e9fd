"""Pictures and masks inside `gtsegs_ijcv.mat` (MATLAB 7.3, which is HDF5), as files.

A picture's address is `gtsegs://17.ppm::PATH`, row 17 of the file: agcam opens it like any other,
fsspec itself does not know it. The layout is that of the authors' own file: `value/img`,
`value/gt`, `value/id` and `value/target` hold one reference per picture; arrays are transposed, as
MATLAB stores columns first; a mask is one reference further, and text is 16-bit characters.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .place import open_file

PROTOCOL = "gtsegs://"
_LETTERS = 10_000  # of one text
_NUMBERS = 3 * 2**28  # of one picture


@dataclass(frozen=True)
class MatFile:
    """The file, opened for each call, so that it can be sent to other processes.

    Raises OSError where the file or a part of it cannot be read, or h5py is not installed.
    """

    address: str

    def fields(self) -> dict[str, int]:
        """Names of the fields of `value`, and how many rows each has."""
        with self._opened() as file:
            return {name: len(field) for name, field in dict(file.get("value", {})).items()}

    def texts(self, field: str) -> list[str]:
        """One text a row."""
        with self._opened() as file:
            rows = [file[reference] for reference in file["value"][field][:, 0]]
            return ["".join(map(chr, _integers(row, 1, _LETTERS).ravel())) for row in rows]

    def picture(self, row: int) -> NDArray[np.uint8]:
        """(height, width, 3)."""
        with self._opened() as file:
            stored = file[file["value/img"][row, 0]]
            if stored.dtype != np.uint8:
                raise OSError(f"picture {row} of {self.address} is of {stored.dtype}, not uint8")
            pixels = _integers(stored, 2, _NUMBERS)
        if pixels.ndim == 2:  # grey
            pixels = np.stack([pixels] * 3)
        if pixels.ndim != 3 or len(pixels) != 3:
            raise OSError(f"picture {row} of {self.address} has the shape {pixels.shape}")
        return np.ascontiguousarray(pixels.transpose(2, 1, 0))

    def mask(self, row: int) -> NDArray[Any]:
        """(height, width), whole numbers as the file has them."""
        with self._opened() as file:
            cell = file[file["value/gt"][row, 0]]
            mask = _integers(file[cell[0, 0]], 2, _NUMBERS)
        if mask.ndim != 2:
            raise OSError(f"mask {row} of {self.address} has the shape {mask.shape}")
        return np.transpose(mask)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            import h5py
        except ImportError as error:
            raise OSError(f"{self.address} needs h5py: pip install agcam[datasets]") from error
        with open_file(self.address) as raw:
            try:
                file = h5py.File(raw, "r")
            except OSError as error:
                raise OSError(f"{self.address} is not a MATLAB 7.3 (HDF5) file") from error
            with file:
                try:
                    yield file
                except (KeyError, IndexError, ValueError, TypeError) as error:
                    raise OSError(f"{self.address} cannot be read: {error}") from error


def _integers(stored: Any, dimensions: int, most: int) -> NDArray[Any]:
    """A stored array of whole numbers; OSError for any other, and for one that is too large."""
    if getattr(stored, "ndim", 0) < dimensions:  # or no array at all
        raise OSError(
            f"{getattr(stored, 'name', stored)} is not an array of {dimensions} dimensions"
        )
    if stored.size > most:  # a few bytes of a file may say that there are as many as one likes
        raise OSError(f"{stored.name} has {stored.size:,} numbers")
    values = np.asarray(stored)
    if values.dtype.kind not in "buif" or (
        values.dtype.kind == "f" and not (np.isfinite(values).all() and (values % 1 == 0).all())
    ):
        raise OSError(f"{stored.name} holds {values.dtype} values that are not whole numbers")
    return values


def open_picture_in(address: str) -> IO[bytes]:
    """What `gtsegs://ROW.ppm::PATH` names, as the bytes of a PPM picture."""
    name, _, path = address.removeprefix(PROTOCOL).partition("::")
    row = name.removesuffix(".ppm")
    if not row.isdecimal() or not path:
        raise FileNotFoundError(f"{address} is not {PROTOCOL}ROW.ppm::PATH")
    picture = MatFile(path).picture(int(row))
    height, width = picture.shape[:2]
    return io.BytesIO(b"P6 %d %d 255\n" % (width, height) + picture.tobytes())
