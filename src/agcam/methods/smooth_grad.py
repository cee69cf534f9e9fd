"""SmoothGrad: the mean gradient of noisy copies (Smilkov et al., 2017)."""

from __future__ import annotations

from typing import Final

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import Method, Option, Query, precise
from ..values.needs import BlackBox
from .input_space import CHECKED, captum, over_channels, patch_sum

SAMPLES: Final = 50
NOISE: Final = 0.15
SEED: Final = 0


def smooth_grad(
    query: Query, *, samples: int = SAMPLES, noise: float = NOISE
) -> Float[Tensor, "batch patch"]:
    """`| mean over samples of dy/dx(x + noise) |`, summed over the channels and pixels of a patch.

    50 samples of Gaussian noise, of 15 % of the picture's largest less its smallest value, as the
    paper recommends. Gradients are captum's; the noise is ours, from a seed and the same for every
    picture, because captum's own would draw from the generator that torch's user has.
    """
    gradient = captum("smooth_grad").Saliency(query.logit)
    means = []
    for picture, target in query.parts(1):
        generator = torch.Generator().manual_seed(SEED)
        spread = noise * (picture.amax() - picture.amin())
        total = torch.zeros_like(precise(picture))
        for start in range(0, samples, query.chunk):
            count = min(query.chunk, samples - start)
            noisy = picture + spread * _drawn(generator, count, picture[0])
            slopes = gradient.attribute(
                noisy.requires_grad_(), abs=False, additional_forward_args=target.expand(count)
            )
            total += reduce(slopes.to(total), "sample ... -> 1 ...", "sum")
        means.append(total / samples)
    return patch_sum(over_channels(torch.cat(means).abs()), query.grid)


def _drawn(generator: torch.Generator, count: int, picture: Tensor) -> Tensor:
    """Standard Gaussian noise for some samples, each drawn by itself: chunks change nothing."""
    drawn = [torch.randn(picture.shape, generator=generator) for _ in range(count)]
    return torch.stack(drawn).to(picture)


METHOD = Method(
    "smooth_grad",
    smooth_grad,
    BlackBox(count=SAMPLES, gradients=True),
    "Smilkov et al., SmoothGrad, 2017, arXiv 1706.03825; gradients by captum",
    checked=CHECKED,
    options=(
        Option(
            "samples", SAMPLES, 1, 10_000, "pictures", "noisy copies of the picture", sets="count"
        ),
        Option("noise", NOISE, 0, 2, "of the picture's range", "the noise's standard deviation"),
    ),
)
