"""Hugging Face models that take the patches of a picture of any shape (SigLIP 2 NaFlex).

Here they take the picture itself, each with its own rows and columns: it is cut into patches in
front of the model, and as all pictures of a pass have one shape, no token is padding.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import rearrange
from PIL import Image
from torch import Tensor

from ..errors import ModelError
from ..values import Frame, Transform
from .hf_media import brought, usual


def takes_patches(forward: Any) -> bool:
    """Whether a forward takes patches, and the shape of the picture beside them."""
    return "spatial_shapes" in inspect.signature(forward).parameters


def patch_of(config: Any) -> int:
    """Pixels of a patch's side."""
    return int(getattr(config, "vision_config", config).patch_size)


@dataclass(frozen=True)
class PatchCall:
    """Runs `call` on pictures (batch, channel, height, width), cut into patches of `patch` pixels.

    Raises ModelError where the sides are not multiples of the patch.
    """

    call: Any
    patch: int
    name: str

    def __call__(self, pixels: Tensor, *args: Any, **kwargs: Any) -> Any:
        """What the model returns, whole."""
        height, width = pixels.shape[-2:]
        rows, columns = height // self.patch, width // self.patch
        if (rows * self.patch, columns * self.patch) != (height, width):
            raise ModelError(
                f"{self.name} takes patches of {self.patch} x {self.patch}, of which an input of "
                f"{width} x {height} is not made up."
            )
        cut = "batch channel (row y) (column x) -> batch (row column) (y x channel)"
        patches = rearrange(pixels, cut, y=self.patch, x=self.patch)
        shapes = torch.tensor([[rows, columns]] * len(pixels), device=pixels.device)
        beside = {"pixel_attention_mask": None, "spatial_shapes": shapes}  # nothing is padding
        return self.call(patches, *args, **beside, **kwargs)


def naflex_preparation(processor: Any, config: Any) -> Transform:
    """How a processor brings a picture to as many patches as it may have, keeping its shape."""
    from transformers.models.siglip2 import image_processing_siglip2 as library

    guess = processor is None
    if processor is None:
        processor = library.Siglip2ImageProcessor(patch_size=patch_of(config))
    source = usual(config) if guess else brought(processor)
    patch, most = int(processor.patch_size), int(processor.max_num_patches)
    mean, std = (tuple(map(float, some)) for some in (processor.image_mean, processor.image_std))

    def run(picture: Image.Image) -> Tensor:
        height, width = library.get_image_size_for_max_num_patches(
            picture.height, picture.width, patch, most
        )
        small = picture.resize((width, height), Image.Resampling(int(processor.resample)))
        values = torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 255
        shape = (-1, 1, 1)
        return (values - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)

    side = patch * round(most**0.5)  # of a square picture
    return Transform(
        run=run,
        frame=lambda size: Frame.whole(*size),
        size=(side, side),
        mean=mean,
        std=std,
        source=source,
        guess=guess,
    )
