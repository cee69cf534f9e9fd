"""Ways to put a model together: equal to the second measurement, or refused by their cause."""

from copy import deepcopy

import definition
import measured
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import agcam

DIM, HEADS, SIDE, PATCH = 12, 3, 16, 4
GRID = (SIDE // PATCH, SIDE // PATCH)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.qkv, self.out = (
            nn.LayerNorm(DIM),
            nn.Linear(DIM, 3 * DIM),
            nn.Linear(DIM, DIM),
        )
        self.mlp = nn.Sequential(nn.LayerNorm(DIM), nn.Linear(DIM, DIM), nn.GELU())

    def forward(self, x):
        parts = self.qkv(self.norm(x)).chunk(3, -1)
        q, k, v = (one.unflatten(-1, (HEADS, -1)).transpose(1, 2) for one in parts)
        x = x + self.out(self.attend(q, k, v).transpose(1, 2).flatten(2))
        return x + self.mlp(x)

    def attend(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)


class Neighbours(Block):
    """Each row attends to the nine patches around it."""

    def attend(self, q, k, v):
        def around(x):
            maps = x.mT.flatten(1, 2).unflatten(-1, GRID)
            near = F.unfold(maps, 3, padding=1).unflatten(1, (HEADS, -1, 9))
            return near.permute(0, 1, 4, 3, 2)  # batch head row key dim

        scores = q.unsqueeze(3) @ around(k).mT * 0.3
        return (scores.softmax(-1) @ around(v)).squeeze(3)


class Pooled(Block):
    def attend(self, q, k, v):
        k, v = (F.avg_pool1d(x.mT.flatten(0, 1), 2).mT.unflatten(0, (-1, HEADS)) for x in (k, v))
        return self.product((q @ k.mT * 0.3).softmax(-1), v)

    def product(self, attention, v):
        return attention @ v


class Read(Pooled):
    """Its attention is read beside its product with values."""

    def product(self, attention, v):
        return attention @ v * (1 + attention.amax(-1, keepdim=True))


class Dropped(Block):
    """F.dropout is on unless it is given that the module is not in training."""

    def attend(self, q, k, v):
        return F.dropout(super().attend(q, k, v), 0.5)


class Vmapped(Block):
    def attend(self, q, k, v):
        each = torch.vmap(lambda q, k, v: (q @ k.mT * 0.3).softmax(-1) @ v, in_dims=1, out_dims=1)
        return each(q, k, v)


class Flexible(Block):
    def attend(self, q, k, v):
        from torch.nn.attention.flex_attention import flex_attention

        return flex_attention(q, k, v)


class Tower(nn.Module):
    def __init__(self, *blocks):
        super().__init__()
        self.embed = nn.Conv2d(3, DIM, PATCH, PATCH)
        self.place = nn.Parameter(torch.randn(1, GRID[0] * GRID[1], DIM))
        self.blocks, self.head = nn.ModuleList(blocks), nn.Linear(DIM, 5)

    def forward(self, x):
        x = self.embed(x).flatten(2).mT + self.place
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


class Over(nn.Module):
    """A model around towers."""

    def __init__(self, run, *towers):
        super().__init__()
        self.run, self.towers = run, nn.ModuleList(towers)

    def forward(self, x):
        return self.run(x, *self.towers)


class Detached(Block):
    def forward(self, x):
        return super().forward(x.detach())


class OverBlocks(Tower):
    """The tokens attend, place by place, over what the blocks before gave there."""

    def forward(self, x):
        tokens = self.embed(x).flatten(2).mT
        given = [tokens, tokens + self.place]
        for block in self.blocks:
            states = torch.stack(given, 2)  # batch token block dim
            scores = states.mean(-1).unsqueeze(2)
            given.append(block((scores.softmax(-1) @ states).squeeze(2)))
        return self.head(given[-1].mean(1))


def shared(block):
    return Tower(block, block)


EXPLAINED = {
    "a block twice": lambda: shared(Block()),
    "two towers": lambda: Over(
        lambda x, a, b: a(x) + b(x), Tower(Block()), Tower(Block(), Block())
    ),
    "a picture and its mirror": lambda: Over(
        lambda x, a: a(x) + a(x.flip(-1)), Tower(Block(), Block())
    ),
    "neighbours": lambda: Tower(Neighbours(), Neighbours()),
    "neighbours, then all": lambda: Tower(Neighbours(), Block()),
    "pooled keys": lambda: Tower(Pooled(), Pooled()),
}
REFUSED = {
    "read beside": (lambda: Tower(Read(), Read()), "for more than its product"),
    "detached": (lambda: Tower(Pooled(), Detached()), "detaches tokens between its blocks"),
    "dropout": (lambda: Tower(Block(), Dropped()), "is not deterministic in evaluation mode"),
    "vmap": (lambda: Tower(Vmapped(), Vmapped()), r"inside torch\.vmap"),
    "flex": (lambda: Tower(Flexible(), Flexible()).requires_grad_(False), "flex_attention"),
}


def made(make):
    torch.manual_seed(0)
    return make().double().eval(), torch.randn(1, 3, SIDE, SIDE, dtype=torch.float64)


@pytest.mark.parametrize("name", EXPLAINED)
def test_models_are_explained_as_defined(name):
    model, pixels = made(EXPLAINED[name])
    found = agcam.explain(model, pixels, 2, method="agcam").grid_map[0, 0]
    maps = measured.maps(model, pixels, 2, GRID)
    assert min(float((found - one).abs().max() / one.max()) for one in maps) < 1e-9


@pytest.mark.parametrize("method", ["agcam", "rollout", "gae", "agcam_spread", "agcam_evidence"])
def test_a_block_twice_has_the_map_of_two_blocks_alike(method):
    model, pixels = made(EXPLAINED["a block twice"])
    apart = deepcopy(model)
    apart.blocks[1] = deepcopy(apart.blocks[0])
    maps = (agcam.explain(one, pixels, 2, method=method).grid_map for one in (model, apart))
    torch.testing.assert_close(*maps, rtol=1e-9, atol=1e-12)


def test_attention_over_blocks_is_a_layer_like_any_other():
    model, pixels = made(lambda: OverBlocks(Block(), Block()))
    found = agcam.explain(model, pixels, 2, method="agcam").grid_map.flatten()
    over_positions = definition.attentions(model, pixels, torch.tensor([2]), skip=[0, 2])
    each = (definition.of_keys(*(one[:, None] for one in pair)) for pair in over_positions)
    torch.testing.assert_close(found, sum(each).flatten(), rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore:flex_attention called")
@pytest.mark.parametrize("name", REFUSED)
def test_models_are_refused_by_their_cause(name):
    make, cause = REFUSED[name]
    model, pixels = made(make)
    with pytest.raises(agcam.ModelError, match=cause):
        agcam.explain(model, pixels, 2, method="agcam")
