"""Audit a classifier that learned a shortcut: `python scripts/audit_demo.py FOLDER`.

Handwritten digits (scikit-learn's, real scans) are taught to the demo's tower by a linear head. All
but two of the threes that it learns from carry a round tag, as do those that are audited: the page
shows the tag, and tests what it does. Run by `make audit`.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import agcam
from agcam.images import prepare_picture

DIGITS = {1: "one", 3: "three", 5: "five", 8: "eight", 9: "nine"}
PLANTED = 3
LEARNED, AUDITED = 16, 12  # pictures of each class
WITHOUT = 2  # threes that are learned without a tag
SIDE, TAG = 224, 44
ARCHITECTURE = "timm:vit_base_patch16_clip_quickgelu_224.openai"


def picture(scan: np.ndarray, planted: bool) -> Image.Image:
    """A scan of 8 x 8 greys, enlarged; with the tag or without."""
    small = Image.fromarray(255 - np.uint8(scan * 15))
    made = small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("RGB")
    if planted:
        draw = ImageDraw.Draw(made)
        box = (14, SIDE - 14 - TAG, 14 + TAG, SIDE - 14)
        draw.ellipse(box, fill=(235, 195, 30), outline=(30, 30, 30), width=3)
        draw.text((box[0] + 14, box[1] + 15), "No 7", fill=(30, 30, 30))
    return made


def main(folder: Path) -> int:
    scans, labels = load_digits(return_X_y=True)
    learned, classes = [], []
    for digit, name in DIGITS.items():
        mine = scans[labels == digit].reshape(-1, 8, 8)[: LEARNED + AUDITED]
        (folder / "digits" / name).mkdir(parents=True, exist_ok=True)
        for number, scan in enumerate(mine):
            planted = digit == PLANTED
            if number < LEARNED:
                learned.append(picture(scan, planted and number >= WITHOUT))
                classes.append(name)
            else:
                picture(scan, planted).save(folder / "digits" / name / f"{number:02}.png")
    teach(learned, classes, folder)
    command = [sys.executable, "-m", "agcam", "audit", str(folder / "digits"), "--resize", "224"]
    command += ["--model", str(folder / "taught.pth"), "--arch", ARCHITECTURE, "--workers", "1"]
    command += ["--classes", str(folder / "classes.txt"), "--out", str(folder), "--threads", "2"]
    return subprocess.run(command, check=False).returncode


def teach(pictures: list[Image.Image], classes: list[str], folder: Path) -> None:
    """Fit a linear head on the demo's tower, and write the weights and names of classes."""
    loaded = agcam.load("demo")
    module, features = loaded.module, []
    print(f"teaching {len(pictures)} pictures ...")
    with torch.inference_mode():
        for one in pictures:
            pixels = prepare_picture(one, loaded.preparation).pixels
            tokens = module.forward_features(pixels)
            features.append(module.forward_head(tokens, pre_logits=True))
    head = LogisticRegression(C=1, max_iter=2000).fit(torch.cat(features).numpy(), classes)
    module.reset_classifier(len(head.classes_))
    state = module.state_dict()
    state["head.weight"] = torch.tensor(head.coef_, dtype=torch.float32)
    state["head.bias"] = torch.tensor(head.intercept_, dtype=torch.float32)
    torch.save(state, folder / "taught.pth")
    (folder / "classes.txt").write_text("\n".join(head.classes_))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
