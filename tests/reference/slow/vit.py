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
