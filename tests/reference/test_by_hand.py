"""Ways in which people write attention by hand: equal to the definition, or refused.

The referee (`definition.py`) knows of a way only which axis of its softmax is which.
"""

import definition
import hand_written_otherwise as otherwise
import pytest
import torch
from hand_written import DIM, EQUAL, HEADS, SCALE, WIDTH, heads, plainly
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

import agcam

PATCHES = 6
PREFIX = {"class": 1, "mean": 0, "prompts": 4}  # prompts stand between the patches


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


@settings(max_examples=40, phases=[Phase.explicit, Phase.generate])
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


@pytest.mark.parametrize("way", otherwise.REFUSED, ids=lambda way: way.__qualname__)
@pytest.mark.parametrize("pool", PREFIX)
def test_what_is_not_followed_is_refused_by_its_cause(way, pool):
    model, pixels = made([way, way], pool, 0)
    with pytest.raises(agcam.ModelError, match=otherwise.REFUSED[way]):
        agcam.explain(model, pixels, 1, "agcam")


@pytest.mark.parametrize("way", otherwise.SAME, ids=lambda way: way.__qualname__)
def test_other_ways_of_the_same_attention_have_the_same_map(way):
    other, pools = otherwise.SAME[way]
    for pool in pools:
        maps = []
        for one in (way, other):
            model, pixels = made([one, one], pool, 0)
            maps.append(agcam.explain(model, pixels, torch.tensor([1, 3]), "agcam").grid_map)
        torch.testing.assert_close(*maps, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("way", otherwise.ONE_AT_A_TIME, ids=lambda way: way.__qualname__)
def test_pictures_that_a_model_loops_over_are_explained_one_at_a_time(way):
    maps = []
    for one in (way, plainly):
        model, pixels = made([one, one], "class", 0)
        maps.append(agcam.explain(model, pixels[:1], 1, "agcam").grid_map)
    torch.testing.assert_close(*maps, rtol=1e-9, atol=1e-12)
    model, pixels = made([way, way], "class", 0)
    with pytest.raises(agcam.ModelError, match=r"without an axis for pictures.*batch_size=1"):
        agcam.explain(model, pixels, 1, "agcam")
    found = agcam.explain(model, pixels, 1, "agcam", batch_size=1).grid_map
    torch.testing.assert_close(found[:1], maps[0])


def test_operands_by_keyword_are_operands():
    def by_keyword(q, k, v, _):
        attention = torch.softmax(input=q @ k.mT * SCALE, dim=-1)
        return torch.matmul(input=attention, other=v)

    maps = []
    for way in (by_keyword, lambda q, k, v, _: (q @ k.mT * SCALE).softmax(-1) @ v):
        model, pixels = made([way, way], "class", 0)
        maps.append(agcam.explain(model, pixels, 1, "agcam").grid_map)
    assert torch.equal(*maps)
