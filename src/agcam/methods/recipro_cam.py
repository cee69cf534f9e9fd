"""ViT-ReciproCAM: one token kept at a time (Byun and Lee, 2023)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ..values import Method, SinglePatchTrace
from ..values.needs import SinglePatch


def recipro_cam(trace: SinglePatchTrace) -> Float[Tensor, "batch patch"]:
    """The target logit with that single patch token and the prefix tokens, in the last block.

    All other patch tokens are zero where they enter the block and after its first norm; no
    gradient, no attention matrix. As in the program of the authors' house
    (github.com/openvinotoolkit/openvino_xai at 88f29ee, ViTReciproCAM without its Gaussian, which
    keeps the neighbours in part). Logits, so a constant for every patch means nothing.
    """
    return trace.logits


METHOD = Method(
    "recipro_cam",
    recipro_cam,
    SinglePatch(),
    "Byun and Lee, ViT-ReciproCAM, 2023, arXiv 2310.02588",
    from_last_block=True,
)
