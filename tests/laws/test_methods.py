"""Laws that hold for every row of the methods table, on random evidence."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_evidence import change, evidence

import agcam
from agcam.methods import METHODS, sums
from agcam.values import Grid, GridTrace, RulesOption, needs
from few_passes import FEW_PASSES

shapes = {
    "seed": st.integers(0, 1000),
    "batch": st.integers(1, 4),
    "heads": st.integers(1, 4),
    "grid": st.builds(
        Grid, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2)
    ),
}
OPTIONS = [
    (method.name, option)
    for method in METHODS.values()
    for option in method.options
    if not isinstance(option, RulesOption)
]
named = [f"{name}-{option.name}" for name, option in OPTIONS]


def fast(name):
    return METHODS[name].with_options(FEW_PASSES.get(name, {}))


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=25)
@given(**shapes)
def test_batch_of_n_is_n_single_pictures(name, seed, batch, heads, grid):
    method = fast(name)
    trace = evidence(method.needs, seed, batch, heads, grid)
    together = method.function(trace)
    assert together.shape == (batch, grid.patches)
    for index in range(batch):
        batch_of_one = {"batch": 1} if isinstance(trace, GridTrace) else {}
        single = change(trace, lambda t, i=index: t[i : i + 1], **batch_of_one)
        torch.testing.assert_close(method.function(single)[0], together[index])


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if not m.needs.any_classifier])
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
    method = fast(name)
    trace = evidence(method.needs, 7, 2, 2, Grid(3, 2, 1))
    copy = change(trace, torch.clone)
    first, second = method.function(trace), method.function(trace)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(method.function(copy), first, rtol=0, atol=0)


# Options


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=named)
def test_the_default_is_the_method_itself(name, option):
    """To the last bit, and at the same cost."""
    method = METHODS[name]
    chosen = method.with_options({option.name: option.default})
    assert chosen.needs == method.needs
    assert chosen.settings() == {option.name: option.default}
    assert option.sets == "" or getattr(method.needs, option.sets) == option.default
    trace = evidence(method.needs, 3, 2, 2, Grid(3, 2, 1), blocks=6)
    assert chosen.function(trace).equal(method.function(trace))


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=named)
@settings(max_examples=10)
@given(data=st.data())
def test_any_value_in_range_makes_a_map_and_the_cost_follows(name, option, data):
    high = min(option.maximum, 2 * max(option.default, option.minimum, 1))
    numbers = st.integers if isinstance(option.default, int) else st.floats
    value = data.draw(numbers(option.minimum, high))
    if option.name == "stride":
        method = METHODS[name].with_options({"window": value, "stride": value})
    else:
        method = fast(name).with_options({option.name: value})
    assert option.parse(str(value)) == value
    assert dict(method.chosen)[option.name] == value
    relevance = method.function(evidence(method.needs, 3, 2, 2, Grid(3, 2, 1), blocks=6))
    assert relevance.shape == (2, 6)
    assert relevance.isfinite().all()
    if option.sets:
        assert getattr(method.needs, option.sets) == value


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=named)
@settings(max_examples=20)
@given(data=st.data())
def test_what_is_out_of_range_or_no_number_is_refused(name, option, data):
    below = st.integers(max_value=math.ceil(option.minimum) - 1)
    above = st.integers(min_value=math.floor(option.maximum) + 1)
    wrong = st.sampled_from([None, True, "4", [1], math.nan, math.inf, -math.inf])
    half = [st.just(option.default + 0.5)] if isinstance(option.default, int) else []
    value = data.draw(st.one_of(below, above, wrong, *half))
    with pytest.raises(agcam.AgcamError, match=rf"^{option.name}=.* is not a .*number from"):
        METHODS[name].with_options({option.name: value})
    with pytest.raises(agcam.AgcamError, match=rf"^{option.name}=x is not"):
        option.parse("x")


@pytest.mark.parametrize("name", METHODS)
def test_an_option_that_a_method_does_not_have_is_refused_with_those_it_has(name):
    method = METHODS[name]
    has = ", ".join(option.name for option in method.options) if method.options else "it has none"
    with pytest.raises(agcam.UnknownNameError, match=f"{name} has no option 'colour'; .*{has}"):
        method.with_options({"colour": 1})
    assert method.with_options({}).needs == method.needs


def test_cost_and_text_follow_the_options():
    grid, rise = Grid(8, 8, 1), METHODS["rise"].with_options({"masks": 4000})
    assert rise.needs.cost(grid).target == rise.pictures(grid) == 4000
    assert "4,000 forwards" in rise.passes
    steps = METHODS["beyond_intuition_head"].with_options({"steps": 40})
    before = METHODS["beyond_intuition_head"].needs.cost(grid).target
    assert steps.needs.cost(grid).target == before + 20 * 2
    assert "40 forwards" in steps.passes
    large = METHODS["occlusion"].with_options({"window": 3, "stride": 2})
    assert large.pictures(grid) == 1 + 4 * 4
    assert "a window of 3 patches a side, 2 apart" in large.passes
    twice = rise.with_options({"cells": 5})
    assert twice.settings() == {"masks": 4000, "cells": 5}
    assert twice.needs == rise.needs


def test_patches_that_no_window_hides_are_refused():
    with pytest.raises(agcam.MethodError, match="some patches would never be hidden"):
        METHODS["occlusion"].with_options({"window": 1, "stride": 2})


def test_numbers_of_numpy_are_numbers_and_options_are_a_mapping():
    method = METHODS["rise"].with_options({"masks": np.int64(40), "probability": np.float32(0.25)})
    assert method.settings() == {"masks": 40, "probability": 0.25}
    assert {type(value) for value in method.settings().values()} == {int, float}
    with pytest.raises(agcam.MethodError, match="not a mapping"):
        METHODS["rise"].with_options([("masks", 40)])


@pytest.mark.parametrize("wrong", [None, 3, {"gelu": 1}, {1: print}, "gelu", {"gellu": print}])
def test_rules_are_functions_by_the_names_of_operations(wrong):
    with pytest.raises(agcam.AgcamError, match=r"^rules"):
        METHODS["lrp"].with_options({"rules": wrong})
    with pytest.raises(agcam.AgcamError, match="only Python"):
        next(o for o in METHODS["lrp"].options if o.name == "rules").parse("gelu")


def test_needs_are_values():
    assert needs.Stream(path=20) == METHODS["beyond_intuition_head"].needs
    assert len({row.needs for row in METHODS.values()}) == len(
        {str(row.needs) for row in METHODS.values()}
    )
    assert str(needs.Replay(calls=True)) == "Replay(calls=True)"
    assert str(needs.Tape("lrp")) == "Tape(rules='lrp')"


# Single methods


@pytest.mark.parametrize("name", ["raw_attention", "rollout"])
@settings(max_examples=15)
@given(seed=st.integers(0, 1000), reads=st.sampled_from([(0,), (0, 1), tuple(range(2, 14))]))
def test_attention_maps_are_shares(name, seed, reads):
    """Rows of attention sum to one; so does rollout's product over all tokens."""
    trace = evidence(needs.Attention(), seed, 2, 3, Grid(3, 4, 2), reads=reads)
    relevance = METHODS[name].function(trace)
    assert (relevance >= 0).all()
    assert (relevance.sum(-1) <= 1 + 1e-9).all()


