"""Contrastive classifiers: logits are scaled cosines between a picture and text prompts."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def contrast(
    image: Float[Tensor, "batch dim"],
    text: Float[Tensor, "class dim"],
    log_scale: Tensor,
    bias: Tensor | None,
) -> Float[Tensor, "batch class"]:
    """`logits = exp(log_scale) * cos(image, text) + bias`; text features are unit vectors."""
    image = image / image.norm(dim=-1, keepdim=True)
    logits = log_scale.detach().exp() * image @ text.to(image.dtype).T
    return logits if bias is None else logits + bias.detach()
