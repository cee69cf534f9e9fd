"""Laws that hold for every row of the methods table, on random evidence."""

import dataclasses
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agcam.methods import METHODS
from agcam.values import (
    AttentionCall,
    AttentionTrace,
    BlockTrace,
    GraphBlock,
    GraphTrace,
    Grid,
    GridTrace,
    LrpBlock,
    LrpTrace,
    PathTrace,
    Query,
    ReachTrace,
    ReadBlock,
    ReadTrace,
    RuledTrace,
    SinglePatchTrace,
    StreamBlock,
    StreamTrace,
    TokenTrace,
)


def evidence(needs, seed, batch, heads, grid, blocks=2, reads=(0,)):
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    if needs in (ReadTrace, ReachTrace):
        return read_evidence(needs, randn, batch, heads, grid, blocks, reads)
    reads = weights(reads, batch, grid)
    if needs is AttentionTrace:
        calls = [
            AttentionCall(*(randn(batch, heads, grid.tokens, 4) for _ in range(3)), None, 0.5)
            for _ in range(blocks)
        ]
        return AttentionTrace(tuple(calls), reads, grid)
    if issubclass(needs, GraphTrace):
        square, flat = (batch, heads, grid.tokens, grid.tokens), (batch, grid.tokens, 5)
        full = [
            GraphBlock(randn(*square).softmax(-1), randn(*square), randn(*flat), randn(*flat))
            for _ in range(blocks)
        ]
        account = [randn(batch) for _ in range(3)] if issubclass(needs, RuledTrace) else []
        return needs(tuple(full), reads, grid, *account)
    if needs is BlockTrace:
        square = (batch, heads, grid.tokens, grid.tokens)
        return BlockTrace(tuple(randn(*square) for _ in range(blocks)), grid)
    if needs is TokenTrace:
        return TokenTrace(*(randn(batch, grid.tokens, 5) for _ in range(2)), grid)
    if needs is Query:  # pixels that the patches do not divide evenly, where they are small
        pixels = randn(batch, 3, 3 * grid.rows + 1, 2 * grid.columns)
        targets = torch.randint(3, (batch,), generator=generator)
        return Query(pixels, targets, grid, 64, _logit, _probability)
    if needs in (LrpTrace, StreamTrace, PathTrace, SinglePatchTrace):
        return later_evidence(needs, randn, batch, heads, grid, blocks, reads)
    assert needs is GridTrace, "a new kind of evidence: say here how to make it at random"
    return GridTrace(batch, grid)


def weights(reads, batch, grid):
    """Equal weights of the rows that are read, the same for every picture."""
    rows = torch.zeros(batch, grid.tokens, dtype=torch.float64)
    rows[:, list(reads)] = 1 / len(reads)
    return rows


def _logits(pixels):
    """A model that takes pictures of any size and is not linear."""
    place = torch.arange(pixels[0].numel(), dtype=pixels.dtype).reshape(pixels.shape[1:]).cos()
    return torch.stack([(pixels * place.roll(k, -1)).tanh().sum((1, 2, 3)) for k in range(3)], 1)


def _logit(pixels, target):
    return _logits(pixels).gather(1, target[:, None])[:, 0]


def _probability(pixels, target):
    return _logits(pixels).softmax(-1).gather(1, target[:, None])[:, 0]


def read_evidence(needs, randn, batch, heads, grid, blocks, reads):
    shape = (batch, heads, len(reads), grid.tokens)
    read = [ReadBlock(randn(*shape), randn(*shape)) for _ in range(blocks)]
    if needs is ReadTrace:
        return ReadTrace(read, grid)
    calls = [
        AttentionCall(*(randn(batch, heads, grid.tokens, 4) for _ in range(3)), None, 0.5)
        for _ in range(blocks)
    ]
    return ReachTrace(read, tuple(calls), grid)


def later_evidence(needs, randn, batch, heads, grid, blocks, reads):
    square, flat = (batch, heads, grid.tokens, grid.tokens), (batch, grid.tokens, 5)
    if needs is LrpTrace:
        relevance = [LrpBlock(randn(*square), randn(*square)) for _ in range(blocks)]
        return LrpTrace(tuple(relevance), reads, grid)
    if needs is SinglePatchTrace:
        return SinglePatchTrace(randn(batch, grid.patches), grid)
    streams = [
        StreamBlock(randn(*square).softmax(-1), randn(*square), *(randn(*flat) for _ in range(4)))
        for _ in range(blocks)
    ]
    stream = StreamTrace(tuple(streams), reads, grid)
    path = [randn(batch, heads, 1, grid.tokens) for _ in range(3)]
    return stream if needs is StreamTrace else PathTrace(stream, path)


