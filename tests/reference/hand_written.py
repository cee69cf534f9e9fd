"""Ways in which people write attention by hand, `batch head token dim`, that are explained."""

import math

import torch
import torch.nn.functional as F
from einops import einsum, rearrange

DIM, HEADS = 12, 3
WIDTH = DIM // HEADS
SCALE = WIDTH**-0.5


def heads(x):
    return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)


def apart(q, k, v):
    """Batch token head dim."""
    return (one.transpose(1, 2) for one in (q, k, v))


def by_einops(q, k, v, _):
    attention = einsum(q, k, "b h i d, b h j d -> b h i j").mul(SCALE).softmax(-1)
    return rearrange(einsum(attention, v, "b h i j, b h j d -> b i h d"), "b i h d -> b h i d")


def by_einsum(q, k, v, _):
    q, k, v = apart(q, k, v)
    attention = torch.einsum("nqhd,nkhd->qknh", q * SCALE, k).softmax(1)
    return torch.einsum("qknh,nkhd->nhqd", attention, v)


def by_dots(q, k, v, _):
    attention = torch.einsum("...id,...jd->...ij", q * SCALE, k).softmax(-1)
    return torch.einsum("...ij,...jd->...id", attention, v)


def transposed(q, k, v, _):
    return (k @ q.mT * SCALE).softmax(dim=-2).mT @ v


def values_first(q, k, v, _):
    return (v.mT @ (k @ q.mT * SCALE).softmax(dim=-2)).mT


def folded(q, k, v, at):
    q, k, v = (one.flatten(0, 1) for one in (q, k, v))
    bias = at.bias.repeat(len(q) // HEADS, 1, 1)
    scores = torch.baddbmm(bias, q, k.mT, alpha=SCALE)
    return torch.bmm(scores.softmax(-1), v).unflatten(0, (-1, HEADS))


def scaled_after(q, k, v, _):
    return ((q @ k.mT).softmax(-1) * SCALE) @ v * 2


def biased_in_place(q, k, v, at):
    scores = q @ k.mT
    scores *= SCALE
    scores += at.bias
    return scores.softmax(-1) @ v


def masked(q, k, v, _):
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(2)
    return (q @ k.mT * SCALE).masked_fill(~seen, -math.inf).softmax(-1) @ v


def padded(q, k, v, _):
    hidden = torch.zeros(len(q), 1, 1, k.shape[2], dtype=torch.bool)
    hidden[..., -1] = True
    return (q @ k.mT * SCALE).masked_fill(hidden, -1e9).softmax(-1) @ v


def fused_mask(q, k, v, _):
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(2)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen)


def normed(q, k, v, at):
    return (at.norm(q) * SCALE @ at.norm(k).mT).softmax(-1) @ v


def rotary(q, k, v, _):
    angles = torch.arange(q.shape[2])[:, None] * q.new_tensor([1.0, 0.3])
    cos, sin = angles.cos(), angles.sin()

    def turned(x):
        one, other = x.chunk(2, -1)
        return torch.cat([one * cos - other * sin, one * sin + other * cos], -1)

    return (turned(q) @ turned(k).mT * SCALE).softmax(-1) @ v


def one_key_head(q, k, v, _):
    return (q @ k[:, :1].mT * SCALE).softmax(-1) @ v[:, :1]


def grouped(q, k, v, _):
    return F.scaled_dot_product_attention(q, k[:, :1], v[:, :1], enable_gqa=True)


def gated(q, k, v, at):
    return (q @ k.mT * SCALE).softmax(-1) @ v * q.sigmoid() * at.bias[:, :1, :1]


def cosine(q, k, v, at):
    scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT
    return (scores * at.bias[:, :1, :1].exp()).softmax(-1) @ v


def prefixed(q, k, v, at):
    k, v = (torch.cat([at.more.expand(len(q), -1, -1, -1), one], 2) for one in (k, v))
    return (q @ k.mT * SCALE).softmax(-1) @ v


def differential(q, k, v, _):
    attend = F.scaled_dot_product_attention
    return attend(q, k, v) - 0.5 * attend(k, q, v)


def strongest(q, k, v, _):
    scores = q @ k.mT * SCALE
    least = scores.topk(3, -1).values[..., -1:]
    return scores.masked_fill(scores < least, -math.inf).softmax(-1) @ v


def less_identity(q, k, v, _):
    attention = (q @ k.mT * SCALE).softmax(-1)
    return (attention - torch.eye(attention.shape[-1], dtype=q.dtype)) @ v


def sink_in_front(q, k, v, at):
    sink = at.bias[None, :, :1, :1].expand(len(q), -1, q.shape[2], -1)
    return torch.cat([sink, q @ k.mT * SCALE], -1).softmax(-1)[..., 1:] @ v


def plainly(q, k, v, _):
    return (q @ k.mT * SCALE).softmax(-1) @ v


EQUAL = (
    *(by_einops, by_einsum, by_dots, transposed, values_first, folded, scaled_after),
    *(biased_in_place, masked, padded, fused_mask, normed, rotary, one_key_head, grouped),
    *(gated, cosine, prefixed, differential, strongest, less_identity, sink_in_front),
)
