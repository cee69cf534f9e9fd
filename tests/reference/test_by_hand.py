"""Ways in which people write attention by hand: equal to the definition, or refused.

The referee (`definition.py`) knows of a way only which axis of its softmax is which.
"""

import math

import definition
import pytest
import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

import agcam

DIM, HEADS, PATCHES = 12, 3, 6
WIDTH = DIM // HEADS
SCALE = WIDTH**-0.5
PREFIX = {"class": 1, "mean": 0, "prompts": 4}  # prompts stand between the patches


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


def flash(q, k, v, _):
    most, total, out = q.new_full((*q.shape[:3], 1), -1e30), 0, 0
    for keys, values in zip(k.split(3, 2), v.split(3, 2), strict=True):
        scores = q @ keys.mT * SCALE
        now = torch.maximum(most, scores.amax(-1, keepdim=True))
        parts, kept = (scores - now).exp(), (most - now).exp()
        total, out, most = (
            total * kept + parts.sum(-1, keepdim=True),
            out * kept + parts @ values,
            now,
        )
    return out / total


def of_exponentials(exp):
    def attend(q, k, v, _):
        parts = exp(q @ k.mT * SCALE)
        return parts / parts.sum(-1, keepdim=True) @ v

    return attend


def divided_late(q, k, v, _):
    parts = (q @ k.mT * SCALE).exp()
    return parts @ v / parts.sum(-1, keepdim=True)


def rows_in_parts(size):
    def attend(q, k, v, _):
        parts = [(some @ k.mT * SCALE).softmax(-1) @ v for some in q.split(size, 2)]
        return torch.cat(parts, 2)

    return attend


def with_sink(q, k, v, at):
    sink = at.bias[None, :, :1, :1].expand(len(q), -1, q.shape[2], -1)
    return torch.cat([q @ k.mT * SCALE, sink], -1).softmax(-1)[..., :-1] @ v


def mean_of_heads(q, k, v, _):
    return (q @ k.mT * SCALE).softmax(-1).mean(1, keepdim=True).expand(-1, HEADS, -1, -1) @ v


EQUAL = (
    *(by_einops, by_einsum, by_dots, transposed, values_first, folded, scaled_after),
    *(biased_in_place, masked, padded, fused_mask, normed, rotary, one_key_head, grouped),
    *(gated, cosine, prefixed, differential, strongest, less_identity),
)
REFUSED = {
    flash: "out of exponentials",
    of_exponentials(torch.exp): "out of exponentials",
    of_exponentials(torch.exp2): "out of exponentials",
    of_exponentials(lambda scores: torch.expm1(scores) + 1): "out of exponentials",
    divided_late: "out of exponentials",
    rows_in_parts(3): "some rows at a time",
    rows_in_parts(1): "some rows at a time",
    with_sink: "cuts",
    mean_of_heads: "for more than its product",
}


class Attention(nn.Module):
    def __init__(self, way, tokens):
        super().__init__()
        self.way = way
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.bias = nn.Parameter(torch.randn(HEADS, tokens, tokens))
        self.norm, self.more = nn.LayerNorm(WIDTH), nn.Parameter(torch.randn(1, HEADS, 2, WIDTH))

    def forward(self, x):
        q, k, v = map(heads, self.qkv(x).chunk(3, -1))
        return self.out(self.way(q, k, v, self).transpose(1, 2).flatten(2))


class Model(nn.Module):
    def __init__(self, ways, pool):
        super().__init__()
        self.pool, tokens = pool, PATCHES + PREFIX[pool]
        self.embed, self.head = nn.Conv2d(3, DIM, 4, 4), nn.Linear(DIM, 4)
        self.place = nn.Parameter(torch.randn(1, tokens, DIM))
        self.prefix = nn.Parameter(torch.randn(1, PREFIX[pool], DIM))
        self.attentions = nn.ModuleList(Attention(way, tokens) for way in ways)
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(DIM), nn.Linear(DIM, DIM), nn.GELU()) for _ in ways
        )

    def forward(self, pixels):
        patches = self.embed(pixels).flatten(2).mT
        first = patches[:, :3] if self.pool == "prompts" else patches[:, :0]
        more = self.prefix.expand(len(pixels), -1, -1)
        x = torch.cat([first, more, patches[:, first.shape[1] :]], 1) + self.place
        for attention, mlp in zip(self.attentions, self.mlps, strict=True):
            x = x + attention(x)
            x = x + mlp(x)
        return self.head(x[:, 0] if self.pool == "class" else x.mean(1))


def made(ways, pool, seed):
    torch.manual_seed(seed)
    return Model(ways, pool).double().eval(), torch.randn(2, 3, 8, 12, dtype=torch.float64)


def truth(model, pixels, target):
    """AGCAM's map (batch patch) by the definition."""
    tokens, total = PATCHES + PREFIX[model.pool], 0
    for scores, gradient in definition.attentions(model, pixels, target):
        both = [scores.expand(gradient.shape), gradient]
        if both[0].ndim == 3:
            both = [one.unflatten(0, (-1, HEADS)) for one in both]
        elif both[0].shape[0] == tokens:  # by_einsum: row batch head key
            both = [one.permute(1, 2, 0, 3) for one in both]
        total = total + definition.of_keys(*(one[:, None] for one in both))[:, 0, -tokens:]
    prompts = (
        range(3, 3 + PREFIX[model.pool]) if model.pool == "prompts" else range(PREFIX[model.pool])
    )
    return total[:, [at for at in range(tokens) if at not in prompts]]


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    ways=st.lists(st.sampled_from(EQUAL), min_size=2, max_size=2),
    pool=st.sampled_from(sorted(PREFIX)),
    seed=st.integers(0, 99),
)
def test_attention_by_hand_is_the_definition(ways, pool, seed):
    model, pixels = made(ways, pool, seed)
    target = torch.tensor([1, 3])
    found = agcam.explain(model, pixels, target, "agcam").grid_map.flatten(1)
    torch.testing.assert_close(found, truth(model, pixels, target), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("way", REFUSED, ids=lambda way: way.__qualname__)
@pytest.mark.parametrize("pool", PREFIX)
def test_what_is_not_followed_is_refused_by_its_cause(way, pool):
    model, pixels = made([way, way], pool, 0)
    with pytest.raises(agcam.ModelError, match=REFUSED[way]):
        agcam.explain(model, pixels, 1, "agcam")


def test_operands_by_keyword_are_operands():
    def by_keyword(q, k, v, _):
        attention = torch.softmax(input=q @ k.mT * SCALE, dim=-1)
        return torch.matmul(input=attention, other=v)

    maps = []
    for way in (by_keyword, lambda q, k, v, _: (q @ k.mT * SCALE).softmax(-1) @ v):
        model, pixels = made([way, way], "class", 0)
        maps.append(agcam.explain(model, pixels, 1, "agcam").grid_map)
    assert torch.equal(*maps)
