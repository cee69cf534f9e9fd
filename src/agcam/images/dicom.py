"""DICOM: the first frame as a viewer shows it; no personal data are read."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import PictureError
from ..wording import printable
from .arrays import Span, to_bytes, within

Array = NDArray[Any]

MARK: Final = (128, b"DICM")
TAGS: Final = tuple(
    f"{part}{kind}"
    for kind, parts in {
        "": "Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation SamplesPerPixel "
        "PhotometricInterpretation PlanarConfiguration NumberOfFrames RescaleSlope WindowCenter "
        "RescaleIntercept WindowWidth VOILUTFunction PixelData FloatPixelData ExtendedOffsetTable "
        "DoubleFloatPixelData ExtendedOffsetTableLengths",
        "Sequence": "ModalityLUT VOILUT SharedFunctionalGroups PerFrameFunctionalGroups",
        "PaletteColorLookupTableDescriptor": "Red Green Blue",
        "PaletteColorLookupTableData": "Red Green Blue",
    }.items()
    for part in parts.split()
)
"""All that is read: what makes pixels. No name, date or number of a patient is among it."""


def is_dicom(head: bytes) -> bool:
    """Whether a file's first 132 bytes are those of DICOM."""
    start, mark = MARK
    return head[start : start + len(mark)] == mark


def read_dicom(
    file: Any, name: str, max_pixels: int, span: Span | None = None
) -> tuple[Image.Image, tuple[str, ...]]:
    """The first frame, rescaled and windowed as its viewer shows it, as 8 bits; and notes.

    `span` is used instead of the file's own window, in rescaled units (Hounsfield, of a CT).
    Raises PictureError, which never quotes the file.
    """
    name = printable(name)
    try:
        import pydicom
    except ImportError:
        raise PictureError(
            f"{name} is a DICOM file; to read it: pip install 'agcam[dicom]'"
        ) from None
    try:
        data = pydicom.dcmread(io.BytesIO(file.read()), specific_tags=list(TAGS))
    except Exception as error:  # readers of hostile bytes raise anything
        raise PictureError(f"{name} is a damaged DICOM file: it cannot be read") from error
    if not any(key in data for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise PictureError(f"{name} is a DICOM file without a picture, or its pixels are cut off")
    try:
        rows, columns = int(data.Rows), int(data.Columns)
        frames = int(data.get("NumberOfFrames") or 1)
        _lift(data)
    except Exception as error:
        raise PictureError(f"{name} is a damaged DICOM file: it has no size") from error
    if rows * columns > max_pixels:
        raise PictureError(f"{name} has {columns} x {rows} pixels, more than {max_pixels:,}")
    values = _frame(data, name)
    try:
        picture, notes = _picture(values, data, span)
    except PictureError:
        raise
    except Exception as error:
        raise PictureError(f"{name} is a damaged DICOM file: its greys make no sense") from error
    several = "" if frames < 2 else f"it has {frames} frames and the first one is explained"
    return picture, tuple(f"{name}: {note}" for note in (*notes, several) if note)


def _lift(data: Any) -> None:
    """Copy the first frame's tags of a file with many frames to where single frames have them."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in list(data.get(groups) or ())[:1]:
            for holder in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                for item in list(group.get(holder) or ())[:1]:
                    for element in item:
                        if element.keyword in TAGS and element.keyword not in data:
                            data.add(element)


def _frame(data: Any, name: str) -> Array:
    """The first frame's stored values (row, column[, 3])."""
    from pydicom.pixels.utils import pixel_array

    try:
        return np.asarray(pixel_array(data, index=0))
    except Exception as error:
        syntax: Any = getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None)
        if isinstance(error, RuntimeError) and getattr(syntax, "is_compressed", False):
            raise PictureError(
                f"{name} is compressed ({syntax.name}), and no decoder of that is installed, or it "
                "is damaged: pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
            ) from error
        raise PictureError(f"{name} is a damaged DICOM file: its pixels cannot be read") from error


def _picture(values: Array, data: Any, span: Span | None) -> tuple[Image.Image, tuple[str, ...]]:
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

    kind = str(data.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        coloured = apply_color_lut(values, data)
        share = coloured / float(np.iinfo(coloured.dtype).max)
    elif values.ndim == 3:
        share = values / float(2 ** int(data.BitsStored) - 1)
    else:
        rescaled = np.asarray(apply_modality_lut(values, data)).astype(np.float64)
        share, notes = _windowed(rescaled, data, span)
        return _eight(1 - share if kind == "MONOCHROME1" else share), notes
    return _eight(share), ()


def _eight(share: Array) -> Image.Image:
    """Shares of 0 ... 1 as a picture of 8 bits."""
    return Image.fromarray(to_bytes(share.clip(0, 1))).convert("RGB")


def _windowed(rescaled: Array, data: Any, span: Span | None) -> tuple[Array, tuple[str, ...]]:
    """Greys as shares of 0 ... 1: by the stated range, the file's table or window, or all its bits.

    A table or window of several is the first.
    """
    from pydicom.pixels.processing import apply_voi_lut

    if span is not None:
        return within(rescaled, span), ()
    tables = data.get("VOILUTSequence")
    if tables:
        full = 2 ** int(tables[0].LUTDescriptor[2]) - 1
        return np.asarray(apply_voi_lut(rescaled.astype(np.int64), data)) / full, ()
    if data.get("WindowWidth") is not None and data.get("WindowCenter") is not None:
        ends = np.array([-1e12, 1e12])  # a window cuts them to the ends of its output
        low, high = np.asarray(apply_voi_lut(ends, data))
        return (np.asarray(apply_voi_lut(rescaled, data)) - low) / (high - low), ()
    low, high = _possible(rescaled, data)
    least, most = float(rescaled.min()), float(rescaled.max())
    used = (most - least) / (high - low)
    note = (
        f"no window is stated and only {used:.1%} of its greys are used, so it was seen flat; say "
        f"the range that is meant, such as --range {least:.6g},{most:.6g}"
    )
    return (rescaled - low) / (high - low), (note,) if used < 0.25 else ()


def _possible(rescaled: Array, data: Any) -> Span:
    """The darkest and brightest value that the file's bits can hold, rescaled."""
    if data.get("BitsStored") is None or "PixelData" not in data:
        return float(rescaled.min()), max(float(rescaled.max()), float(rescaled.min()) + 1e-12)
    bits = int(data.BitsStored)
    low = -(2.0 ** (bits - 1)) if data.get("PixelRepresentation") else 0.0
    slope, offset = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
    ends = sorted((low * slope + offset, (low + 2.0**bits - 1) * slope + offset))
    return ends[0], ends[1]
