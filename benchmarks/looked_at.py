"""Do maps of small trained models lie on the digit that decides?

    python benchmarks/looked_at.py FOLDER --data FOLDER [--models NAME ...] [--figures FOLDER]

Trains the models of small_models.py (kept in FOLDER), explains scenes that were never trained on
and are predicted correctly, and prints the share of each map's positive mass on the digit, how
often its highest pixel is on the box around the digit's strokes, and the same of the decoy.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from small_models import MODELS, Scenes, drawn, logits, sources, train

import agcam
from agcam.errors import AgcamError

METHODS = (
    *("agcam", "agcam_spread", "agcam_focus", "agcam_evidence", "bicam", "gae", "rollout"),
    *("raw_attention", "grad_cam", "attn_lrp", "occlusion", "random"),
)
DRAWN = ("agcam", "agcam_evidence", "attn_lrp")
SEED, SCENES, SHOWN, LARGE = 99, 300, 6, 160


def model_of(name, folder, data, seconds, hardness=1.0):
    """A trained model, from the folder where it was kept."""
    kept, model = folder / f"{name}{'' if hardness == 1 else f'-{hardness:g}'}.pt", MODELS[name]()
    if not kept.exists():
        model = train(name, sources(data, 0), seconds, hardness)
        torch.save(model.state_dict(), kept)
    model.load_state_dict(torch.load(kept))
    return model.eval()


def pixel_maps(found, place):
    """(frame, height, width) of one scene; one frame of a picture."""
    if found.clips:
        return np.asarray(found.on_frames(place))
    return np.asarray(found.on_pixels(place))[:1]


def boxed(mask):
    """True in the box around what is True, frame by frame."""
    made = np.zeros_like(mask)
    for one, frame in zip(mask, made, strict=True):
        rows, columns = one.any(1).nonzero()[0], one.any(0).nonzero()[0]
        if len(rows):
            frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return made


def scored(maps, on):
    """The share of the positive mass on a region, and whether the highest pixel is on it."""
    positive = np.nan_to_num(maps).clip(min=0)
    total = positive.sum()
    return (positive[on].sum() / total if total else 0.0), bool(on.flat[int(np.nanargmax(maps))])


def judged(name, model, pixels, labels, digits, decoys):
    """Prints a row for each method."""
    digits, decoys = ([boxed(one) for one in some] for some in (digits, decoys))
    areas = [np.mean([one.mean() for one in some]) for some in (digits, decoys)]
    print(f"\n{name}: {len(pixels)} scenes; area of the digit {areas[0]:.3f}, decoy {areas[1]:.3f}")
    print(
        "\n| method | mass on the digit | highest pixel on it | mass on the decoy |"
        "\n|---|---|---|---|"
    )
    for method in METHODS:
        try:
            found = agcam.explain(model, pixels, labels[:, None].tolist(), method)
        except AgcamError as error:
            print(f"| {method} | {str(error)[:90]} | | |")
            continue
        maps = [pixel_maps(found, place) for place in range(len(pixels))]
        on = [scored(one, digit) for one, digit in zip(maps, digits, strict=True)]
        off = [scored(one, decoy)[0] for one, decoy in zip(maps, decoys, strict=True)]
        share, hits = np.mean(on, 0)
        print(f"| {method} | {share:.2f} | {hits:.2f} | {np.mean(off):.2f} |", flush=True)


def figure(model, pixels, labels):
    """Scenes as the model sees them, and with the maps of DRAWN; look for the digit yourself."""
    targets = labels[:, None].tolist()
    made = [agcam.explain(model, pixels, targets, method) for method in DRAWN]
    rows, (first, *_) = [], made
    if not first.clips:
        rows.append(strip(first.pictures))
        rows += [strip([one.overlay(place) for place in range(len(one))]) for one in made]
    for place in range(len(first.clips)):
        rows.append(strip(first.clips[place].pictures))
        rows += [strip(one.overlays(place)) for one in made]
    return strip(rows, along=1)


def strip(pictures, along=0):
    """Pictures side by side (or one below the other), enlarged to LARGE pixels."""
    if not along:
        side = LARGE if len(pictures) <= SHOWN else LARGE // 2
        pictures = [one.convert("RGB").resize((side, side)) for one in pictures]
    arrays = [np.asarray(one) for one in pictures]
    return Image.fromarray(np.concatenate(arrays, 1 - along))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["swin", "videomae"], choices=[*MODELS])
    parser.add_argument("--seconds", type=float, default=420, help="of a processor, to train each")
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    held_out = sources(options.data, 1)
    for name in options.models:
        model = model_of(name, options.folder, options.data, options.seconds)
        pixels, labels, digits, decoys = drawn(name, Scenes(held_out, SEED), options.scenes)
        with torch.no_grad():
            right = logits(model(pixels)).argmax(1) == labels
        print(f"{name}: {right.float().mean():.3f} of {len(labels)} scenes predicted correctly")
        some = [one[right] for one in (pixels, labels, digits, decoys)]
        masks = [one.numpy().reshape(len(one), -1, *one.shape[-2:]) for one in some[2:]]
        judged(name, model, some[0], some[1], *masks)
        if options.figures:
            count = SHOWN if name == "swin" else SHOWN // 2
            made = figure(model, *(one[:count] for one in some[:2]))
            made.save(options.figures / f"trained-{name}.jpg", quality=88)


if __name__ == "__main__":
    main()
