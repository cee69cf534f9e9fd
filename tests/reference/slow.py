"""Each method again, slowly, in float64 numpy loops, from the papers' formulas.

They read a plain ViT (class token, pre-norm, GELU) through its weights alone: none of agcam's
code takes part. Gradients are finite differences of the network itself, with every attention
matrix given from outside, as the paper's detached attention inputs mean.
"""

import math

import numpy as np


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


def above_mean(x):
    return np.maximum(x - x.mean(), 0)


def spread(links, relevance):
    """Patch i: mean of the others, each weighted by its link over all the links to it."""
    result = np.zeros_like(relevance)
    for i in range(len(relevance)):
        weights = [links[i, j] / links[:, j].sum() for j in range(len(relevance))]
        result[i] = sum(w * r for w, r in zip(weights, relevance, strict=True)) / sum(weights)
    return result


def agcam_spread(vit, picture, target, step=1e-5):
    """Signed contributions of the last sixth, spread by attention, then by likeness of values."""
    scores, values, _ = vit.run(picture)
    attentions, depth = [softmax(s) for s in scores], vit.depth
    sixth, third = max(1, round(depth / 6)), max(1, round(depth / 3))
    evidence = np.zeros(scores[0].shape[-1])
    for block in range(depth - sixth, depth):

        def logit(row, block=block):
            moved = [a.copy() for a in attentions]
            moved[block][:, 0] = row
            return vit.logits_with(picture, moved, values)[target]

        row = attentions[block][:, 0]
        evidence += (row * slope(logit, row, step)).sum(0)
    behind_middle = attentions[depth // 2 : depth // 2 + sixth]
    likeness = 0.0
    for value in values[depth - third :]:
        tokens = np.concatenate([head[1:] for head in value], axis=1)
        tokens = tokens - tokens.mean(0)
        cosine = np.eye(len(tokens))
        for i, one in enumerate(tokens):
            for j, other in enumerate(tokens):
                cosine[i, j] = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        np.fill_diagonal(cosine, -1)
        likeness = likeness + softmax(cosine / 0.2)
    relevance = above_mean(evidence[1:])
    relevance = spread(sum(a[:, 1:, 1:].mean(0) for a in behind_middle), relevance)
    return np.sqrt(above_mean(spread(likeness, relevance)))


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


# `random` has no formula to be written again: its law is in tests/laws.
SLOW = {
    "agcam": agcam,
    "agcam_spread": agcam_spread,
    "rollout": rollout,
    "raw_attention": raw_attention,
    "grad_cam": grad_cam,
    "gae": gae,
    "attcat": attcat,
    "legrad": legrad,
    "gaussian": gaussian,
}
