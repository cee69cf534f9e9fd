"""What `pip install agcam` brings: a wheel with every file, and explanations without any extra."""

import subprocess
import sys
import zipfile
from importlib.metadata import metadata

import pytest
import yaml
from PIL import Image

import agcam
from places import ROOT

SOURCE = ROOT / "src"
EXTRAS = {  # what extras bring; timm needs torchvision and brings it itself
    *("captum", "fastapi", "h5py", "mkdocs", "onnx", "open_clip", "peft", "pyarrow"),
    *("pycocotools", "pydicom", "ray", "skimage", "sklearn", "tifffile", "transformers", "uvicorn"),
}
EXPLAINS = f"""
import sys

sys.modules.update(dict.fromkeys({EXTRAS}))  # importing them raises ModuleNotFoundError
import agcam, timm
from agcam.cli import main

assert agcam.__file__.startswith(sys.argv[1]), agcam.__file__
model = timm.models.VisionTransformer(
    img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, num_classes=10
)
model.default_cfg = {{"mean": (0.5,) * 3, "std": (0.5,) * 3, "input_size": (3, 32, 32)}}
explanation = agcam.explain(model, "cat.png", agcam.Top(2))
assert len(explanation.save("out")) > 2
assert "viewer" in explanation._repr_html_()
sys.argv = ["agcam", "list", "methods"]
main()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel's files, unpacked as an installation has them."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_every_file_of_the_package(installed):
    for path in (SOURCE / "agcam").rglob("*.*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert (installed / path.relative_to(SOURCE)).is_file(), path
    assert (installed / "agcam" / "py.typed").is_file()
    assert not list(installed.glob("tests*"))


def test_the_installed_package_explains_without_any_extra(installed, tmp_path):
    Image.new("RGB", (40, 30), "white").save(tmp_path / "cat.png")
    done = subprocess.run(
        [sys.executable, "-c", EXPLAINS, str(installed)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "PATH": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_version_is_stated_once():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == agcam.__version__
    assert metadata("agcam")["License-Expression"] == citation["license"]
