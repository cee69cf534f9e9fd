"""Drawn hierarchies against the definition: windows, shifts, pooled keys, merges, in any axes.

Where keys lie is measured by a second program, which knows no agcam.
"""

import measured
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import agcam

DIM, HEADS = 8, 2
AXES = (
    "fused",
    "fused head window",
    "window head",
    "head window",
    "picture head window",
    "picture window head",
)


class Block(nn.Module):
    """Attention within windows (shifted, padded at the edges), or to pooled keys; then an MLP."""

    def __init__(self, window, shift, pool, axes):
        super().__init__()
        self.window, self.shift, self.pool, self.axes = window, shift, pool, axes
        self.norm = nn.LayerNorm(DIM)
        self.query, self.key_value = nn.Linear(DIM, DIM), nn.Linear(DIM, 2 * DIM)
        self.out = nn.Linear(DIM, DIM)
        self.mlp = nn.Sequential(nn.LayerNorm(DIM), nn.Linear(DIM, 16), nn.GELU())
        self.last = nn.Linear(16, DIM)

    def forward(self, x):
        """x: batch row column dim."""
        rows, columns = x.shape[1:3]
        normed = self.norm(x)
        if self.pool > 1:
            mixed = self.pooled(normed)
        else:
            height, width = min(self.window[0], rows), min(self.window[1], columns)
            padded = F.pad(normed, (0, 0, 0, -columns % width, 0, -rows % height))
            padded = padded.roll((-self.shift, -self.shift), (1, 2))
            mixed = self.windows(padded, height, width).roll((self.shift, self.shift), (1, 2))[
                :, :rows, :columns
            ]
        x = x + self.out(mixed)
        return x + self.last(self.mlp(x))

    def pooled(self, normed):
        keys = F.avg_pool2d(normed.permute(0, 3, 1, 2), self.pool, ceil_mode=True)
        found = self.attend(self.query(normed.flatten(1, 2)), keys.flatten(2).mT, 1)
        return found.view_as(normed)

    def windows(self, x, height, width):
        tall = x.unflatten(1, (-1, height)).unflatten(3, (-1, width)).transpose(2, 3)
        tokens = tall.flatten(3, 4).flatten(0, 2)
        mixed = self.attend(self.query(tokens), tokens, len(tokens) // len(x))
        mixed = mixed.view(*tall.shape).transpose(2, 3)
        return mixed.flatten(3, 4).flatten(1, 2)

    def attend(self, queries, keys, windows):
        """(batch window) token dim, by heads in one of several orders of axes."""
        key, value = self.key_value(keys).chunk(2, -1)
        q, k, v = (
            one.unflatten(0, (-1, windows)).unflatten(-1, (HEADS, -1)).transpose(2, 3)
            for one in (queries, key, value)
        )  # batch window head token dim
        if "head window" in self.axes:
            q, k, v = (one.transpose(1, 2) for one in (q, k, v))
        if not self.axes.startswith("picture"):
            q, k, v = (one.flatten(0, 1) for one in (q, k, v))
        if self.axes.startswith("fused"):
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1) @ v
        if not self.axes.startswith("picture"):
            mixed = mixed.unflatten(0, (len(queries) // windows, -1))
        if "head window" in self.axes:
            mixed = mixed.transpose(1, 2)
        return mixed.transpose(2, 3).flatten(3).flatten(0, 1)


class Drawn(nn.Module):
    """Stages of blocks; between them 2 x 2 tokens become one.

    The head reads the mean, or a `pool` that attends with a query of its own. With `overlap` every
    token of the stem is made of so many more on each side.
    """

    def __init__(self, stages, overlap=0, pool=False):
        super().__init__()
        self.stem = nn.Conv2d(3, DIM, 4, 4)
        self.mix = nn.Conv2d(DIM, DIM, 2 * overlap + 1, 1, overlap) if overlap else nn.Identity()
        self.query = nn.Parameter(torch.randn(1, 1, 1, DIM)) if pool else None
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(*one) for one in blocks)) for blocks in stages
        )
        self.merges = nn.ModuleList(nn.Linear(4 * DIM, DIM) for _ in stages)
        self.head = nn.Linear(DIM, 4)

    def forward(self, pixels):
        x = self.mix(self.stem(pixels)).permute(0, 2, 3, 1)
        for number, (stage, merge) in enumerate(zip(self.stages, self.merges, strict=True)):
            if number:
                x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
                x = merge(x.unflatten(1, (-1, 2)).unflatten(3, (-1, 2)).transpose(2, 3).flatten(3))
            x = stage(x)
        if self.query is None:
            return self.head(x.mean((1, 2)))
        tokens = x.flatten(1, 2).unsqueeze(1)
        query = self.query.expand(len(x), -1, -1, -1)
        return self.head(F.scaled_dot_product_attention(query, tokens, tokens)[:, 0, 0])


