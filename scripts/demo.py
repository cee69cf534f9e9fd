"""Explain real photographs offline: `python scripts/demo.py FOLDER` (run by `make demo`)."""

import subprocess
import sys
from pathlib import Path

from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

PHOTOGRAPHS = {
    "cat.png": data.chelsea,
    "coffee.png": data.coffee,
    "flower.png": lambda: load_sample_image("flower.jpg"),
    "pagoda.png": lambda: load_sample_image("china.jpg"),
    "portrait.png": data.astronaut,
}


def main(folder: Path) -> int:
    photographs = folder / "photographs"
    photographs.mkdir(parents=True, exist_ok=True)
    for name, photograph in PHOTOGRAPHS.items():
        Image.fromarray(photograph()).save(photographs / name)
    command = [sys.executable, "-m", "agcam", "explain", str(photographs), "--model", "demo"]
    return subprocess.run([*command, "--top", "2", "--out", str(folder)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
