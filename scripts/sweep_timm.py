"""Try every Vision Transformer that timm lists: which are explained, how, and which are refused.

    python scripts/sweep_timm.py [FROM [TO]]

Random weights, two blocks of each (blocks of one model are alike), one picture; the replay is
compared with full autograd, up to 1,100 tokens (its memory grows with their square). Prints a
Markdown table of the names FROM to TO, in the order of the alphabet.
"""

import sys
import warnings

import timm
import torch
from timm.models import _registry

import agcam

MODULES = (
    "beit",
    "deepseek_vit",
    "deit",
    "eva",
    "gemma4_vit",
    "naflexvit",
    "qwen3_vit",
    "vision_transformer",
    "vision_transformer_hybrid",
    "vision_transformer_relpos",
    "vision_transformer_sam",
    "cait",
    "convit",
    "crossvit",
    "tnt",
    "volo",
    "xcit",
)


MOST_TOKENS = 1100


def names(first="", last="~"):
    for name in sorted(timm.list_models()):
        if _registry._model_to_module[name] in MODULES and first <= name <= last:
            yield name


def build(name):
    for options in ({"depth": 2}, {}):
        try:
            return timm.create_model(name, num_classes=7, **options).eval()
        except (TypeError, AssertionError, ValueError, IndexError, RuntimeError):
            continue
    raise agcam.ModelError("timm cannot make it with 7 classes: it has no classifier")


def explain(name):
    torch.manual_seed(0)
    model = build(name)
    size = agcam.load(model).preparation.size
    pixels = torch.randn(1, 3, *size)
    replayed = agcam.explain(model, pixels, target=3)
    grid = replayed.grid
    row = f"{replayed.tracer} | {grid.rows} x {grid.columns} + {grid.prefix} | "
    if grid.tokens > MOST_TOKENS:
        return row + "logits proved"
    full = agcam.explain(model, pixels, target=3, tracer="full")
    return row + f"{(replayed.grid_map - full.grid_map).abs().max() / full.grid_map.max():.0e}"


def main():
    warnings.simplefilter("ignore")
    print("| model | tracer | grid + prefix | replay against full autograd |\n|---|---|---|---|")
    explained = refused = 0
    for name in names(*sys.argv[1:]):
        try:
            row = explain(name)
            explained += 1
        except Exception as error:  # the table must show whatever happens
            row = f"refused | | {type(error).__name__}: {str(error).splitlines()[0][:160]}"
            refused += 1
        print(f"| {name} | {row} |", flush=True)
    print(f"\n{explained} explained, {refused} refused; timm {timm.__version__}")


if __name__ == "__main__":
    main()
