"""Methods that carry relevance back by rules, layer by layer, in the order of a plain ViT."""

import math

import numpy as np

from slow.peers import entering, of_attention
from slow.vit import gelu, softmax

TINY = 1e-9


def divide(a, b):
    """a / b, kept from zero as the published program of LRP does."""
    return np.where(b == 0, 0.0, a / np.where(b == 0, 1.0, b + TINY * np.where(b >= 0, 1, -1)))


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
    return [term * divide(abs(term.sum()) / size * whole, term.sum()) for term in terms]


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
    of_q, of_k = through_product(q, k.transpose(0, 2, 1), of_attention)
    of_qkv = np.stack([of_q, of_k.transpose(0, 2, 1), of_v]).transpose(2, 0, 1, 3).reshape(n, 3 * d)
    normed = vit.norm(f"blocks.{block}.norm1", x)
    branch = through_linear(normed, w[f"blocks.{block}.attn.qkv.weight"], of_qkv)
    return skip + branch, of_attention


def lrp(vit, picture, target):
    """Chefer, Gur and Wolf 2021: prod of (I + mean over heads of (grad A * R_A)+)."""
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
