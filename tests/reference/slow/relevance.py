"""Methods that carry relevance back by rules, layer by layer, in the order of a plain ViT."""

import math

import numpy as np

from slow.peers import entering, of_attention, slope
from slow.vit import gelu, softmax

STABILIZER = {"lrp": 1e-9}  # as the published program; lrp sets another


def divide(a, b):
    """a / b, kept from zero as the published program of LRP does."""
    away = STABILIZER["lrp"] * np.where(b >= 0, 1, -1)
    return np.where(b == 0, 0.0, a / np.where(b == 0, 1.0, b + away))


def through_linear(x, weight, relevance):
    """alpha = 1: positive inputs by positive weights, negative by negative; one share of both."""
    plus, minus = np.maximum(x, 0), np.minimum(x, 0)
    w_plus, w_minus = np.maximum(weight, 0), np.minimum(weight, 0)
    share = divide(relevance, plus @ w_plus.T + minus @ w_minus.T)
    return plus * (share @ w_plus) + minus * (share @ w_minus)


def through_sum(x, y, relevance):
    """Each term in proportion, then scaled so that their totals are shares of the whole."""
    share = divide(relevance, x + y)
    terms = [x * share, y * share]
    size = abs(terms[0].sum()) + abs(terms[1].sum())
    whole = relevance.sum()
    return [term * divide(divide(abs(term.sum()), size) * whole, term.sum()) for term in terms]


def through_product(left, right, relevance):
    """Of left @ right, each head: half of what each entry has a part in."""
    share = divide(relevance, left @ right)
    return (
        left * (share @ right.transpose(0, 2, 1)) / 2,
        right * (left.transpose(0, 2, 1) @ share) / 2,
    )


def lrp_block(vit, block, x, relevance):
    """Relevance of the tokens that enter a block, and of its attention."""
    w, (n, d) = vit.w, x.shape
    q, k, v = vit.qkv(block, x)
    attention = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1]))
    attended = (attention @ v).transpose(1, 0, 2).reshape(n, d)
    projected = vit.linear(f"blocks.{block}.attn.proj", attended)
    middle = x + projected
    normed = vit.norm(f"blocks.{block}.norm2", middle)
    hidden = vit.linear(f"blocks.{block}.mlp.fc1", normed)
    fed = vit.linear(f"blocks.{block}.mlp.fc2", gelu(hidden))

    skip, branch = through_sum(middle, fed, relevance)
    branch = through_linear(gelu(hidden), w[f"blocks.{block}.mlp.fc2.weight"], branch)
    branch = through_linear(normed, w[f"blocks.{block}.mlp.fc1.weight"], branch)
    skip, branch = through_sum(x, projected, skip + branch)
    branch = through_linear(attended, w[f"blocks.{block}.attn.proj.weight"], branch)
    by_head = branch.reshape(n, vit.heads, -1).transpose(1, 0, 2)
    of_attention, of_v = through_product(attention, v, by_head)
    of_q, of_k = through_product(q / math.sqrt(q.shape[-1]), k.transpose(0, 2, 1), of_attention)
    of_qkv = np.stack([of_q, of_k.transpose(0, 2, 1), of_v]).transpose(2, 0, 1, 3).reshape(n, 3 * d)
    normed = vit.norm(f"blocks.{block}.norm1", x)
    branch = through_linear(normed, w[f"blocks.{block}.attn.qkv.weight"], of_qkv)
    return skip + branch, of_attention


def lrp(vit, picture, target, stabilizer=1e-9):
    """Chefer, Gur and Wolf 2021: prod of (I + mean over heads of (grad A * R_A)+)."""
    STABILIZER["lrp"] = stabilizer
    xs = entering(vit, picture)
    last = vit.norm("norm", vit.run_from(vit.depth - 1, xs[-1])[1][0])
    start = np.zeros((1, vit.w["head.bias"].size))
    start[0, target] = 1
    relevance = np.zeros_like(last)
    relevance[0] = through_linear(last[:1], vit.w["head.weight"], start)
    steps = []
    for block in reversed(range(vit.depth)):
        relevance, found = lrp_block(vit, block, xs[block], relevance)
        gradient = of_attention(vit, picture, target, block)[1]
        steps.append(np.maximum(gradient * found, 0).mean(0))
    rows = np.eye(len(xs[0]))[0]
    for step in steps:
        rows = rows + rows @ step
    return rows[1:]