def test_rollout_in_chunks_is_rollout(monkeypatch):
    rollout = METHODS["rollout"].function
    trace = evidence(needs.Attention(), 0, 2, 3, Grid(5, 5, 1), blocks=3)
    at_once = rollout(trace)
    monkeypatch.setattr(sums, "ROWS_AT_ONCE", 4)
    torch.testing.assert_close(rollout(trace), at_once)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), reads=st.sampled_from([(0,), (0, 1), tuple(range(2, 14))]))
def test_gae_by_rows_is_gae_by_matrices(seed, reads):
    trace = evidence(needs.Graph(), seed, 2, 3, Grid(3, 4, 2), blocks=3, reads=reads)
    matrix = torch.eye(14, dtype=torch.float64).repeat(2, 1, 1)
    for block in trace.blocks:
        matrix = matrix + (block.gradients * block.attention).clamp(min=0).mean(1) @ matrix
    expected = matrix[:, list(reads)].mean(1)[:, 2:]
    torch.testing.assert_close(METHODS["gae"].function(trace), expected)


def test_random_is_uniform_and_the_same_each_time():
    trace = GridTrace(2, Grid(40, 40, 1))
    first = METHODS["random"].function(trace)
    assert (first[0] == first[1]).all()
    assert 0 <= first.min() < 0.01
    assert 0.99 < first.max() < 1
    assert abs(float(first.mean()) - 0.5) < 0.02
