"""Contrastive classifiers: logits are scaled cosines between a picture and text prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import TargetError
from ..values import Classifier


def contrastive(
    bare: Classifier,
    encode_image: Callable[[Tensor], Tensor],
    encode_text: Callable[[Sequence[str], torch.device], Tensor],
    scale_and_bias: Callable[[], tuple[Tensor, Tensor | None]],
) -> Classifier:
    """A classifier whose classes are text prompts, encoded once each time they are named.

    Args:
        bare: All but the way to predict; until prompts are given, `predict` raises TargetError.
        encode_image: Pixels (batch, channel, height, width) to features (batch, dim).
        encode_text: Prompts, on a device, to features (class, dim).
        scale_and_bias: The model's log scale and its bias, if it has one.

    """

    def with_prompts(prompts: Sequence[str]) -> Classifier:
        with torch.no_grad():
            text = encode_text(prompts, next(bare.module.parameters()).device)
            text = text / text.norm(dim=-1, keepdim=True)

        def predict(pixels: Tensor) -> Tensor:
            return contrast(encode_image(pixels), text, *scale_and_bias())

        return replace(without_prompts, predict=predict, class_names=tuple(prompts))

    def refuse(_: Tensor) -> Tensor:
        raise TargetError(
            f'{bare.name} compares pictures with text; name it: target="a photo of a cat".'
        )

    without_prompts = replace(bare, predict=refuse, output=encode_image, with_prompts=with_prompts)
    return without_prompts


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
