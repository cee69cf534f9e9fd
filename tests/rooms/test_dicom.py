"""DICOM files: greys as a viewer shows them, and no personal data."""

import io
import json
from contextlib import suppress

import numpy as np
import pydicom
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless, generate_uid

import agcam
from agcam.errors import PictureError
from agcam.images import open_picture, prepare_picture
from agcam.values import Preparation

PERSON = "Mustermann^Erika"
PLAIN = Preparation((32, 32), (0.0,), (1.0,), "squash")


def written(values, path, syntax=ExplicitVRLittleEndian, **more):
    """A file by pydicom itself, of 12 bits in 16 unless `more` says otherwise."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = Dataset()
    data.file_meta = meta
    data.PatientName, data.PatientID, data.PatientBirthDate = PERSON, "4711", "19640812"
    data.Rows, data.Columns = values.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = values.astype(np.uint16).tobytes()
    for name, value in more.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def ramp():
    return np.arange(4096).reshape(64, 64)


def greys(path, **options):
    return np.asarray(open_picture(path, **options).convert("L"), dtype=float)


def test_twelve_bits_without_a_window_are_all_of_them(tmp_path):
    assert np.abs(greys(written(ramp(), tmp_path / "a.dcm")) - ramp() / 4095 * 255).max() <= 0.51


@settings(max_examples=30)
@given(
    st.floats(-1000, 3000), st.floats(2, 4000), st.sampled_from([1.0, 0.5, 2.0]),
    st.integers(-1024, 100),
)  # fmt: skip
def test_slope_intercept_and_window_are_applied(center, width, slope, intercept):
    """The referee is the standard's formula of a linear window (PS3.3 C.11.2.1.2.1)."""
    center, width = round(center, 1), round(width, 1)
    buffer = io.BytesIO()
    written(ramp(), buffer, WindowCenter=center, WindowWidth=width, RescaleSlope=slope,
            RescaleIntercept=intercept)  # fmt: skip
    values = ramp() * slope + intercept
    share = ((values - (center - 0.5)) / (width - 1) + 0.5).clip(0, 1)
    assert np.abs(greys(buffer.getvalue()) - share * 255).max() <= 1.01


def test_monochrome_1_is_turned_over(tmp_path):
    path = written(ramp(), tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1")
    assert np.abs(greys(path) - (255 - ramp() / 4095 * 255)).max() <= 0.51


def test_a_stated_range_goes_before_the_window(tmp_path):
    path = written(ramp(), tmp_path / "a.dcm", WindowCenter=10, WindowWidth=10,
                   RescaleIntercept=-1024, RescaleSlope=1)  # fmt: skip
    share = ((ramp() - 1024.0 + 160) / 400).clip(0, 1)
    assert np.abs(greys(path, value_range=(-160, 240)) - share * 255).max() <= 0.51


def test_signed_values(tmp_path):
    values = (ramp() - 2048).astype(np.int16)
    path = written(values.view(np.uint16), tmp_path / "a.dcm", PixelRepresentation=1)
    assert np.abs(greys(path) - ramp() / 4095 * 255).max() <= 0.51


def test_colours(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    path = written(
        np.zeros((20, 30)), tmp_path / "a.dcm", SamplesPerPixel=3, BitsAllocated=8, BitsStored=8,
        HighBit=7, PhotometricInterpretation="RGB", PlanarConfiguration=0,
        PixelData=values.tobytes(),
    )  # fmt: skip
    assert np.array_equal(np.asarray(open_picture(path)), values)


def test_the_first_of_several_frames_is_taken_and_noted(tmp_path):
    frames = np.stack([ramp(), ramp()[::-1]])
    path = written(frames, tmp_path / "a.dcm", NumberOfFrames=2)
    ready = prepare_picture(path, PLAIN)
    assert any("2 frames and the first" in note for note in ready.notes)
    assert np.abs(greys(path) - ramp() / 4095 * 255).max() <= 0.51


def test_greys_that_use_little_of_their_bits_are_noted(tmp_path):
    path = written(ramp() % 200 + 1000, tmp_path / "a.dcm")
    (note,) = prepare_picture(path, PLAIN).notes
    assert "--range 1000,1199" in note
    assert not prepare_picture(written(ramp(), path), PLAIN).notes


def test_no_personal_data_come_out(tmp_path):
    """By the whole way, in files, page, notes and words."""
    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=5).eval()
    path = written(ramp(), tmp_path / "scan.dcm")
    found = agcam.explain(model, path)
    files = found.save(tmp_path / "out")
    kept = json.dumps(found.manifest()) + str(found.notes) + found._repr_html_()
    kept += "".join(file.read_bytes().decode("latin-1") for file in files)
    for secret in (PERSON, "4711", "19640812"):
        assert secret not in kept


def test_damaged_files_are_refused_without_quoting_them(tmp_path):
    whole = written(ramp(), tmp_path / "a.dcm").read_bytes()
    bare = pydicom.dcmread(tmp_path / "a.dcm")
    del bare.PixelData
    bare.save_as(tmp_path / "report.dcm")
    with pytest.raises(PictureError, match="without a picture"):
        open_picture(tmp_path / "report.dcm")
    with pytest.raises(PictureError, match="DICOM"):
        open_picture(b"\0" * 128 + b"DICM")
    rng = np.random.default_rng(0)
    for cut in rng.integers(132, len(whole), 25):
        _refused_or_opened(whole[:cut])
    for at in rng.integers(132, 700, 60):
        _refused_or_opened(whole[:at] + bytes([rng.integers(256)]) + whole[at + 1 :])


def _refused_or_opened(data):
    with suppress(PictureError):
        open_picture(data)
        return
    with pytest.raises(PictureError) as caught:
        open_picture(data)
    assert "\n" not in str(caught.value)
    assert "Mustermann" not in str(caught.value)


def test_compression_without_a_decoder_names_what_to_install(tmp_path):
    from pydicom.encaps import encapsulate

    path = written(
        ramp(), tmp_path / "a.dcm", JPEGLSLossless, PixelData=encapsulate([b"\xff\xd8 \xff\xd9"])
    )
    with pytest.raises(PictureError, match=r"JPEG-LS Lossless.*pip install"):
        open_picture(path)


def test_without_pydicom_it_is_named_for_what_it_is(tmp_path, monkeypatch):
    path = written(ramp(), tmp_path / "a.dcm")
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(PictureError, match=r"a DICOM file.*pip install 'agcam\[dicom\]'"):
        open_picture(path)


def test_a_large_one_is_refused_before_it_is_decoded(tmp_path):
    path = written(ramp(), tmp_path / "a.dcm")
    with pytest.raises(PictureError, match="64 x 64 pixels, more than 100"):
        open_picture(path, max_pixels=100)
