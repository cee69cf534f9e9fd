"""Draw docs/images/better-map.jpg: photographs of scikit-image under agcam and our two maps.

python scripts/draw_better_map.py
"""

from pathlib import Path

import skimage.data
from PIL import Image, ImageDraw

import agcam

TARGET = Path(__file__).parent.parent / "docs" / "images" / "better-map.jpg"
METHODS = ("agcam", "agcam_spread", "agcam_focus")
SIDE = 180
TARGETS = (
    ("coffee", "espresso"),
    ("coffee", "spoon"),
    ("chelsea", "cat"),
    ("astronaut", "face"),
    ("astronaut", "flagpole"),
    ("rocket", "projectile"),
    ("camera", "camera"),
    ("motorcycle_left", "motorcycle"),
)


def picture_of(name):
    if name == "motorcycle_left":
        return Image.fromarray(skimage.data.stereo_motorcycle()[0]).convert("RGB")
    return Image.fromarray(getattr(skimage.data, name)()).convert("RGB")


def main():
    model = agcam.load("demo")
    sheet = Image.new("RGB", (SIDE * len(TARGETS), (SIDE + 16) * len(METHODS)), "white")
    pen = ImageDraw.Draw(sheet)
    for column, (name, target) in enumerate(TARGETS):
        for row, method in enumerate(METHODS):
            explanation = agcam.explain(model, picture_of(name), target, method)
            drawn = explanation.overlay().convert("RGB").resize((SIDE, SIDE))
            sheet.paste(drawn, (column * SIDE, row * (SIDE + 16) + 16))
            pen.text((column * SIDE + 4, row * (SIDE + 16) + 2), f"{target}: {method}", "black")
    sheet.save(TARGET, quality=80)


if __name__ == "__main__":
    main()
