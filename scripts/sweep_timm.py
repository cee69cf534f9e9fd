"""Sweep timm: `python scripts/sweep_timm.py [NAME ...]` gives every name of timm's list a row.

Renews docs/models.md: the rows that are missing, or those of the models or modules of timm that are
named. A sweep that is stopped goes on where it was.

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
from sweep import ROOT, filled, make_room, shortened, swept, unfilled
from sweep_page import renew, rows_of
from timm.models import _registry

PAGE = ROOT / "docs" / "models.md"
SMALLER = (
    {"depth": 2, "embed_dim": 96, "num_heads": 3},
    {"depth": 2},
    {"embed_dim": 24},
    {"embed_dim": 32},
    {"embed_dim": (32, 64, 64, 128)},
    {},
)
WINDOWED = ("swin_transformer", "swin_transformer_v2", "swin_transformer_v2_cr")  # 7 divides 112
SIBLINGS = {  # of the same modules, and small enough for the second program
    "mobilenetv5_300m": "mobilenetv5_base",
    "mvitv2_large": "mvitv2_tiny",
    "volo_d5_224": "volo_d1_224",
}
UNLIKE = ("pretrained_filter_fn", "feature_cfg", "pretrained_strict", "pretrained_cfg")


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
    for name in timm.list_models():
        try:
            with torch.device("meta"):
                timm.create_model(name, num_classes=7)
            groups[name].append((0, name))  # made in a way of its own
        except _KnownError as known:
            numbers = [float(number) for number in re.findall(r"\d+\.?\d*", str(known))]
            groups[re.sub(r"-?\d+(\.\d+)?(e-\d+)?", "#", str(known))].append((sum(numbers), name))
    for module, function in before.items():
        module.build_model_with_cfg = function
    return [[name for _, name in sorted(group)] for group in groups.values()]


def make(name, small=True):
    """The model as small as timm makes it, or of its own size; and pixels that it runs on."""
    side = 112 if _registry._model_to_module[name] in WINDOWED else 64
    why = RuntimeError("timm cannot make it with 7 classes")
    for options in SMALLER:
        ways = (({"img_size": side}, side), ({}, side), ({}, None))[0 if small else 2 :]
        for (size, pixels), short in product(ways, (True, False)):
            try:
                return _made(name, {**options, **size}, pixels, short)
            except (TypeError, AssertionError, ValueError, IndexError, RuntimeError) as error:
                why = error
    raise why


def _made(name, options, side, short):
    with unfilled():
        model = timm.create_model(name, num_classes=7, **options)
    if short:
        model = shortened(model)
    make_room(model)
    channels, height, width = model.pretrained_cfg["input_size"]
    pixels = torch.randn(1, channels, side or height, side or width)
    filled(model)(pixels)
    return model, pixels


def main(*named):
    groups = sorted(alike())
    for smallest, *others in groups:
        for other in others:
            renew(PAGE, other, f"as {smallest} | | the same architecture, other sizes")
    there = rows_of(PAGE.read_text())
    for name, sibling in SIBLINGS.items():
        text, whole = there.get(name, ""), there.get(sibling, "").rpartition("| map ")[2]
        if "| sum " in text and whole and sibling not in text:
            renew(PAGE, name, f"{text} (the map of {sibling}: {whole})")
    wanted = [
        smallest
        for smallest, *_ in groups
        if {smallest, _registry._model_to_module[smallest]} & {*named}
        or (not named and (smallest not in there or there[smallest].startswith("as ")))
    ]
    with suppress(KeyboardInterrupt):
        swept(wanted, make, PAGE)


if __name__ == "__main__":
    main(*sys.argv[1:])
