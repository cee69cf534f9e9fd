"""Where tokens lie is measured: tokens beside the patches in any place, grids of any kind.

A tiny Vision Transformer is written here with its tokens where hypothesis wants them; its map must
be the definition's (which knows no agcam) on the grid as it was built, or be refused.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import agcam
from agcam.errors import ModelError
from reference.definition import attentions, of_tokens

DIM, HEADS = 8, 2


class Block(nn.Module):
    """A block; `prompts` of its own go in front of the tokens in its attention alone."""

    def __init__(self, prompts=0):
        super().__init__()
        self.norm, self.qkv, self.out = (
            nn.LayerNorm(DIM),
            nn.Linear(DIM, 3 * DIM),
            nn.Linear(DIM, DIM),
        )
        self.mlp = nn.Sequential(
            nn.LayerNorm(DIM), nn.Linear(DIM, 16), nn.GELU(), nn.Linear(16, DIM)
        )
        self.prompts = nn.Parameter(torch.randn(1, prompts, DIM))

    def forward(self, tokens):
        own = self.prompts.expand(len(tokens), -1, -1)
        every = self.norm(torch.cat([own, tokens], 1))
        q, k, v = self.qkv(every).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        tokens = tokens + self.out(mixed)[:, own.shape[1] :]
        return tokens + self.mlp(tokens)


class Tiny(nn.Module):
    """Patches with stride and overlap, in an order; other tokens at `places`; a head on `reads`."""

    def __init__(self, patch, stride, places=(), order="rows", reads="mean", renewed=0, within=0):
        super().__init__()
        self.stem = nn.Conv2d(3, DIM, patch, stride)
        self.places, self.order, self.reads, self.renewed = places, order, reads, renewed
        self.extra = nn.Parameter(torch.randn(1, len(places), DIM))
        self.deep = nn.Parameter(torch.randn(2, 1, renewed, DIM))
        self.blocks = nn.ModuleList([Block(within) for _ in range(2)])
        self.head = nn.Linear(DIM, 3)

    def arranged(self, tokens):
        """(batch, token, dim) of feature maps (batch, dim, row, column)."""
        if self.order == "columns":
            tokens = tokens.mT
        if self.order == "backwards":
            tokens = tokens.flip(-1, -2)
        return tokens.flatten(2).mT

    def with_extra(self, patches):
        extra = self.extra.expand(len(patches), -1, -1)
        tokens = list(patches.unbind(1))
        for number, place in enumerate(sorted(self.places)):
            tokens.insert(min(place, len(tokens)), extra[:, number])
        return torch.stack(tokens, 1)

    def forward(self, picture):
        tokens = self.with_extra(self.arranged(self.stem(picture)))
        tokens = tokens + torch.linspace(-1, 1, tokens.shape[1], dtype=tokens.dtype)[:, None]
        for block, deep in zip(self.blocks, self.deep, strict=True):
            if self.renewed:  # as VPT-deep does
                new, behind = deep.expand(len(tokens), -1, -1), 1 + self.renewed
                tokens = torch.cat([tokens[:, :1], new, tokens[:, behind:]], 1)
            tokens = block(tokens)
        return self.head(tokens.mean(1) if self.reads == "mean" else tokens[:, self.reads])


def by_definition(model, picture, target):
    """The map (row, column) of a `Tiny`, whose tokens are where it is to put them."""
    total = of_tokens(model, picture, target)[model.blocks[0].prompts.shape[1] :]
    rows, columns = model.stem(picture).shape[-2:]
    numbers = torch.arange(rows * columns, dtype=picture.dtype).reshape(1, 1, rows, columns)
    tokens = model.arranged(numbers)  # each patch's number, where its token is
    nowhere = Tiny.with_extra.__get__(_Marked(model))(tokens)[0, :, 0]
    found = torch.empty(rows * columns, dtype=picture.dtype)
    for place, number in enumerate(nowhere.tolist()):
        if number >= 0:
            found[int(number)] = total[place]
    return found.reshape(rows, columns)


class _Marked:
    """Stands for a model whose extra tokens are -1."""

    def __init__(self, model):
        self.places, self.extra = model.places, -torch.ones(1, len(model.places), 1).double()


def check(model, height, width, *, refusable=False):
    model = model.double().eval()
    picture = torch.randn(2, 3, height, width, dtype=torch.float64)
    try:
        found = agcam.explain(model, picture, [[0, 2]] * 2, "agcam")
    except ModelError:
        assert refusable
        return None
    for one, maps in zip(picture, found.grid_map, strict=True):
        for target, place in ((0, 0), (2, 1)):
            expected = by_definition(model, one[None], target)
            assert maps[place].shape == expected.shape
            assert (maps[place] - expected).abs().max() <= 1e-9 * expected.abs().max()
    return found


SIDES = st.integers(2, 5)


@settings(max_examples=25)
@given(
    rows=SIDES,
    columns=SIDES,
    patch=st.integers(2, 5),
    stride=st.integers(1, 5),
    remainder=st.integers(0, 2),
    places=st.lists(st.integers(0, 25), max_size=4, unique=True),
    order=st.sampled_from(["rows", "columns", "backwards"]),
    reads=st.sampled_from(["mean", 0, -1]),
    data=st.data(),
)
def test_other_tokens_in_any_place_and_grids_of_any_kind(
    rows, columns, patch, stride, remainder, places, order, reads, data
):
    height, width = ((side - 1) * stride + patch for side in (rows, columns))
    room = min(remainder, stride - 1)
    torch.manual_seed(data.draw(st.integers(0, 3)))
    model = Tiny(patch, stride, tuple(places), order, reads)
    check(model, height + room, width)


def test_prompts_that_are_renewed_in_front_of_each_block():
    found = check(Tiny(4, 4, (0, 1, 2), renewed=2, reads=0), 12, 8)
    assert found.tracer == "full"  # what enters a block is not what left the one before


def test_prompts_within_blocks_alone():
    check(Tiny(4, 4, (0,), within=3, reads=0), 12, 8, refusable=True)


def test_prompts_behind_the_class_token_and_at_the_end():
    found = check(Tiny(4, 4, (0, 1, 2, 14, 15), reads=0), 12, 12)
    assert found.grid.prefix == 3
    assert found.grid.suffix == 2
    assert found.tracer == "replay"


def test_a_grid_is_not_guessed_from_a_count():
    """12 patches are 3 x 4 here, though the sides of the picture would fit 4 x 3."""
    model = Tiny((8, 4), (8, 4))
    assert check(model, 24, 16).grid_map.shape[2:] == (3, 4)


def test_what_the_patches_do_not_cover_is_no_part_of_the_map():
    found = check(Tiny(4, 4), 11, 8)
    assert found.grid.extent == ((0, pytest.approx(8 / 11)), (0, 1))


@pytest.mark.parametrize("order", ["rows", "backwards"])
def test_patches_that_reach_beyond_both_edges_lie_at_the_distance_of_their_inner_edges(order):
    model = Tiny(45, 8, order=order)  # fields of 45 pixels, on a picture of 32
    model.stem.padding = (22, 22)
    found = check(model, 32, 32)
    assert found.grid.extent == ((pytest.approx(-3.5 / 32), pytest.approx(28.5 / 32)),) * 2


class Merging(Tiny):
    """As ToMe: a token that is like another goes between blocks, which one the picture decides."""

    def forward(self, picture):
        tokens = self.arranged(self.stem(picture))
        for block in self.blocks:
            tokens = block(tokens)
            left, right = tokens[:, ::2], tokens[:, 1::2]
            alike = F.cosine_similarity(left[:, :, None], right[:, None], dim=-1)
            gone = 2 * alike.amax(2).argmax(1)  # the one that is most like another
            tokens = torch.stack(
                [
                    torch.cat([one[:at], one[at + 1 :]])
                    for one, at in zip(tokens, gone.tolist(), strict=True)
                ]
            )
        return self.head(tokens.mean(1))


class Sorting(Merging):
    """As ToMe and EViT do it: some of the tokens, ranked by what they hold, go on."""

    def __init__(self, *sizes, keep, merge):
        super().__init__(*sizes)
        self.keep, self.merge = keep, merge

    def forward(self, picture):
        tokens = self.arranged(self.stem(picture))
        for fewer, block in enumerate(self.blocks):
            tokens = block(tokens)
            order = tokens.square().sum(-1).argsort(1)[..., None].expand_as(tokens)
            ranked = tokens.gather(1, order)
            keep = self.keep - 2 * fewer
            rest, tokens = ranked[:, :-keep], ranked[:, -keep:]
            if self.merge:
                tokens = tokens + rest.mean(1, keepdim=True)
        return self.head(tokens.mean(1))


MERGED = "ranks its tokens by what they hold .* explain the model as it was before it was patched"


def test_tokens_that_are_merged_by_what_they_hold_are_refused():
    model = Merging(4, 4).eval()
    with pytest.raises(ModelError, match=MERGED):
        agcam.explain(model, torch.randn(1, 3, 16, 16), method="agcam")


@settings(max_examples=6)
@given(st.integers(4, 12), st.booleans(), st.integers(0, 9))
def test_tokens_that_are_ranked_and_dropped_are_refused(keep, merge, seed):
    torch.manual_seed(seed)
    model = Sorting(4, 4, keep=keep, merge=merge).eval()
    with pytest.raises(ModelError, match=MERGED):
        agcam.explain(model, torch.randn(1, 3, 16, 16), method="agcam")


class Moving(Tiny):
    """Patches change places between blocks: in an order of its own, or by what they hold."""

    def __init__(self, *sizes, order, places=()):
        super().__init__(*sizes, places)
        self.moves = order

    def forward(self, picture):
        tokens = self.arranged(self.stem(picture))
        for block in self.blocks:
            tokens = block(tokens)
            order = torch.as_tensor(self.moves or [], dtype=torch.long)
            if not self.moves:
                order = tokens[0].square().sum(-1).argsort()
            tokens = tokens[:, order]
        return self.head(tokens.mean(1))


@settings(max_examples=8)
@given(st.permutations(range(16)).filter(lambda order: order != list(range(16))))
def test_patches_that_change_places_are_found_where_they_are(order):
    model, pixels = Moving(4, 4, order=list(order)).double().eval(), torch.randn(1, 3, 16, 16)
    pixels = pixels.double()
    first, second = attentions(model, pixels, torch.tensor([1]))
    expected = torch.zeros(16, dtype=torch.float64)
    for number, (scores, alpha) in enumerate((first, second)):
        keys = (scores.sigmoid() * alpha.relu()).sum(1).mean(1)[0]
        expected[torch.tensor(order) if number else slice(None)] += keys
    try:
        found = agcam.explain(model, pixels, 1, "agcam").grid_map.flatten()
    except ModelError:
        return
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.max()))


def test_patches_that_are_sorted_by_what_they_hold_are_refused():
    with pytest.raises(ModelError, match=MERGED):
        agcam.explain(Moving(4, 4, order=None).eval(), torch.randn(1, 3, 16, 16), method="agcam")


def test_shuffled_patches_are_refused():
    class Shuffled(Tiny):
        def arranged(self, tokens):
            order = torch.randperm(math.prod(tokens.shape[2:]), generator=torch.Generator())
            return super().arranged(tokens)[:, order]

    with pytest.raises(ModelError, match="do not lie on the input as rows and columns do"):
        agcam.explain(Shuffled(4, 4).eval(), torch.randn(1, 3, 16, 16), method="agcam")
