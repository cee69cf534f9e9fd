"""Each method again, slowly, in float64 numpy loops, from the papers' formulas.

They read a plain ViT (class token, pre-norm, GELU) through its weights alone: none of agcam's
code takes part. Gradients are finite differences of the network itself, with every attention
matrix given from outside, as the paper's detached attention inputs mean.
"""

import math

import numpy as np
import torch


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def layer_norm(x, weight, bias, eps=1e-6):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * weight + bias


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


class SlowViT:
    """One picture through a timm VisionTransformer's weights."""

    def __init__(self, weights, heads, patch):
        self.w = {k: np.asarray(v, dtype=np.float64) for k, v in weights.items()}
        self.heads, self.patch = heads, patch
        self.depth = 1 + max(int(k.split(".")[1]) for k in self.w if k.startswith("blocks."))

    def tokens(self, picture):
        kernel, bias = self.w["patch_embed.proj.weight"], self.w["patch_embed.proj.bias"]
        p = self.patch
        rows, columns = picture.shape[1] // p, picture.shape[2] // p
        tokens = [self.w["cls_token"][0, 0]]
        for i in range(rows):
            for j in range(columns):
                cut = picture[:, i * p : (i + 1) * p, j * p : (j + 1) * p]
                tokens.append((kernel * cut).sum((1, 2, 3)) + bias)
        return np.stack(tokens) + self.w["pos_embed"][0]

    def norm(self, name, x):
        return layer_norm(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def linear(self, name, x):
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def qkv(self, block, x):
        out = self.linear(f"blocks.{block}.attn.qkv", self.norm(f"blocks.{block}.norm1", x))
        n, d = x.shape
        return out.reshape(n, 3, self.heads, d // self.heads).transpose(1, 2, 0, 3)

    def rest(self, block, x, attended):
        x = x + self.linear(f"blocks.{block}.attn.proj", attended)
        hidden = gelu(self.linear(f"blocks.{block}.mlp.fc1", self.norm(f"blocks.{block}.norm2", x)))
        return x + self.linear(f"blocks.{block}.mlp.fc2", hidden)

    def logits(self, x):
        return self.linear("head", self.norm("norm", x)[0])

    def run(self, picture):
        """Scores and values of every block, and the logits."""
        x, scores, values = self.tokens(picture), [], []
        for block in range(self.depth):
            q, k, v = self.qkv(block, x)
            s = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            scores.append(s)
            values.append(v)
            attended = (softmax(s) @ v).transpose(1, 0, 2).reshape(x.shape)
            x = self.rest(block, x, attended)
        return scores, values, self.logits(x)

    def run_from(self, block, x, added=None):
        """Attentions and outputs of the blocks from `block` on, and the logits, all recomputed.

        `added` is added to the attention matrices of `block`: later ones follow from it.
        """
        attentions, outputs = [], []
        for index in range(block, self.depth):
            q, k, v = self.qkv(index, x)
            attention = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1]))
            if added is not None and index == block:
                attention = attention + added
            attended = (attention @ v).transpose(1, 0, 2).reshape(x.shape)
            x = self.rest(index, x, attended)
            attentions.append(attention)
            outputs.append(x)
        return attentions, outputs, self.logits(x)

    def logits_with(self, picture, attentions, values):
        """Logits as a function of the attention matrices, everything that made them held fixed."""
        x = self.tokens(picture)
        for block in range(self.depth):
            attended = (attentions[block] @ values[block]).transpose(1, 0, 2).reshape(x.shape)
            x = self.rest(block, x, attended)
        return self.logits(x)


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


def gaussian(vit, picture, target):
    del target
    rows, columns = picture.shape[1] // vit.patch, picture.shape[2] // vit.patch
    total = []
    for i in range(rows):
        for j in range(columns):
            y, x = (i + 0.5) / rows - 0.5, (j + 0.5) / columns - 0.5
            total.append(math.exp(-(x * x + y * y) / (2 * 0.25**2)))
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


def legrad(vit, picture, target):
    """Each block's mean token through the classifier; d score / d attention, positive, averaged."""
    total = 0.0
    for block, x in enumerate(entering(vit, picture)):

        def score(added, block=block, x=x):
            output = vit.run_from(block, x, added)[1][0]
            return vit.linear("head", vit.norm("norm", output.mean(0)))[target]

        gradient = slope(score, np.zeros_like(vit.run_from(block, x)[0][0]))
        total = total + np.maximum(gradient, 0).mean((0, 1))
    return total[1:] / vit.depth


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


# `random` has no formula to be written again: its law is in tests/laws.
SLOW = {
    "agcam": agcam,
    "rollout": rollout,
    "raw_attention": raw_attention,
    "grad_cam": grad_cam,
    "gae": gae,
    "attcat": attcat,
    "legrad": legrad,
    "gaussian": gaussian,
    "grad_cam_tokens": grad_cam_tokens,
    "layer_cam": layer_cam,
    "saliency": saliency,
    "occlusion": occlusion,
    "rise": rise,
}
