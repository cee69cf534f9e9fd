"""Sweep timm's models that attend: `python scripts/sweep_timm.py [MODULE ...]`.

Renews docs/models.md.

Random weights, two blocks of each stage (blocks of a stage are alike), one small picture where the
model takes it, each compared with AGCAM's definition by full autograd. Of names whose architectures
differ in numbers alone (width, depth, input), the smallest is swept; channels are fewer where timm
lets them be.
"""

import importlib
import re
import sys
from collections import defaultdict
from contextlib import suppress
from itertools import product

import timm
import torch
from sweep import ROOT, filled, renew, shortened, swept, unfilled
from timm.models import _registry

import agcam

MODULES = re.findall(
    r"\w+",
    "beit byoanet byobnet cait coat convit cpubone crossvit csatv2 davit deepseek_vit "
    "deit edgenext efficientformer efficientformer_v2 efficientvim efficientvit_mit "
    "efficientvit_msra eva fastvit gcvit gemma4_vit hiera hieradet_sam2 iformer levit "
    "lowformer maxxvit metaformer mobilenetv5 mobilevit mvitv2 naflexvit nest nextvit "
    "pit pvt_v2 qwen3_vit shvit swiftformer swin_transformer swin_transformer_v2 "
    "swin_transformer_v2_cr tiny_vit tnt twins vision_transformer "
    "vision_transformer_hybrid vision_transformer_relpos vision_transformer_sam "
    "visformer vitamin volo xcit ",
)
SMALLER = (
    {"depth": 2, "embed_dim": 96, "num_heads": 3},
    {"depth": 2},
    {"embed_dim": 24},
    {"embed_dim": 32},
    {"embed_dim": (32, 64, 64, 128)},
    {},
)
WINDOWED = ("swin_transformer", "swin_transformer_v2", "swin_transformer_v2_cr")  # 7 divides 112
UNLIKE = ("pretrained_filter_fn", "feature_cfg", "pretrained_strict", "pretrained_cfg")


def names():
    for name in timm.list_models():
        module = _registry._model_to_module[name]
        if module in MODULES or (module == "mobilenetv3" and "hybrid" in name):
            yield name


class _KnownError(Exception):
    """Carries what a model would be made of."""


def _known(kind, variant, pretrained=False, **options):
    shown = {key: options[key] for key in sorted(options) if key not in UNLIKE}
    raise _KnownError(re.sub(r" at 0x\w+", "", repr((kind.__name__, shown))))


def alike():
    """Names of one architecture, the smallest first: they differ in numbers alone."""
    modules = {_registry._model_to_module[name] for name in timm.list_models()}
    found = [importlib.import_module(f"timm.models.{module}") for module in modules]
    before = {module: getattr(module, "build_model_with_cfg", None) for module in found}
    groups = defaultdict(list)
    for module in found:
        module.build_model_with_cfg = _known
    for name in names():
        try:
            timm.create_model(name, num_classes=7)
        except _KnownError as known:
            numbers = [float(number) for number in re.findall(r"\d+\.?\d*", str(known))]
            groups[re.sub(r"-?\d+(\.\d+)?(e-\d+)?", "#", str(known))].append((sum(numbers), name))
    for module, function in before.items():
        module.build_model_with_cfg = function
    return [[name for _, name in sorted(group)] for group in groups.values()]


def create(name, options, short):
    with unfilled():
        model = timm.create_model(name, num_classes=7, **options)
    return filled(shortened(model) if short else model)


def make(name):
    small = 112 if _registry._model_to_module[name] in WINDOWED else 64
    for options in SMALLER:
        ways = (({"img_size": small}, small), ({}, small), ({}, None))
        for (size, side), short in product(ways, (True, False)):
            with suppress(TypeError, AssertionError, ValueError, IndexError, RuntimeError):
                model = create(name, {**options, **size}, short)
                channels, height, width = model.pretrained_cfg["input_size"]
                pixels = torch.randn(1, channels, side or height, side or width)
                model(pixels)
                return model, pixels
    raise agcam.ModelError("timm cannot make it with 7 classes: it has no classifier")


def main(*modules):
    page = ROOT / "docs" / "models.md"
    groups = [
        group
        for group in sorted(alike())
        if not modules or _registry._model_to_module[group[0]] in modules
    ]
    for smallest, *others in groups:
        for other in others:
            renew(page, other, f"as {smallest} | | the same architecture, other sizes")
    swept([group[0] for group in groups], make, page)


if __name__ == "__main__":
    main(*sys.argv[1:])
