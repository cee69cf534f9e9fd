"""Rules of relevance over several grids: against other derivatives, and what they keep."""

import copy

import families
import other_families
import pytest
import relevance_over_grids
import rules_over_grids
import timm
import torch
from torch import nn

import agcam
from agcam.methods import METHODS
from agcam.tracing import evaluation_mode, trace
from agcam.tracing.grid_tape import in_cells
from agcam.tracing.rules import LRP
from agcam.values import Grid

CASES = ("swin", "swin, odd", "swinv2", "pvt", "swin, Hugging Face", "swin, torchvision")


def stem(model):
    return next(part for part in model.modules() if isinstance(part, nn.Conv2d))


@pytest.mark.parametrize(("method", "gamma"), [("attn_lrp", None), ("res_lrp", 1.0)])
@pytest.mark.parametrize("name", CASES)
def test_rules_over_several_grids_are_other_derivatives(name, method, gamma):
    case = other_families.CASES[name]
    model, pixels = case.make(), torch.randn(2, 3, *case.size, dtype=torch.float64)
    found = agcam.explain(model, pixels, [[1, 3], [3, 0]], method).grid_map
    for maps, picture, targets in zip(found, pixels, [[1, 3], [3, 0]], strict=True):
        for grid_map, target in zip(maps, targets, strict=True):
            expected = rules_over_grids.truth(model, stem(model), picture[None], target, gamma)
            close = {"rtol": 1e-7, "atol": 1e-8 * float(expected.abs().max())}
            torch.testing.assert_close(grid_map, expected, **close)


@pytest.mark.parametrize("name", ["swin", "swin, odd", "pvt", "swin, torchvision"])
def test_lrp_over_several_grids_is_relevance_by_written_out_rules(name):
    case = other_families.CASES[name]
    model, pixels = case.make(), torch.randn(1, 3, *case.size, dtype=torch.float64)
    for target in (1, 3):
        found = agcam.explain(model, pixels, target, "lrp").grid_map[0, 0]
        expected = relevance_over_grids.truth(case, model, stem(model), pixels, target)
        # sums that cancel divide by almost nothing
        close = {"rtol": 0, "atol": 1e-3 * float(expected.abs().max())}
        torch.testing.assert_close(found, expected, **close)


@pytest.mark.parametrize("name", ["swin", "swinv2", "coatnet"])
def test_lrp_neither_makes_nor_loses_relevance_over_several_grids(name):
    """But where all terms of an output are negative: of many, never."""
    case = other_families.CASES[name]
    model, pixels = case.make(), torch.randn(1, 3, *case.size, dtype=torch.float64)
    classifier, method = agcam.load(model), METHODS["lrp"]
    with evaluation_mode(model):
        session = trace(classifier, pixels, [method])
        (tape,) = session.proved(method.needs).tapes
        (relevance,) = tape.walk(LRP.with_own({}, 1e-9), 3, tape.tokens).signals
        session.relevance(method, torch.tensor([[3]]))
    assert float(relevance.sum()) == pytest.approx(1, abs=0.02)
    ((error, _),) = session.incomplete
    assert error == pytest.approx(abs(1 - float(relevance.sum())))
    assert any(
        "completeness error" in note for note in agcam.explain(model, pixels, 3, "lrp").notes
    )


SMALL = {
    "levit": families.CASES["levit"].make,
    "tiny_vit": families.made(
        timm.models.tiny_vit.TinyVit,
        embed_dims=(8, 8, 12, 16),
        depths=(1, 1, 1, 1),
        num_heads=(1, 1, 2, 2),
        window_sizes=(4, 4, 4, 2),
        drop_path_rate=0.0,
    ),
    "crossvit": families.made(
        timm.models.crossvit.CrossVit,
        img_size=64,
        patch_size=(8, 16),
        embed_dim=(8, 16),
        depth=((1, 2, 0),),
        num_heads=(2, 2),
        mlp_ratio=(2, 2, 1),
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_attn_lrp_keeps_account_of_all_but_the_softmax(name):
    """Batch norms, class tokens and positions add to the logit; only softmaxes lose a part."""
    model, pixels = SMALL[name](), torch.randn(1, 3, 64, 64, dtype=torch.float64)
    for part in model.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_()
    other = copy.deepcopy(model)  # models keep the biases of their attention between passes
    classifier, method = agcam.load(model), METHODS["attn_lrp"]
    with evaluation_mode(model):
        session = trace(classifier, pixels, [method])
        trace_ = session.trace(method, torch.tensor([3]))
    found, first = trace_.account, trace_.blocks[0]
    tokens = float((first.tokens * first.token_gradients).sum())
    passed, constants, flat, logit = rules_over_grids.account(other, pixels, 3)
    assert passed + constants + flat == pytest.approx(logit)
    assert float(found.error) == pytest.approx(flat)
    # what a stem's own biases add is in its feature map
    assert tokens + float(found.biases) == pytest.approx(passed + constants)
    assert found.operations == ("_softmax",)


class _TwoStems(nn.Module):
    """Two feature maps of one size, so that the grid is one of pixels; its sides do not divide."""

    def __init__(self):
        super().__init__()
        self.stems = nn.ModuleList([nn.Conv2d(3, 8, 4, 4) for _ in range(2)])
        self.head = nn.Linear(8, 5)

    def forward(self, pixels):
        total = 0
        for conv in self.stems:
            tokens = conv(pixels).flatten(2).mT
            windows = tokens[:, None]
            queries = windows[:, :, :5]
            total = total + tokens.mean(1)
            total = total + nn.functional.scaled_dot_product_attention(
                queries, windows, windows
            ).mean((1, 2))
        return self.head(total)


def test_where_no_feature_map_holds_the_tokens_relevance_is_of_pixels():
    torch.manual_seed(0)
    model, pixels = _TwoStems().double().eval(), torch.randn(1, 3, 13, 17).double()
    found = agcam.explain(model, pixels, 3, "attn_lrp")
    assert found.grid == Grid(3, 4, 0)
    picture = pixels.clone().requires_grad_()
    with torch.enable_grad(), rules_over_grids.OtherDerivatives():
        (gradient,) = torch.autograd.grad(model(picture)[0, 3], picture)
    every = (pixels * gradient).sum(1)[0]
    expected = in_cells(every[None, None], (3, 4)).sum(2).view(3, 4)
    torch.testing.assert_close(found.grid_map[0, 0], expected)


def test_pixels_of_cells():
    pixels = torch.arange(35.0).view(1, 1, 5, 7)
    cells = in_cells(pixels, (2, 3))  # 2 and 3 rows; 2, 2 and 3 columns
    assert cells.shape == (1, 6, 9)
    expected = [
        pixels[0, 0, rows, columns].sum()
        for rows in (slice(0, 2), slice(2, 5))
        for columns in (slice(0, 2), slice(2, 4), slice(4, 7))
    ]
    assert cells.sum(2)[0].tolist() == expected
