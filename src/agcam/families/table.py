"""The table of model families."""

from __future__ import annotations

from typing import Final

from torch import nn

from ..registry import Table
from ..values import Family
from . import demo, hf_vit, open_clip_vit, timm_vit, torchvision_vit

_ROWS = [
    timm_vit.FAMILY,
    hf_vit.FAMILY,
    torchvision_vit.FAMILY,
    open_clip_vit.FAMILY,
    demo.FAMILY,
]
FAMILIES: Table[Family] = Table("family", {row.name: row for row in _ROWS})
FORMS: Final = (
    "timm:NAME, hf:NAME, torchvision:NAME, open_clip:NAME/PRETRAINED, demo, a Hugging Face folder, "
    "or a file of weights with --arch"
)


def owner(module: nn.Module) -> Family | None:
    """The family that knows this very module, if any."""
    return next((family for family in FAMILIES.values() if family.owns(module)), None)
