"""What agcam_spread and agcam_focus promise beside their formula: chunks, memory, price."""

import sys
from dataclasses import replace

import pytest
import timm
import torch
from random_evidence import evidence
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import agcam
from agcam.methods import METHODS, sums
from agcam.values import AttentionCall, Grid, ReadBlock, ReadTrace

METHOD = METHODS["agcam_spread"]
MODULE = sys.modules["agcam.methods.agcam_spread"]


def reach(grid, heads=2, blocks=3, seed=0):
    return evidence(METHOD.needs, seed, 1, heads, grid, blocks=blocks)


class Largest(TorchDispatchMode):
    """The number of elements of the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.numel())
        return made


def test_focus_shows_the_strongest_patches_of_spread_in_their_order():
    trace = reach(Grid(5, 6, 2))
    focus, spread = METHODS["agcam_focus"].function(trace)[0], METHOD.function(trace)[0]
    shown = focus > 0
    assert 0 < shown.sum() <= (spread > 0).sum() < len(spread)
    assert (spread[shown].min() > spread[~shown]).all()
    assert (focus[shown].argsort() == spread[shown].argsort()).all()


@pytest.mark.parametrize("name", ["agcam_evidence", "agcam_rollout"])
def test_evidence_is_signed_and_the_same_however_large_the_logit(name):
    trace = reach(Grid(5, 6, 2))
    evidence = METHODS[name].function
    relevance = evidence(trace)[0]
    assert relevance.min() < 0 < relevance.max()
    roots = relevance.sign() * relevance.abs() ** (1 / 3)
    assert float(roots.mean()) == pytest.approx(0, abs=1e-9)
    larger = replace(trace, blocks=[replace(b, gradients=7 * b.gradients) for b in trace.blocks])
    torch.testing.assert_close(evidence(larger)[0], relevance)
    nothing = replace(trace, blocks=[replace(b, gradients=0 * b.gradients) for b in trace.blocks])
    assert not evidence(nothing).any()


@pytest.mark.parametrize("name", ["agcam_spread", "agcam_rollout"])
def test_in_chunks_is_at_once(monkeypatch, name):
    trace, method = reach(Grid(5, 6, 2)), METHODS[name].function
    whole = method(trace)
    monkeypatch.setattr(sums, "ROWS_AT_ONCE", 4)
    torch.testing.assert_close(method(trace), whole)


def test_no_matrix_of_tokens_squared_is_made(monkeypatch):
    monkeypatch.setattr(sums, "ROWS_AT_ONCE", 8)
    largest = {}
    for side in (10, 20):
        with Largest() as mode:
            METHOD.function(reach(Grid(side, side, 1)))
        largest[side] = mode.elements
    assert largest[20] < 5 * largest[10]  # four times the tokens


def test_multiplies_little_more_than_inference():
    model = timm.create_model("vit_small_patch16_224", num_classes=10).eval()
    pixels = torch.randn(1, 3, 224, 224)
    agcam.explain(model, pixels, 0)  # the survey is paid once
    with FlopCounterMode(display=False) as plain, torch.no_grad():
        model(pixels)
    with FlopCounterMode(display=False) as explained:
        agcam.explain(model, pixels, 0, "agcam_spread")
    assert explained.get_total_flops() < 1.05 * plain.get_total_flops()


@pytest.mark.parametrize("name", ["agcam_spread", "agcam_focus"])
@pytest.mark.parametrize("pool", ["token", "avg"])
def test_links_are_made_once_for_all_targets(monkeypatch, name, pool):
    """Where every token is read, a pass back has room for few targets, and links serve all."""
    model = timm.create_model("test_vit", num_classes=30, global_pool=pool, class_token=True)
    model = model.double().eval()
    pixels, targets = torch.randn(2, 3, 160, 160).double(), list(range(30))
    single = agcam.explain(model, pixels, 17, name).grid_map[:, 0]
    made = []
    likeness = MODULE._likeness
    monkeypatch.setattr(MODULE, "_likeness", lambda *given: made.append(1) or likeness(*given))
    for count in (1, 30):
        made.clear()
        found = agcam.explain(model, pixels, [targets[-count:]] * 2, name)
        assert len(made) == max(1, round(len(model.blocks) / 3))
    torch.testing.assert_close(found.grid_map[:, 17], single, rtol=0, atol=1e-12)


@pytest.mark.parametrize("grid", [Grid(1, 1, 1), Grid(1, 2, 1)])
def test_smallest_grids_are_finite(grid):
    assert torch.isfinite(METHOD.function(reach(grid))).all()


def by_groups(scores, gradients):
    """The map where patches 0 to 2 attend to each other, and so do 3 to 5; a class token reads."""
    token = torch.eye(2, dtype=torch.float64)[[0, 0, 0, 0, 1, 1, 1]]
    call = AttentionCall(30 * token[None, None], token[None, None], token[None, None], None, 1.0)
    rows = [
        torch.tensor(row, dtype=torch.float64).reshape(1, -1, 1, 7) for row in (scores, gradients)
    ]
    return METHOD.function(ReadTrace([ReadBlock(*rows)], Grid(2, 3, 1), (call,)))[0]


def test_evidence_alone_makes_the_map_of_its_own_neighbourhood():
    relevance = by_groups([0] * 7, [0, 0, 1, 0, 0, 0, 0])
    assert (relevance[:3] > 0).all()
    assert (relevance[3:] == 0).all()


def test_evidence_counts_as_far_as_its_neighbours_support_it():
    """Patches 0 and 3 are read, alike; 4 and 5 would speak for the class as well, were they."""
    relevance = by_groups([0, 0, -40, -40, 0, -40, -40], [0, 1, 0, 0, 1, 1, 1])
    assert relevance[3:].min() > 1.5 * relevance[:3].max()


def test_where_attention_is_not_trusted_heads_that_read_something_else_support_too():
    """The second head reads the class token alone, and has its gradients on patches 4 and 5."""
    read, elsewhere = [0, 0, -40, -40, 0, -40, -40], [0, *[-40] * 6]
    gradients = [[0, 1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 9, 9]]
    relevance = by_groups([read, elsewhere], gradients)
    assert relevance[3:].min() > 1.5 * relevance[:3].max()
    trusted = by_groups([read, read], gradients[:1] * 2)
    torch.testing.assert_close(trusted[3:], trusted[:3])


def test_evidence_stands_for_itself_where_nothing_speaks_for_the_class():
    relevance = by_groups([0] * 7, [0, -1, -1, -1, -2, -2, -2])
    assert (relevance[:3] > 0).all()
    assert (relevance[3:] == 0).all()


@pytest.mark.parametrize("scale", [1e-8, 7, 1e8])
def test_the_map_grows_with_the_root_of_the_logit(scale):
    trace = reach(Grid(5, 6, 2))
    larger = [replace(block, gradients=scale * block.gradients) for block in trace.blocks]
    found = METHOD.function(replace(trace, blocks=larger))
    torch.testing.assert_close(found, scale**0.5 * METHOD.function(trace))
