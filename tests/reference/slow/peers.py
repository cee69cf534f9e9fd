"""The paper's method, its baselines, and the peers that need no rules."""

import math

import numpy as np

from slow.vit import softmax


def agcam(vit, picture, target, step=1e-5):
    """Eq. 2: F = sigmoid(S of the class row). Eq. 3 to 7: alpha by central differences. Eq. 8."""
    scores, values, _ = vit.run(picture)
    attentions = [softmax(s) for s in scores]
    total = np.zeros(scores[0].shape[-1])
    for block in range(vit.depth):
        for head in range(vit.heads):
            for token in range(len(total)):
                ends = []
                for sign in (1, -1):
                    moved = [a.copy() for a in attentions]
                    moved[block][head, 0, token] += sign * step
                    ends.append(vit.logits_with(picture, moved, values)[target])
                alpha = (ends[0] - ends[1]) / (2 * step)
                guide = 1 / (1 + math.exp(-scores[block][head, 0, token]))
                total[token] += guide * max(alpha, 0.0)
    return total[1:]


def rollout(vit, picture, target):
    """Abnar and Zuidema: (mean over heads + I) / 2, multiplied from the first block on."""
    del target
    scores, _, _ = vit.run(picture)
    result = np.eye(scores[0].shape[-1])
    for s in scores:
        mean = softmax(s).mean(0)
        result = (mean + np.eye(len(mean))) / 2 @ result
    return result[0, 1:]


def raw_attention(vit, picture, target):
    del target
    scores, _, _ = vit.run(picture)
    return softmax(scores[-1])[:, 0, 1:].mean(0)


def gaussian(vit, picture, target, spread=0.25):
    del target
    rows, columns = picture.shape[1] // vit.patch, picture.shape[2] // vit.patch
    total = []
    for i in range(rows):
        for j in range(columns):
            y, x = (i + 0.5) / rows - 0.5, (j + 0.5) / columns - 0.5
            total.append(math.exp(-(x * x + y * y) / (2 * spread**2)))
    return np.array(total)


def slope(function, at, step=1e-5):
    """Gradient of a number with respect to every entry of an array, by central differences."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(*at.shape):
        ends = []
        for sign in (1, -1):
            moved = at.copy()
            moved[index] += sign * step
            ends.append(function(moved))
        gradient[index] = (ends[0] - ends[1]) / (2 * step)
    return gradient


def entering(vit, picture):
    """The tokens that enter each block."""
    first = vit.tokens(picture)
    return [first, *vit.run_from(0, first)[1][:-1]]


def of_attention(vit, picture, target, block):
    """One block's attention, and the gradient of the logit of the whole network after it."""
    x = entering(vit, picture)[block]
    attention = vit.run_from(block, x)[0][0]
    nothing = np.zeros_like(attention)
    return attention, slope(lambda added: vit.run_from(block, x, added)[2][target], nothing)


def gae(vit, picture, target):
    """Chefer, Gur and Wolf 2021: R = I; R = R + mean over heads of (grad A * A)+ R."""
    relevance = None
    for block in range(vit.depth):
        attention, gradient = of_attention(vit, picture, target, block)
        if relevance is None:
            relevance = np.eye(attention.shape[-1])
        relevance = relevance + np.maximum(gradient * attention, 0).mean(0) @ relevance
    return relevance[0, 1:]


def grad_cam(vit, picture, target):
    """Last attention, class row, patch columns: heads weighted by their mean gradient."""
    attention, gradient = of_attention(vit, picture, target, vit.depth - 1)
    total = np.zeros(attention.shape[-1] - 1)
    for head in range(vit.heads):
        total += gradient[head, 0, 1:].mean() * attention[head, 0, 1:]
    return np.maximum(total / vit.heads, 0)


def attcat(vit, picture, target):
    """Tokens that enter a block times their gradients, times the attention they are given."""
    total = 0.0
    for block, x in enumerate(entering(vit, picture)):
        gradient = slope(lambda x, block=block: vit.run_from(block, x)[2][target], x)
        given = vit.run_from(block, x)[0][0].mean((0, 1))
        total = total + given * (x * gradient).sum(-1)
    return total[1:]


def legrad(vit, picture, target, skipped=0):
    """Each block's mean token through the classifier; d score / d attention, positive, averaged."""
    total, first = 0.0, int(skipped * vit.depth)
    for block, x in list(enumerate(entering(vit, picture)))[first:]:

        def score(added, block=block, x=x):
            output = vit.run_from(block, x, added)[1][0]
            return vit.linear("head", vit.norm("norm", output.mean(0)))[target]

        gradient = slope(score, np.zeros_like(vit.run_from(block, x)[0][0]))
        total = total + np.maximum(gradient, 0).mean((0, 1))
    return total[1:] / (vit.depth - first)