class Held:
    """One picture's network with attention, gates of GELU and deviations of norms held fixed."""

    def __init__(self, vit, picture):
        self.vit, self.xs = vit, entering(vit, picture)
        self.attention, self.middle, self.hidden = [], [], []
        for block, x in enumerate(self.xs):
            self.attention.append(vit.run_from(block, x)[0][0])
            middle = x + self.mixed(block, vit.norm(f"blocks.{block}.norm1", x))
            self.middle.append(middle)
            normed = vit.norm(f"blocks.{block}.norm2", middle)
            self.hidden.append(vit.linear(f"blocks.{block}.mlp.fc1", normed))
        self.last = vit.run_from(vit.depth - 1, self.xs[-1])[1][0]

    def mixed(self, block, normed):
        n, d = normed.shape
        qkv = self.vit.linear(f"blocks.{block}.attn.qkv", normed)
        v = qkv.reshape(n, 3, self.vit.heads, -1)[:, 2].transpose(1, 0, 2)
        attended = (self.attention[block] @ v).transpose(1, 0, 2).reshape(n, d)
        return self.vit.linear(f"blocks.{block}.attn.proj", attended)

    def norm(self, name, x, measured):
        w, b = self.vit.w[f"{name}.weight"], self.vit.w[f"{name}.bias"]
        return (x - x.mean(-1, keepdims=True)) / deviation(measured) * w + b

    def logits(self, block, x):
        """What leaves the network for these tokens at the entry of a block: an affine function."""
        for index in range(block, self.vit.depth):
            name = f"blocks.{index}"
            x = x + self.mixed(index, self.norm(f"{name}.norm1", x, self.xs[index]))
            normed = self.norm(f"{name}.norm2", x, self.middle[index])
            hidden = self.vit.linear(f"{name}.mlp.fc1", normed) * gate(self.hidden[index])
            x = x + self.vit.linear(f"{name}.mlp.fc2", hidden)
        return self.vit.linear("head", self.norm("norm", x[:1], self.last[:1])[0])


def deviation(x):
    return np.sqrt(x.var(-1, keepdims=True) + 1e-6)


def gate(x):
    return gelu(x) / x


def held_slope(held, target, block):
    return slope(lambda x: held.logits(block, x)[target], held.xs[block], step=1e-3)


def libra_xgrad_cam_plus(vit, picture, target):
    """Channels weighted by the mean gradient over tokens, each weighted by its size."""
    held = Held(vit, picture)
    h, g = held.xs[-1], held_slope(held, target, vit.depth - 1)
    total = np.zeros(len(h))
    for channel in range(h.shape[1]):
        size = np.abs(h[:, channel])
        total += h[:, channel] * (g[:, channel] * size).sum() / (size.sum() + 1e-7)
    return total[1:]


def libra_attcat(vit, picture, target):
    held, total = Held(vit, picture), 0.0
    for block, x in enumerate(held.xs):
        g = held_slope(held, target, block)
        total = total + held.attention[block].mean((0, 1)) * (x * g).sum(-1)
    return total[1:]


def back_through_norm(vit, name, measured, signal):
    signal = signal * vit.w[f"{name}.weight"] / deviation(measured)
    return signal - signal.mean(-1, keepdims=True)


def back_through_sum(a, b, g, gamma):
    """ResLRP's rule for y = a + b, in relevance; what goes back is relevance / value."""
    y = a + b
    weighted_a = np.where(a * y > 0, 1 + gamma, 1) * a
    weighted_b = np.where(b * y > 0, 1 + gamma, 1) * b
    of_a = weighted_a / (weighted_a + weighted_b) * (y * g)
    of_b = weighted_b / (weighted_a + weighted_b) * (y * g)
    return of_a / a, of_b / b


def attn_lrp(vit, picture, target):
    """Achtibat et al.: relevance passes sums in proportion."""
    return res_lrp(vit, picture, target, gamma=0)


def res_lrp(vit, picture, target, gamma=1):
    """Gradient times input, the gradient with the papers' rules, written out layer by layer."""
    held, w = Held(vit, picture), vit.w
    n, d = held.last.shape
    g = np.zeros_like(held.last)
    g[0] = w["head.weight"][target]
    g = back_through_norm(vit, "norm", held.last, g)
    for block in reversed(range(vit.depth)):
        name, attention = f"blocks.{block}", held.attention[block]
        q, k, v = vit.qkv(block, held.xs[block])
        x, middle = held.xs[block], held.middle[block]
        leaving = held.xs[block + 1] if block + 1 < vit.depth else held.last
        g, branch = back_through_sum(middle, leaving - middle, g, gamma)
        branch = branch @ w[f"{name}.mlp.fc2.weight"] * gate(held.hidden[block])
        branch = branch @ w[f"{name}.mlp.fc1.weight"]
        g = g + back_through_norm(vit, f"{name}.norm2", held.middle[block], branch)
        g, branch = back_through_sum(x, middle - x, g, gamma)
        heads = (
            (branch @ w[f"{name}.attn.proj.weight"]).reshape(n, vit.heads, -1).transpose(1, 0, 2)
        )
        of_v = attention.transpose(0, 2, 1) @ heads / 2
        of_a = heads @ v.transpose(0, 2, 1) / 2
        of_s = attention * (of_a - (of_a * attention).sum(-1, keepdims=True))
        of_s = of_s / math.sqrt(q.shape[-1]) / 2
        of_qkv = np.stack([of_s @ k, of_s.transpose(0, 2, 1) @ q, of_v])
        branch = of_qkv.transpose(2, 0, 1, 3).reshape(n, 3 * d) @ w[f"{name}.attn.qkv.weight"]
        g = g + back_through_norm(vit, f"{name}.norm1", held.xs[block], branch)
    return (held.xs[0] * g).sum(-1)[1:]
