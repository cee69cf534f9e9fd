"""The table of model families, and the names that it lists."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Final

from torch import nn

from ..errors import LoadError
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
FAMILIES: Table[Family] = Table("family", {row.name: row for row in _ROWS}, plural="families")
FORMS: Final = (
    "timm:NAME, hf:NAME, torchvision:NAME, open_clip:NAME/PRETRAINED, demo, a Hugging Face folder, "
    "or a file of weights with --arch"
)


def owner(module: nn.Module) -> Family | None:
    """The family that knows this very module, if any."""
    return next((family for family in FAMILIES.values() if family.owns(module)), None)


def list_models(
    pattern: str = "*", *, family: str | None = None, explained: bool | None = None
) -> list[str]:
    """The names that `load` takes, as far as the installed libraries list them offline.

    Of Hugging Face, whose hub is not listed, those in its cache on this machine.

    Args:
        pattern: With wildcards ("*deit*", "timm:vit_*_224"), or a part of a name ("deit"); case
            does not matter.
        family: Only of this family ("timm", "hf", "torchvision", "open_clip", "demo").
        explained: True: only models that methods which read attention are known to explain;
            False: only those that they are known to refuse, and that black-box methods alone
            explain. Models of which neither is known are listed without it.

    Raises:
        UnknownNameError: There is no such family.
        LoadError: The library of the one `family` is not installed.

    """
    wanted = (pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*").lower()
    rows = FAMILIES.values() if family is None else [FAMILIES[family]]
    return [
        name
        for row in rows
        for name in _names_of(row, explained, required=family is not None)
        if any(fnmatch(one.lower(), wanted) for one in (name, name.partition(":")[2]))
    ]


def way_of(name: str) -> str:
    """Which methods explain a listed model: "all", "several grids", "black-box", "" (unknown)."""
    family, _, own = name.partition(":")
    row = FAMILIES[family]
    explained = row.explains(own)
    if explained is None:
        return ""
    return "black-box" if not explained else "several grids" if row.several_grids(own) else "all"


def _names_of(row: Family, explained: bool | None, *, required: bool) -> list[str]:
    try:
        names = row.listed()
    except LoadError:  # its library is not installed
        if required:
            raise
        return []
    if explained is not None:
        names = [name for name in names if row.explains(name) is explained]
    return [name if name == row.name else f"{row.name}:{name}" for name in names]
