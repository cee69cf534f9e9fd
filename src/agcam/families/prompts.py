"""Contrastive classifiers: logits are scaled cosines between a picture and text prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import TargetError
from ..values import Classifier


def contrastive(
    bare: Classifier,
    encode_image: Callable[[Tensor], Tensor],
    encode_text: Callable[[Sequence[str], torch.device], Tensor],
    scale_and_bias: Callable[[], tuple[Tensor, Tensor | None]],
) -> Classifier:
    """A classifier whose classes are text prompts, encoded once each time they are named.

    `bare` has all but its way to predict; it cannot be asked before prompts are given.
    """

    def with_prompts(prompts: Sequence[str]) -> Classifier:
        with torch.no_grad():
            text = encode_text(prompts, _device(bare.module))
            text = text / text.norm(dim=-1, keepdim=True)

        def predict(pixels: Tensor) -> Tensor:
            return contrast(encode_image(pixels), text, *scale_and_bias())

        return replace(asked, predict=predict, class_names=tuple(prompts))

    def unasked(_: Tensor) -> Tensor:
        raise TargetError(
            f'{bare.name} compares pictures with text; name it: target="a photo of a cat".'
        )

    asked = replace(bare, predict=unasked, output=encode_image, with_prompts=with_prompts)
    return asked


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device


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
