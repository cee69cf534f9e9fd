"""Methods that ask the model again, and the CAMs of token features."""

import math

import numpy as np
import torch

from slow.peers import entering, slope
from slow.vit import softmax


def patch_sums(vit, values):
    """Sum of (height, width) values over the pixels of each patch."""
    p = vit.patch
    height, width = values.shape
    return np.array(
        [
            values[i : i + p, j : j + p].sum()
            for i in range(0, height, p)
            for j in range(0, width, p)
        ]
    )


def saliency(vit, picture, target):
    """Simonyan et al.: the largest |d logit / d pixel| of the channels; summed over patches."""
    gradient = slope(lambda x: vit.run(x)[2][target], picture)
    return patch_sums(vit, np.abs(gradient).max(0))


def occlusion(vit, picture, target):
    """The logit, less the logit with one patch hidden."""
    whole, drops = vit.run(picture)[2][target], []
    p = vit.patch
    for i in range(0, picture.shape[1], p):
        for j in range(0, picture.shape[2], p):
            hidden = picture.copy()
            hidden[:, i : i + p, j : j + p] = 0
            drops.append(whole - vit.run(hidden)[2][target])
    return np.array(drops)


def enlarge(line, pixels, first):
    """Values along a line, made (cells + 1) * ceil(pixels / cells) long, then cropped."""
    cells = len(line)
    whole = (cells + 1) * math.ceil(pixels / cells)
    result = []
    for x in range(first, first + pixels):
        place = abs((x + 0.5) * cells / whole - 0.5)
        if place > cells - 1:  # beyond the last centre as before it, and likewise at the start
            place = 2 * (cells - 1) - place
        below = min(int(place), cells - 2)
        result.append(line[below] + (place - below) * (line[below + 1] - line[below]))
    return np.array(result)


def rise(vit, picture, target):
    """Petsiuk et al.: masks weighted by the probability of what they let through.

    The random numbers are torch's: 49 cells and a place, down and right, for each of 1,000 masks.
    """
    generator = torch.Generator().manual_seed(0)
    height, width = picture.shape[1:]
    total = np.zeros((height, width))
    for *cells, down, right in torch.rand(1000, 51, generator=generator).tolist():
        bits = np.array(cells).reshape(7, 7) < 0.5
        top, left = int(down * math.ceil(height / 7)), int(right * math.ceil(width / 7))
        rows = np.stack([enlarge(row, width, left) for row in bits.astype(float)])
        mask = np.stack([enlarge(column, height, top) for column in rows.T]).T
        total += softmax(vit.run(picture * mask)[2])[target] * mask
    return patch_sums(vit, total / (1000 * 0.5)) / vit.patch**2


def before_the_last_attention(vit, picture, target):
    """The last block's first norm (token, dim), and the logit's gradient there."""
    x, block = entering(vit, picture)[-1], vit.depth - 1

    def logit(normed):
        linear = vit.linear(f"blocks.{block}.attn.qkv", normed)
        n, d = x.shape
        q, k, v = linear.reshape(n, 3, vit.heads, d // vit.heads).transpose(1, 2, 0, 3)
        attention = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1]))
        attended = (attention @ v).transpose(1, 0, 2).reshape(x.shape)
        return vit.logits(vit.rest(block, x, attended))[target]

    normed = vit.norm(f"blocks.{block}.norm1", x)
    return normed, slope(logit, normed)


def grad_cam_tokens(vit, picture, target):
    """Selvaraju et al., eq. 1 and 2: dimensions weighted by their mean gradient over patches."""
    features, gradients = before_the_last_attention(vit, picture, target)
    weights = gradients[1:].mean(0)
    return np.array([max((weights * token).sum(), 0) for token in features[1:]])


def layer_cam(vit, picture, target):
    """Jiang et al.: every place and dimension weighted by its own positive gradient."""
    features, gradients = before_the_last_attention(vit, picture, target)
    return np.maximum((np.maximum(gradients, 0) * features).sum(-1), 0)[1:]
