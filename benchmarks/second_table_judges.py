"""What each set of benchmarks/second_table.py makes of the maps of a picture, method by method."""

import time
from functools import partial

import numpy as np
import torch
from planted import pixels_of
from second_table_pictures import SIDE

from agcam.evaluation.probing import Probe, Prober, patch_ranks
from agcam.maps.pixels import resize_map
from agcam.methods import METHODS
from agcam.metrics import METRICS
from agcam.metrics.boxes import exact_mask, one_too_large_mask
from agcam.metrics.localization import compare, predicted_boxes
from agcam.metrics.max_box import best_box_ious
from agcam.tracing import trace
from agcam.values import BoxCase, Grid, LogitCase, MaskCase

THRESHOLDS = np.arange(0.05, 1, 0.1)
ORDERS = ("morf", "lerf")
STEPS = 6  # of patches: the metric itself takes a hundred


def each(judge):
    """A judge of one map, for all methods."""
    return lambda view, maps, truth: {
        name: judge(resize_map(grid, SIDE), truth) for name, grid in maps.items()
    }


def in_boxes(relevance, boxes):
    case = BoxCase(relevance, boxes)
    truth = one_too_large_mask(boxes, relevance.shape)
    cut = [
        compare(one_too_large_mask(predicted_boxes(case, at), relevance.shape), truth).iou
        for at in THRESHOLDS
    ]
    return {
        "IoU": float(METRICS["paper_iou"].function(case)),
        "energy": float(METRICS["energy_pointing_game"].function(case)),
        "covered": covered_at_the_area_of_truth(relevance, boxes),
        "IoU at": rounded(cut),
        "box at": rounded(best_box_ious(case, THRESHOLDS)),
    }


def covered_at_the_area_of_truth(relevance, boxes):
    """Share of the boxes at least half covered, every map showing as much as the boxes hold.

    A map that shows the whole picture covers every box; here each may show its strongest pixels
    only, as many as the boxes have. Equal values that would be too many are all left out.
    """
    truth = exact_mask(boxes, relevance.shape)
    least = np.partition(relevance.ravel(), -int(truth.sum()))[-int(truth.sum())]
    shown = relevance > least
    return float(
        np.mean([shown[exact_mask(box[None], shown.shape)].mean() >= 0.5 for box in boxes])
    )


def in_mask(relevance, mask):
    case = MaskCase(relevance, mask)
    scaled = (relevance - relevance.min()) / max(np.ptp(relevance), 1e-12)
    shown = [scaled >= at for at in THRESHOLDS]
    cut = [(some & (mask == 1)).sum() / (some | (mask == 1)).sum() for some in shown]
    return {
        "AP": float(METRICS["pixel_average_precision"].function(case)),
        "energy": float(METRICS["attribution_localization"].function(case)),
        "IoU at": rounded(cut),
    }


def on_plant(view, maps, truth):
    """Shares on the plant, and what it adds to the logit: only then is it known to be used."""
    mask, without = truth
    pixels = torch.cat([view.pixels, pixels_of(view.classifier, without)])
    with torch.inference_mode():
        logits = view.classifier.predict(pixels)[:, view.target].tolist()
    found = {}
    for name, grid in maps.items():
        case = MaskCase(resize_map(grid, SIDE), mask)
        share = float(METRICS["attribution_localization"].function(case))
        area, drop = float((mask == 1).mean()), logits[0] - logits[1]
        found[name] = {"share": share, "area": area, "drop": drop}
    return found


def own_cell(relevance, cell):
    """The grid pointing game (Boehle et al., CVPR 2021) of 2 x 2 cells: the energy in one's own."""
    (top, left), half = divmod(cell, 2), SIDE // 2
    box = np.array([[left * half, top * half, (left + 1) * half, (top + 1) * half]])
    return {"own cell": float(METRICS["energy_pointing_game"].function(BoxCase(relevance, box)))}


def rounded(values):
    return [round(float(value), 4) for value in values]


def perturbed(view, maps, _):
    """SRG, and the same of the probability, at a few steps of patches; bfloat16 for all."""
    grids = np.stack(list(maps.values()))
    grid = Grid(*grids.shape[1:], prefix=0)
    ranks = torch.cat([patch_ranks(grids, order, grid, (SIDE, SIDE)) for order in ORDERS])
    ranks = ranks.to(view.pixels.device)
    counts = [round(grids[0].size * step / STEPS) for step in range(1, STEPS)]
    probes = [Probe(0, rank, 0, count) for rank in range(len(ranks)) for count in counts]
    prober, filling = Prober(view.classifier, 8, torch.bfloat16), torch.zeros_like(view.pixels)
    inner = prober.logits(view.pixels, filling, ranks, probes)
    inner = inner.reshape(len(ORDERS), len(maps), len(counts), -1)
    ends = prober.batched(torch.cat([view.pixels, filling])).expand(*inner.shape[:2], 2, -1)
    curves = torch.cat([ends[:, :, :1], inner, ends[:, :, 1:]], dim=2).cpu()
    logits = curves[..., view.target].numpy()
    probabilities = curves.softmax(-1)[..., view.target].numpy()
    found = {}
    for line, name in enumerate(maps):
        gain, area = LogitCase(*logits[:, line]), LogitCase(*probabilities[:, line])
        found[name] = {metric: METRICS[metric].function(gain) for metric in ("srg", "lif", "mif")}
        found[name]["probability"] = METRICS["srg"].function(area)
    return found


def price(view, maps, _):
    """Processor time of a recording and a map of one method, in plain passes of this picture."""

    def plain():
        with torch.inference_mode():
            view.classifier.predict(view.pixels)

    def explained(row):
        session = trace(view.classifier, view.pixels, [row])
        session.relevance(row, torch.tensor([[view.target]], device=view.pixels.device))

    found = {}
    for name in maps:
        one = timed(plain)  # in turn, so that both are measured in the same minute
        found[name] = {"forwards": timed(partial(explained, METHODS[name])) / one}
    return found


def timed(run):
    start = time.process_time()
    run()
    return time.process_time() - start


JUDGES = {
    "perturbed": perturbed,
    "tiny": each(in_boxes),
    "coco": each(in_mask),
    "photographs": each(in_boxes),
    "planted": on_plant,
    "mosaic-imagenet": each(own_cell),
    "mosaic-caltech": each(own_cell),
    "cost": price,
}
RIGHT_ONLY = ("perturbed", "tiny", "planted")  # pictures that are predicted correctly
