"""What an audit makes of a cell of benchmarks/audit.py, beside what is known of it."""

from __future__ import annotations

import time

import numpy as np
from audit_baselines import BASELINES, mean_map

import agcam
from agcam.auditing.mark import erased_rows

TESTS = 3


def judged(cell, data, head, masks, classifier, folder, out, methods):
    """Ranks, accusations, crops and drops of one cell."""
    began = time.process_time()
    audited = agcam.audit(folder, classifier, out=out, tests=TESTS, limit=0)
    seconds = time.process_time() - began
    found = audited.found
    labels, maps = found.pictures.label, np.asarray(found.pictures.label_map, dtype=np.float32)
    every = np.unique(labels).tolist()
    score = {one: found.attention(one) for one in every}
    row = {
        "scores": {str(one): value for one, value in score.items()},
        "reasons": [about(found, one) for one in found.ranked],
        "seconds": seconds,
        "ranks": {"agcam audit": rank(score, cell.classes)},
    }
    for name, baseline in BASELINES.items():
        row["ranks"][name] = rank(baseline(maps, labels), cell.classes)
    for method in methods:
        other = agcam.audit(folder, classifier, out=out, method=method, tests=0).found
        maps = np.asarray(other.pictures.label_map, dtype=np.float32)
        row["ranks"][f"mean map of {method}"] = rank(mean_map(maps, labels), cell.classes)
    if cell.classes:
        first = max(cell.classes, key=lambda one: score.get(one, 0))
        own = [one for one in found.ranked if one.target == first]
        if own:
            row |= crops(found, own[0], head, masks) | drops(found, own[0], head, data, cell)
    return row


def about(found, reason):
    """A reason's numbers."""
    suspicion = found.suspicion[reason.target, reason.number]
    tests = found.interventions.get((reason.target, reason.number), ())
    return {
        "class": reason.target,
        "number": reason.number,
        "score": suspicion.score,
        **suspicion.parts,
        "cast": reason.gains is not None,
        "tests": {
            one.kind: [outcome.share.mean for outcome in (one.before, one.after, one.random)]
            for one in tests
        },
    }


def rank(score, classes):
    """The place of the first planted class; classes as suspicious as it count as before it."""
    if not classes:
        return None
    best = max(score.get(one, 0) for one in classes)
    return 1 + sum(value >= best for one, value in score.items() if one not in classes)


def file_rows(found, rows):
    """Rows of the data, from the names of the files that `write` made of them."""
    return np.array([int(found.sample(int(row)).name.split("/")[-1][:5]) for row in rows])


def crops(found, reason, head, masks):
    """IoU of the reason's patches with the plant's in its pictures, and the part of them on it."""
    patches, grid, side = found.patches, found.grid, masks.shape[1]
    cells = masks.reshape(len(masks), grid.rows, side // grid.rows, grid.columns, -1).mean((2, 4))
    on = {row: cell.ravel() for row, cell in zip(head["carrying"].tolist(), cells, strict=True)}
    nothing, ious, inside = np.zeros(grid.patches), [], []
    rows = found.rows_of(reason)
    for row, data_row in zip(rows, file_rows(found, rows), strict=True):
        own = reason.patches[patches.picture[reason.patches] == row]
        shown, truth = np.zeros(grid.patches, bool), on.get(int(data_row), nothing)
        shown[patches.place[own]] = True
        inside.append((truth[shown] > 0).mean())
        ious.append((shown & (truth > 0.5)).sum() / max((shown | (truth > 0.5)).sum(), 1))
    return {"iou": np.mean(ious), "on the plant": np.mean(inside)}


def drops(found, reason, head, data, cell):
    """The drop that the audit measured, and the true one of the same pictures.

    Pictures without the plant lose nothing when it is taken away.
    """
    tests = found.interventions.get((reason.target, reason.number), ())
    made = {one.kind: one for one in tests}
    if "erase" not in made:
        return {}
    erase = made["erase"]
    rows = file_rows(found, erased_rows(found, reason))
    there = np.isin(head["carrying"], rows)
    own = data.labels[head["carrying"][there]]
    lost = (head["carrying_with"][there] == own).sum(dtype=int)
    lost -= (head["carrying_without"][there] == own).sum(dtype=int)
    numbers = {
        "measured drop": erase.before.share.mean - erase.after.share.mean,
        "random drop": erase.before.share.mean - erase.random.share.mean,
        "true drop": lost / len(rows),
    }
    if "paste" in made:
        paste = made["paste"]
        numbers["measured effect"] = paste.after.share.mean - paste.before.share.mean
    return numbers
