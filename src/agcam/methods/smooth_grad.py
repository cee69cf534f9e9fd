"""SmoothGrad: the mean gradient of noisy copies (Smilkov et al., 2017)."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import Grid, Query
from .input_space import captum, patch_sum

SAMPLES: Final = 50
NOISE: Final = 0.15  # standard deviation, as a share of the picture's range
SEED: Final = 0


def smooth_grad(query: Query) -> Float[Tensor, "batch patch"]:
    """`| mean over samples of dy/dx(x + noise) |`, summed over the channels and pixels of a patch.

    50 samples of Gaussian noise, of 15 % of the picture's largest less its smallest value, as the
    paper recommends. Gradients are captum's; the noise is ours, from a seed and the same for every
    picture, because captum's own would draw from the generator that torch's user has.
    """
    gradient = captum("smooth_grad").Saliency(query.logit)
    means = []
    for picture, target in query.parts(1):
        generator = torch.Generator().manual_seed(SEED)
        spread = NOISE * (picture.amax() - picture.amin())
        total = torch.zeros_like(picture, dtype=torch.promote_types(picture.dtype, torch.float32))
        for start in range(0, SAMPLES, query.chunk):
            count = min(query.chunk, SAMPLES - start)
            noisy = picture + spread * noise(generator, count, picture[0])
            slopes = gradient.attribute(
                noisy.requires_grad_(), abs=False, additional_forward_args=target.expand(count)
            )
            total += slopes.to(total).sum(0, keepdim=True)
        means.append(total / SAMPLES)
    return patch_sum(torch.cat(means).abs().sum(1), query.grid)


def pictures_per_target(grid: Grid) -> int:
    """One noisy copy a sample."""
    del grid
    return SAMPLES


def noise(generator: torch.Generator, count: int, picture: Tensor) -> Tensor:
    """Standard Gaussian noise for some samples, each drawn alone: no chunk changes the next."""
    drawn = [torch.randn(picture.shape, generator=generator) for _ in range(count)]
    return torch.stack(drawn).to(picture)
