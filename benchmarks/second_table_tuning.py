"""Pictures for choices about DINOv2's order of patches: none of them is reported anywhere."""

from dataclasses import replace
from functools import cache

import numpy as np
from planted import Pictures, fitted


def confusable(given, model, reported):
    """What Items are made of, of ten classes: half for the head, half to be explained.

    The halves of planted trials, the other way round. Of two sets with pictures in common (`audit`
    is of Caltech-101, too), what is `reported` takes no part.
    """
    kept = given.rows.parent / f"planted-{model.name}.npy"
    pictures = Pictures(given.data / "audit", model.classifier, kept)
    elsewhere = {path.read_bytes() for path in reported}

    @cache
    def own():
        some = ~pictures.train
        values, labels = pictures.plain[some], pictures.labels[some]
        return replace(model, classifier=fitted(model.classifier, values, labels, pictures.names))

    for number in np.flatnonzero(pictures.train):
        path = pictures.paths[number]
        if path.read_bytes() not in elsewhere:
            name, targets = f"{path.parent.name}/{path.name}", [int(pictures.labels[number])]
            yield name, pictures.pictures[number], targets, [None], own