def change(trace, tensor, batch=None, headless=None):
    """The same evidence with `tensor` applied to every tensor of it.

    `headless` is for tensors without heads, where it differs.
    """
    if isinstance(trace, ReadTrace | ReachTrace):
        blocks = [ReadBlock(tensor(b.scores), tensor(b.gradients)) for b in trace.blocks]
        reach = isinstance(trace, ReachTrace)
        more = (_calls(trace, tensor),) if reach else ()
        return type(trace)(blocks, *more, trace.grid)
    if isinstance(trace, AttentionTrace):
        return AttentionTrace(_calls(trace, tensor), (headless or tensor)(trace.reads), trace.grid)
    if isinstance(trace, GraphTrace):
        flat = headless or tensor
        full = [
            GraphBlock(
                tensor(b.attention), tensor(b.gradients), flat(b.tokens), flat(b.token_gradients)
            )
            for b in trace.blocks
        ]
        return dataclasses.replace(trace, blocks=tuple(full), reads=flat(trace.reads))
    if isinstance(trace, BlockTrace):
        return BlockTrace(tuple(tensor(g) for g in trace.gradients), trace.grid)
    if isinstance(trace, TokenTrace):
        flat = headless or tensor
        return TokenTrace(flat(trace.features), flat(trace.gradients), trace.grid)
    if isinstance(trace, Query):
        flat = headless or tensor
        return dataclasses.replace(trace, pixels=flat(trace.pixels), target=flat(trace.target))
    if isinstance(trace, LrpTrace | StreamTrace | PathTrace | SinglePatchTrace):
        return change_later(trace, tensor, headless or tensor)
    return GridTrace(trace.batch if batch is None else batch, trace.grid)


def _calls(trace, tensor):
    return tuple(
        AttentionCall(tensor(c.query), tensor(c.key), tensor(c.value), None, c.scale)
        for c in trace.calls
    )


def change_later(trace, tensor, flat):
    if isinstance(trace, LrpTrace):
        blocks = tuple(LrpBlock(tensor(b.relevance), tensor(b.gradients)) for b in trace.blocks)
        return LrpTrace(blocks, flat(trace.reads), trace.grid)
    if isinstance(trace, SinglePatchTrace):
        return SinglePatchTrace(flat(trace.logits), trace.grid)
    if isinstance(trace, PathTrace):
        path = [tensor(step) for step in trace.path]
        return PathTrace(change_later(trace.stream, tensor, flat), path)
    blocks = tuple(
        StreamBlock(
            tensor(b.attention), tensor(b.gradients),
            flat(b.entering), flat(b.between), flat(b.leaving), flat(b.mixed),
        )
        for b in trace.blocks
    )  # fmt: skip
    return StreamTrace(blocks, flat(trace.reads), trace.grid)


shapes = {
    "seed": st.integers(0, 1000),
    "batch": st.integers(1, 4),
    "heads": st.integers(1, 4),
    "grid": st.builds(
        Grid, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2)
    ),
}


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=25)
@given(**shapes)
def test_batch_of_n_is_n_single_pictures(name, seed, batch, heads, grid):
    method = METHODS[name]
    trace = evidence(method.needs, seed, batch, heads, grid)
    together = method.function(trace)
    assert together.shape == (batch, grid.patches)
    for index in range(batch):
        alone = change(trace, lambda t, i=index: t[i : i + 1], batch=1)
        torch.testing.assert_close(method.function(alone)[0], together[index])


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=25)
@given(**shapes)
def test_heads_have_no_order(name, seed, batch, heads, grid):
    method = METHODS[name]
    trace = evidence(method.needs, seed, batch, heads, grid)
    order = torch.randperm(heads, generator=torch.Generator().manual_seed(seed))
    shuffled = change(trace, lambda t: t[:, order], headless=lambda t: t)
    torch.testing.assert_close(method.function(shuffled), method.function(trace))


@pytest.mark.parametrize("name", METHODS)
def test_function_is_pure(name):
    method = METHODS[name]
    grid = Grid(3, 2, 1)
    trace = evidence(method.needs, 7, 2, 2, grid)
    copy = change(trace, torch.clone)
    first, second = method.function(trace), method.function(trace)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(method.function(copy), first, rtol=0, atol=0)


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if m.needs is AttentionTrace])
@settings(max_examples=15)
@given(seed=st.integers(0, 1000), reads=st.sampled_from([(0,), (0, 1), tuple(range(2, 14))]))
def test_attention_maps_are_shares(name, seed, reads):
    """Rows of attention sum to one; so does rollout's product over all tokens."""
    grid = Grid(3, 4, 2)
    relevance = METHODS[name].function(evidence(AttentionTrace, seed, 2, 3, grid, reads=reads))
    assert (relevance >= 0).all()
    assert (relevance.sum(-1) <= 1 + 1e-9).all()


def test_rollout_in_chunks_is_rollout(monkeypatch):
    rollout = sys.modules["agcam.methods.rollout"]  # the room re-exports a function of that name
    trace = evidence(AttentionTrace, 0, 2, 3, Grid(5, 5, 1), blocks=3)
    whole = rollout.rollout(trace)
    monkeypatch.setattr(rollout, "ROWS_AT_ONCE", 4)
    torch.testing.assert_close(rollout.rollout(trace), whole)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), reads=st.sampled_from([(0,), (0, 1), tuple(range(2, 14))]))
def test_gae_by_rows_is_gae_by_matrices(seed, reads):
    trace = evidence(GraphTrace, seed, 2, 3, Grid(3, 4, 2), blocks=3, reads=reads)
    whole = torch.eye(14, dtype=torch.float64).repeat(2, 1, 1)
    for block in trace.blocks:
        whole = whole + (block.gradients * block.attention).clamp(min=0).mean(1) @ whole
    expected = whole[:, list(reads)].mean(1)[:, 2:]
    torch.testing.assert_close(METHODS["gae"].function(trace), expected)


def test_random_is_uniform_and_the_same_each_time():
    trace = GridTrace(2, Grid(40, 40, 1))
    first = METHODS["random"].function(trace)
    assert (first[0] == first[1]).all()
    assert 0 <= first.min() < 0.01
    assert 0.99 < first.max() < 1
    assert abs(float(first.mean()) - 0.5) < 0.02
