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


def input_x_gradient(vit, picture, target):
    """Shrikumar et al. 2016: pixel times d logit / d pixel, over channels and patches."""
    gradient = slope(lambda x: vit.run(x)[2][target], picture)
    return patch_sums(vit, (picture * gradient).sum(0))


def occlusion(vit, picture, target, window=1, stride=1):
    """The logit, less the logit with a window hidden; mean over the windows that hide a patch."""
    logit, p = vit.run(picture)[2][target], vit.patch
    rows, columns = picture.shape[1] // p, picture.shape[2] // p
    falls = [[[] for _ in range(columns)] for _ in range(rows)]
    for i in range(0, max(rows - window, 0) + stride, stride):
        for j in range(0, max(columns - window, 0) + stride, stride):
            hidden = picture.copy()
            hidden[:, i * p : (i + window) * p, j * p : (j + window) * p] = 0
            fall = logit - vit.run(hidden)[2][target]
            for row in range(i, min(i + window, rows)):
                for column in range(j, min(j + window, columns)):
                    falls[row][column].append(fall)
    return np.array([np.mean(some) for row in falls for some in row])


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


def rise(vit, picture, target, masks=1000, cells=7, probability=0.5):
    """Petsiuk et al.: masks weighted by the probability of what they let through.

    The random numbers are torch's: the cells and a place, down and right, for each mask.
    """
    generator = torch.Generator().manual_seed(0)
    height, width = picture.shape[1:]
    total = np.zeros((height, width))
    drawn = torch.rand(masks, cells**2 + 2, generator=generator).tolist()
    for *seen, down, right in drawn:
        bits = np.array(seen).reshape(cells, cells) < probability
        top, left = int(down * math.ceil(height / cells)), int(right * math.ceil(width / cells))
        rows = np.stack([enlarge(row, width, left) for row in bits.astype(float)])
        mask = np.stack([enlarge(column, height, top) for column in rows.T]).T
        total += softmax(vit.run(picture * mask)[2])[target] * mask
    return patch_sums(vit, total / (masks * probability)) / vit.patch**2


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
