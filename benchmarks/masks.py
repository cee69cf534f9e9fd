"""Masks from class labels: mean IoU of `explanation.masks` with polygons of COCO's pictures.

And boxes of single objects: how many have one with an IoU of half (recall, precision, F1).

    python benchmarks/masks.py --data FOLDER [--part tune] [--methods agcam_spread agcam]
    python benchmarks/masks.py --data FOLDER --pictures 24 [--refine] [--views 4]

A question is a picture and a class of it that the model knows and that covers 2 % of the picture;
the map is that of the class, whatever the model predicts. The picture is squashed to the input's
size, so that nothing of it is cropped. `--part tune` prints the rules among which one was chosen,
on pictures with an even `sha256(file name)`; the default prints the rule's figures on the odd
ones.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from second_table_pictures import LEAST_AREA, part

import agcam
from agcam.datasets import match_classes
from agcam.errors import DataSetError
from agcam.maps import MaskRule, instances, union
from agcam.metrics.max_box import box_ious

TRIED = [
    MaskRule(round(start, 3), round(start - fall, 3), reach=reach)  # an improbable class, a certain
    for reach in (0, 0.1, 0.125, 0.15, 0.2)
    for start in np.arange(0.4, 0.8, 0.05)
    for fall in (0, 0.15, 0.2, 0.25, 0.3, 0.35)
]


def questions(data, classifier, which):
    """Address -> (class of the model, mask, boxes) of each class that is judged."""
    known, found = match_classes(data.classes, classifier.class_names), {}
    for sample in data.samples:
        if (
            sample.problem
            or known[sample.label] is None
            or part(Path(sample.address).name) != which
        ):
            continue
        try:
            truth = data.truth(sample)
        except DataSetError:  # boxes and polygons of other pictures
            continue
        if truth.mask is not None and (truth.mask == 1).mean() > LEAST_AREA:
            judged = known[sample.label], truth.mask, truth.boxes
            found.setdefault(sample.address, []).append(judged)
    return found


def iou(mask, truth):
    judged = truth >= 0
    mask, truth = mask[judged], truth[judged] == 1
    return (mask & truth).sum() / max((mask | truth).sum(), 1)


def average_precision(relevance, truth):
    """Of the pixels of a map, the most relevant first."""
    order = np.argsort(-relevance[truth >= 0], kind="stable")
    right = (truth[truth >= 0] == 1)[order]
    return (right.cumsum() / np.arange(1, len(right) + 1))[right].mean()


def paired(found, boxes):
    """Pairs of a found object and an annotated box, the numbers of both."""
    fits = box_ious(np.array([one.box for one in found]).reshape(-1, 4), boxes, border=0) >= 0.5
    rows, columns = linear_sum_assignment(fits, maximize=True)
    return np.array([fits[rows, columns].sum(), len(found), len(boxes)])


def run(given):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(given.threads)
    classifier = agcam.load("demo", preparation={"fit": "squash"})
    if (
        given.bfloat16
    ):  # a third of the time; maps correlate with those of float32 by more than .999
        classifier.module.bfloat16()
    data = agcam.DATASETS["yolo"].read(given.data / "coco")
    by_picture = dict(list(questions(data, classifier, given.part).items())[: given.pictures])
    sharper = {"refine": given.refine, "views": given.views}
    rules = [MaskRule()] if given.part == "report" else TRIED
    for method in given.methods:
        scores, precision = {rule: [] for rule in rules}, []
        counts = {rule: np.zeros(3) for rule in rules}
        for address, truths in by_picture.items():
            classes = [[number for number, *_ in truths]]
            made = agcam.explain(classifier, address, classes, method, **sharper)
            edges = made.edges()
            rows = zip(made.pixel_map[0], made.answers[0], truths, strict=True)
            for relevance, answer, (_, truth, boxes) in rows:
                precision.append(average_precision(np.asarray(relevance), truth))
                for rule in rules:
                    found = instances(np.asarray(relevance), rule, answer.probability, edges)
                    scores[rule].append(iou(union(found, truth.shape), truth))
                    counts[rule] += paired(found, boxes)
        for rule, values in scores.items():
            draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(1)
            low, high = np.quantile(draws, (0.025, 0.975))
            right, objects, annotated = counts[rule]
            print(
                f"{method}: threshold {rule.threshold:g} to {rule.certain:g}, "
                f"reach {rule.reach:g}, {len(values)} questions in {len(by_picture)} pictures, "
                f"mean IoU {np.mean(values):.3f} "
                f"({low:.3f} to {high:.3f}), pixel AP {np.mean(precision):.3f}, boxes: recall "
                f"{right / annotated:.3f}, precision {right / max(objects, 1):.3f}, "
                f"F1 {2 * right / (objects + annotated):.3f}"
            )


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--methods", nargs="+", default=["agcam_spread", "agcam"])
    parser.add_argument("--pictures", type=int, help="the first so many; all by default")
    parser.add_argument("--refine", action="store_true")
    parser.add_argument("--views", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    run(parse())
