"""Quantised layers: they run, and nothing can be differentiated through them."""

from __future__ import annotations

from typing import Final

from torch import nn

QUANTISED: Final = (
    "{name} has quantised layers, through which torch does not differentiate, so there is nothing "
    "to trace: explain the model as it was before it was quantised, or ask it from outside, with "
    "occlusion or rise."
)


def has_quantised_layers(module: nn.Module) -> bool:
    """Whether some layer is of torch's quantised kinds."""
    return any("quantized" in type(part).__module__.split(".") for part in module.modules())
