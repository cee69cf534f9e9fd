"""Attention in the ways that people write it, drawn at random, inside a tiny ViT.

The referee (`definition.py`) knows of a way only which axis of its softmax is which.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import definition
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from positions import by_names
from torch import nn
from torch.nn.functional import softmax as by_name
from ways_between import BETWEEN, MIXED, PLAIN, SCRIPTED, STRANGE, Place

DIM, CLASSES, PATCH, GRID = 12, 4, 4, (2, 3)
TOKENS = 1 + GRID[0] * GRID[1]

# the axes of scores, and those that the softmax leaves in front of its own
LAYOUTS = {
    "bhqk": "bhqk",
    "bqhk": "bqhk",
    "bqkh": "bqhk",
    "hbqk": "hbqk",
    "(bh)qk": "(bh)qk",
    "(hb)qk": "(hb)qk",
    "bhkq": "bhqk",
    "bwhqk": "bwhqk",
}
SOFTMAX = ("method", "torch", "function", "by name", "module", "special")
BIAS = ("none", "learned", "mask", "float mask", "shared")
PRODUCT = ("matmul", "einsum", "values first", "heads one by one", "bmm")
OTHER_PRODUCT = ("keys in two parts", "sum of products", "twice", "rows in two parts")
REFUSED = ("exponentials", "scripted", "log")


@dataclass(frozen=True)
class Way:
    """How one attention is written."""

    layout: str
    heads: int
    fused: bool
    scale: str  # before, after, cosine
    softmax: str
    bias: str
    between: tuple[str, ...]
    product: str
    letters: str
    pool: str
    seed: int
    no_grad: bool = False

    @property
    def ordinary(self):
        """Whether agcam has no reason to refuse it."""
        kinds = {*self.between} <= {*PLAIN, *MIXED} and self.product in PRODUCT
        apart = self.product == "heads one by one" and not {*self.between} <= {*PLAIN}
        return kinds and self.softmax in SOFTMAX and "by received" not in self.between and not apart

    @property
    def replayed(self):
        """Whether a replay follows it."""
        biased = self.bias == "shared" or (self.bias != "none" and self.product != "matmul")
        return self.ordinary and {*self.between} <= {*PLAIN} and not (self.no_grad or biased)


@st.composite
def ways(draw):
    between = st.sampled_from((*PLAIN, *PLAIN, *MIXED, *STRANGE))
    return Way(
        layout=draw(st.sampled_from(sorted(LAYOUTS))),
        heads=draw(st.integers(1, 3)),
        fused=draw(st.booleans()),
        scale=draw(st.sampled_from(["before", "after", "cosine"])),
        softmax=draw(st.sampled_from((*SOFTMAX, *SOFTMAX, *REFUSED))),
        bias=draw(st.sampled_from(BIAS)),
        between=tuple(draw(st.lists(between, max_size=3))),
        product=draw(st.sampled_from((*PRODUCT, *PRODUCT, *OTHER_PRODUCT))),
        letters=draw(st.sampled_from(["bhij,bhjd->bhid", "xykl,xylc->xykc", "nmts,nmsd->nmtd"])),
        pool=draw(st.sampled_from(["class", "mean"])),
        seed=draw(st.integers(0, 2**16)),
        no_grad=draw(st.booleans()),
    )


class Attention(nn.Module):
    """One attention after a way."""

    def __init__(self, way):
        super().__init__()
        self.way, self.width = way, DIM // way.heads
        self.qkv = nn.Linear(DIM, 3 * DIM)
        self.q, self.kv = nn.Linear(DIM, DIM), nn.Linear(DIM, 2 * DIM)
        self.out, self.gate_of_tokens = nn.Linear(DIM, DIM), nn.Linear(DIM, 1)
        self.talk, self.gate = nn.Linear(way.heads, way.heads), nn.Parameter(torch.randn(way.heads))
        self.convolution = nn.Conv2d(way.heads, way.heads, 1)
        self.bias = nn.Parameter(torch.randn(way.heads, TOKENS, TOKENS))
        self.drop, self.softmax = nn.Dropout(0.4), nn.Softmax(dim=-1)
        for weight in self.parameters():
            nn.init.normal_(weight, std=0.5)

    def forward(self, x):
        if self.way.fused:
            q, k, v = self.qkv(x).unflatten(-1, (3, self.way.heads, -1)).permute(2, 0, 3, 1, 4)
        else:
            q = self.q(x).unflatten(-1, (self.way.heads, -1)).transpose(1, 2)
            k, v = self.kv(x).unflatten(-1, (2, self.way.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = self.mix(self.scores(q, k), v, x)  # b h q d
        return self.out(mixed.transpose(1, 2).flatten(2))

    def scores(self, q, k):
        way = self.way
        if way.scale == "cosine":
            scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * 3
        elif way.scale == "before":
            scores = (q * self.width**-0.5) @ k.mT
        else:
            scores = torch.einsum("bhid,bhjd->bhij", q, k) / self.width**0.5
        if way.bias == "learned":
            scores = scores + self.bias
        elif way.bias == "shared":
            scores += self.bias[:1]
        elif way.bias == "mask":
            hidden = torch.zeros(TOKENS, TOKENS, dtype=torch.bool)
            hidden[2:5, 3] = hidden[4, 1:3] = True
            scores = scores.masked_fill(hidden[: scores.shape[-2], : scores.shape[-1]], -1e9)
        elif way.bias == "float mask":
            mask = torch.zeros(scores.shape[-2:], dtype=scores.dtype)
            mask[0, 2:4] = -2.0
            scores = scores + mask
        return scores

    def mix(self, scores, v, x):
        """`scores` and `v` come as `b h q k` and `b h k d`; they leave as `b h q d`."""
        way, heads = self.way, self.way.heads
        axes = way.layout.replace("(", "").replace(")", "").replace("w", "")
        scores = scores.permute(["bhqk".index(c) for c in axes])
        key = way.layout.index("k") if "(" not in way.layout else 2
        if "(" in way.layout:
            scores = scores.flatten(0, 1)
        elif "w" in way.layout:
            scores = scores.unsqueeze(1)
        attention = self.softmax_of(scores, key)
        if "scores overwritten" in way.between:
            scores.mul_(1.5)
        for name in way.between:
            at = Place(self, scores, key, x, "xqk" if "(" in way.layout else way.layout)
            attention = BETWEEN[name](attention, at)
        if "(" in way.layout:
            attention = attention.unflatten(0, (-1, heads) if axes[0] == "b" else (heads, -1))
        elif "w" in way.layout:
            return self.product(attention, v.unsqueeze(1))[:, 0]
        if way.product == "bmm" and way.layout in ("(bh)qk", "(hb)qk"):
            attention = attention.flatten(0, 1)
            values = (v if axes[0] == "b" else v.transpose(0, 1)).flatten(0, 1)
            product = torch.bmm(attention, values)
            product = product.unflatten(0, (-1, heads) if axes[0] == "b" else (heads, -1))
            return product if axes[0] == "b" else product.transpose(0, 1)
        attention = attention.permute([axes.index(c) for c in "bhqk"])
        return self.product(attention, v)

    def softmax_of(self, scores, key):
        kind = self.way.softmax
        if kind == "method":
            return scores.softmax(dim=key)
        if kind == "torch":
            return torch.softmax(scores, key, dtype=torch.float64)
        if kind == "function":
            return F.softmax(scores, dim=key)
        if kind == "by name":
            return by_name(scores, key)
        if kind == "special":
            return torch.special.softmax(scores, key)
        if kind == "exponentials":
            exp = (scores - scores.amax(key, keepdim=True)).exp()
            return exp / exp.sum(key, keepdim=True)
        if kind == "log":
            return F.log_softmax(scores, key).exp()
        last = scores.movedim(key, -1)
        found = SCRIPTED(last) if kind == "scripted" else self.softmax(last)
        return found.movedim(-1, key)

    def product(self, a, v):
        kind = self.way.product
        if kind == "einsum" and a.ndim == 4:
            return torch.einsum(self.way.letters, a, v)
        if kind == "values first":
            return (v.mT @ a.mT).mT
        if kind == "heads one by one":
            heads = a.ndim - 3
            pairs = zip(a.split(1, heads), v.split(1, heads), strict=True)
            return torch.cat([torch.matmul(one, value) for one, value in pairs], heads)
        if kind == "keys in two parts":
            return a[..., :1] @ v[..., :1, :] + a[..., 1:] @ v[..., 1:, :]
        if kind == "rows in two parts":
            return torch.cat([a[..., :1, :] @ v, a[..., 1:, :] @ v], -2)
        if kind == "sum of products":
            return (a[..., None] * v.unsqueeze(-3)).sum(-2)
        if kind == "twice":
            return a @ v + (a @ v.relu())
        return a @ v


class Block(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.attention = Attention(way)
        self.mlp = nn.Sequential(nn.Linear(DIM, DIM), nn.GELU(), nn.Linear(DIM, DIM))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Model(nn.Module):
    def __init__(self, way):
        super().__init__()
        torch.manual_seed(way.seed)
        self.way, self.watched = way, False
        self.embed = nn.Conv2d(3, DIM, PATCH, PATCH)
        self.place = nn.Parameter(torch.randn(1, TOKENS, DIM))
        self.blocks = nn.ModuleList(Block(way) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(DIM), nn.Linear(DIM, CLASSES)
        self.double().eval()

    def forward(self, x):
        tokens = F.pad(self.embed(x).flatten(2).mT, (0, 0, 1, 0)) + self.place
        with torch.no_grad() if self.way.no_grad and not self.watched else nullcontext():
            for block in self.blocks:
                tokens = block(tokens)
        tokens = self.norm(tokens)
        return self.head(tokens[:, 0] if self.way.pool == "class" else tokens.mean(1))


def truth(model, pixels, target):
    """AGCAM's map (batch patch) by the definition, whatever the way."""
    model.watched = True
    seen = definition.attentions(model, pixels, target)
    model.watched = False
    total = torch.zeros(len(pixels), TOKENS, dtype=pixels.dtype)
    for both in seen:
        ours = [by_names(tensor, LAYOUTS[model.way.layout], len(pixels), 1) for tensor in both]
        if model.way.product == "heads one by one":  # each is an attention of its own
            ours = [tensor.transpose(1, 2) for tensor in ours]
        total += definition.of_keys(*ours).sum(1)
    return total.roll(model.way.between.count("shifted keys"), 1)[:, 1:]  # where the values lie