BLOCKS = st.tuples(
    st.tuples(st.integers(2, 4), st.integers(2, 4)),
    st.integers(0, 2),
    st.sampled_from([1, 1, 1, 2]),
    st.sampled_from(AXES),
)


def check(model, height, width, skipped=None):
    model = model.double().eval()
    pixels = torch.randn(1, 3, height, width, dtype=torch.float64)
    found = agcam.explain(model, pixels, 1, "agcam").grid_map[0, 0]
    maps = measured.maps(model, pixels, 1, tuple(found.shape), skipped=skipped)
    assert min(float((found - one).abs().max() / one.max().clamp(1e-9)) for one in maps) < 1e-9


def refusal(model, height, width):
    with pytest.raises(agcam.ModelError) as refused:
        check(model, height, width)
    return str(refused.value)


@settings(max_examples=12)
@given(
    stages=st.lists(st.lists(BLOCKS, min_size=1, max_size=2), min_size=1, max_size=2),
    rows=st.integers(3, 9),
    columns=st.integers(3, 9),
    seed=st.integers(0, 9),
)
def test_a_drawn_hierarchy_is_explained_as_defined(stages, rows, columns, seed):
    torch.manual_seed(seed)
    check(Drawn(stages), 4 * rows, 4 * columns)


@pytest.mark.parametrize("axes", AXES)
def test_windows_are_windows_in_whatever_axis_they_stand(axes):
    """Where heads share an axis with the pictures, windows stand where heads do (HaloNet)."""
    torch.manual_seed(0)
    model = Drawn([[((4, 4), 0, 1, axes), ((4, 4), 2, 1, axes)]])
    check(model, 32, 32)
    reference = Drawn([[((4, 4), 0, 1, "fused"), ((4, 4), 2, 1, "fused")]])
    reference.load_state_dict(model.state_dict())
    pixels = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    both = [
        agcam.explain(one.double().eval(), pixels, 2, ["agcam", "gae", "rollout"])
        for one in (model, reference)
    ]
    for method in ("agcam", "gae", "rollout"):
        one, other = (found.by(method).grid_map for found in both)
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@settings(max_examples=8)
@given(
    axes=st.sampled_from(AXES),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    stages=st.integers(2, 3),
    overlap=st.sampled_from([0, 1, 3]),
    pool=st.booleans(),
    seed=st.integers(0, 9),
)
def test_small_inputs_end_in_a_single_token(axes, rows, columns, stages, overlap, pool, seed):
    """Its attention counts as at any size; a pool over it is the classifier's."""
    torch.manual_seed(seed)
    side = max(rows, columns)
    model = Drawn([[((side, side), 0, 1, axes)]] * stages, overlap, pool)
    height, width = 4 * rows, 4 * columns
    if side == 1:
        assert "one token" in refusal(model, height, width)
    elif rows * columns > 1:
        check(model, height, width, {stages} if pool else set())


class OneSize(Drawn):
    """It takes no other size."""

    def forward(self, pixels):
        assert pixels.shape[-1] == 8, "another size"
        return super().forward(pixels)


def test_a_single_token_that_cannot_be_told_from_a_pool_is_refused(monkeypatch):
    torch.manual_seed(0)
    stages = [[((2, 2), 0, 1, "window head")]] * 2
    check(OneSize(stages), 8, 8, set())  # its scores are seen to be a product
    monkeypatch.setattr("agcam.tracing.single_token.factors_of_last_products", lambda _: [])
    check(Drawn(stages), 8, 8, set())  # more of them in a larger picture
    assert "one row and one key" in refusal(OneSize(stages), 8, 8)
