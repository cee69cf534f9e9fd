"""The classifiers that benchmarks/better_map.py explains."""

from dataclasses import dataclass

import numpy as np
import torch

import agcam
from agcam.families.demo import HEAD
from agcam.values import Classifier


@dataclass(frozen=True)
class Model:
    """A classifier, its classes by name or synset, and its normalization."""

    classifier: Classifier
    classes: dict[str, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def pixels(self, picture):
        values = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
        mean, std = (torch.tensor(side)[:, None, None] for side in (self.mean, self.std))
        return ((values - mean) / std)[None]


def demo(_):
    classifier = agcam.load("demo")
    with np.load(HEAD) as head:
        synsets = {str(synset): index for index, synset in enumerate(head["synsets"]) if synset}
    names = {name: index for index, name in enumerate(classifier.class_names)}
    prepared = classifier.preparation
    return Model(classifier, names | synsets, prepared.mean, prepared.std)


MODELS = {"demo": demo}
