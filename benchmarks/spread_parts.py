"""Which part of agcam_spread takes its map off the digit that decides?

    python benchmarks/spread_parts.py FOLDER --data FOLDER [--models NAME ...] [--hardness H]

Scenes of another seed than those that looked_at.py reports. For each part of the formula: the
share of its positive values on the box around the digit's strokes, and the area under the ROC curve
of the cells on it against all others.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from looked_at import boxed, model_of
from sklearn.metrics import roc_auc_score
from small_models import MODELS, Scenes, drawn, logits, sources

import agcam
from agcam.methods import METHODS
from agcam.methods.agcam_evidence import agcam_evidence
from agcam.methods.agcam_spread import above_mean, agcam_spread, over_attention, signed_evidence
from agcam.tracing import evaluation_mode, trace

SEED, SCENES, BATCH = 7, 160, 40
SPREAD = METHODS["agcam_spread"]


def parts(found):
    """Each part of the formula, (picture, cell), from the evidence on."""
    evidence = found.of_targets(lambda blocks: signed_evidence(blocks, found.grid))
    linked = over_attention(above_mean(evidence), found)
    every = {
        "e": evidence,
        "e+": above_mean(evidence),
        "A e (signed)": over_attention(evidence, found),
        "A e+": linked,
        "A e+ above .9 of its mean": above_mean(linked, 0.9),
        "agcam_spread": agcam_spread(found)[:, None],
        "agcam_evidence": agcam_evidence(found)[:, None],
    }
    if not found.places:
        every["plain e+ A: what evidence attends to"] = reversed_links(above_mean(evidence), found)
    return {name: maps[:, 0] for name, maps in every.items()}


def reversed_links(evidence, found):
    """`e+ A` of the block behind the middle: from rows to keys, shared out among none."""
    call, places = found.calls[len(found.calls) // 2], found.grid.places
    return evidence @ call.attention().mean(1)[:, places][..., places].to(evidence)


def on_cells(mask, grid):
    """The share of each cell (scene, cell) that a mask (scene, frame, row, column) has."""
    sides = (grid.frames or 1, grid.rows, grid.columns)
    return torch.nn.functional.adaptive_avg_pool3d(mask[:, None].float(), sides).flatten(1)


def study(name, model, pixels, labels, digits):
    """Prints a row for each part."""
    classifier, made = agcam.load(model), {}
    with evaluation_mode(model):
        for some, of in zip(pixels.split(BATCH), labels.split(BATCH), strict=True):
            session = trace(classifier, some, [SPREAD])
            for part, maps in parts(session.trace(SPREAD, of)).items():
                made.setdefault(part, []).append(maps.detach().double())
    boxes = np.stack(
        [boxed(one) for one in digits.numpy().reshape(len(pixels), -1, *digits.shape[-2:])]
    )
    share = on_cells(torch.from_numpy(boxes), session.recording.grid).double()
    print(f"\n{name}: {len(pixels)} scenes; area of the digit {share.mean():.3f}")
    print("\n| part | mass on the digit | area under the ROC curve |\n|---|---|---|")
    for part, some in made.items():
        maps, inside = torch.cat(some), share > 0.5
        positive = maps.clamp(min=0)
        mass = (positive * share).sum(1) / positive.sum(1).clamp(min=1e-300)
        areas = [roc_auc_score(on, one) for on, one in zip(inside, maps, strict=True) if on.any()]
        print(f"| {part} | {mass.mean():.2f} | {np.mean(areas):.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["swin"], choices=[*MODELS])
    parser.add_argument("--seconds", type=float, default=420, help="of a processor, to train each")
    parser.add_argument("--hardness", type=float, default=1.0, help="contrast of the photographs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.models:
        model = model_of(name, options.folder, options.data, options.seconds, options.hardness)
        scenes = Scenes(sources(options.data, 1), SEED, options.hardness)
        pixels, labels, digits, _ = drawn(name, scenes, SCENES)
        with torch.no_grad():
            right = logits(model(pixels)).argmax(1) == labels
        study(name, model, pixels[right], labels[right], digits[right])


if __name__ == "__main__":
    main()
