"""Draw the picture of every method's page: the demo model on a photograph of scikit-image.

python scripts/draw_methods.py            those that are missing
python scripts/draw_methods.py NAME...    these again
"""

import sys
from pathlib import Path

from skimage import data

import agcam

FOLDER = Path(__file__).parent.parent / "docs" / "images" / "methods"
TARGET = "espresso"
SIZE = (360, 240)


def main(names: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    model, photograph = agcam.load("demo"), data.coffee()
    for name in names or [n for n in agcam.METHODS if not (FOLDER / f"{n}.jpg").exists()]:
        overlay = agcam.explain(model, photograph, TARGET, name).overlay()
        overlay.thumbnail(SIZE)
        overlay.save(FOLDER / f"{name}.jpg", quality=80, optimize=True)
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
