"""The numbers that the authors' programs gave (their AGCAM and their copy of rollout)."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

import agcam


@pytest.mark.parametrize("tracer", ["replay", "full"])
@pytest.mark.parametrize("asked", ["prediction", "target"])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_agcam_is_the_authors(authors, authors_model, asked, tracer, dtype, allowed):
    model = copy.deepcopy(authors_model).to(dtype)
    target = None if asked == "prediction" else authors["target"]
    pixels = torch.from_numpy(authors["images"]).to(dtype)
    explanation = agcam.explain(model, pixels, target, tracer=tracer)
    expected = authors[f"agcam_{asked}"]
    apart = np.abs(explanation.grid_map[:, 0].numpy() - expected).max() / np.abs(expected).max()
    assert explanation.grid_map.dtype == dtype
    assert apart < allowed


def test_logits_are_the_authors(authors, authors_model):
    explanation = agcam.explain(authors_model, torch.from_numpy(authors["images"]).double())
    np.testing.assert_allclose(explanation.logits, authors["logits"], rtol=1e-9, atol=1e-12)


def test_rollout_is_the_authors(authors, authors_model):
    pixels = torch.from_numpy(authors["images"]).double()
    explanation = agcam.explain(authors_model, pixels, method="rollout")
    expected = authors["rollout"]
    apart = np.abs(explanation.grid_map[:, 0].numpy() - expected).max() / np.abs(expected).max()
    assert apart < 1e-5


def relative(found, expected):
    """Largest difference of each picture's map, in its maxima."""
    gap = np.abs(found - expected).max((1, 2))
    return gap / np.abs(expected).max((1, 2))


def lrp_of(model, authors, asked, dtype):
    target = None if asked == "prediction" else authors["target"]
    pixels = torch.from_numpy(authors["images"]).to(dtype)
    model = copy.deepcopy(model).to(dtype)
    return agcam.explain(model, pixels, target, "lrp").grid_map[:, 0].numpy()


@pytest.mark.parametrize("asked", ["prediction", "target"])
def test_lrp_is_the_authors(authors, authors_model, asked):
    """Their program ran in float32, where the method feels the machine's rounding: a change of
    1e-7 in the weights moves some of these maps by several per cent. So 1e-3, or what rounding
    alone does to that map where it is more."""
    expected = authors[f"lrp_{asked}"]
    found = lrp_of(authors_model, authors, asked, torch.float32)
    rounding = np.zeros(len(found))
    for seed in range(3):
        moved, generator = copy.deepcopy(authors_model), torch.Generator().manual_seed(seed)
        for weight in moved.state_dict().values():
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            weight.mul_(1 + 1e-7 * noise)
        again = lrp_of(moved, authors, asked, torch.float32)
        rounding = np.maximum(rounding, relative(again, found))
    assert (relative(found, expected) < np.maximum(1e-3, 2 * rounding)).all()


@pytest.mark.parametrize("asked", ["prediction", "target"])
def test_lrp_is_the_authors_in_float64(authors, authors_model, asked):
    """Their program (github.com/hila-chefer/Transformer-Explainability at c3e578f, its CUDA calls
    left out) run in float64 on the same model and pictures. What is left: they keep divisions from
    zero with 1e-9 whatever the sign, we with 1e-9 of the sign."""
    with np.load(Path(__file__).parent / "lrp_authors_float64.npz") as stored:
        expected = stored[f"lrp_{asked}"]
    found = lrp_of(authors_model, authors, asked, torch.float64)
    assert relative(found, expected).max() < 3e-4


@pytest.mark.parametrize("asked", ["prediction", "target"])
def test_attn_lrp_is_the_authors(authors, authors_model, asked):
    """Their program's patches for Hugging Face models (github.com/rachtibat/
    LRP-eXplains-Transformers at f043441), on the same weights in a Hugging Face ViT, in float64."""
    with np.load(Path(__file__).parent / "attn_lrp_lxt_float64.npz") as stored:
        expected = stored[f"attn_lrp_{asked}"]
    target = None if asked == "prediction" else authors["target"]
    pixels = torch.from_numpy(authors["images"]).double()
    found = agcam.explain(authors_model, pixels, target, "attn_lrp").grid_map[:, 0].numpy()
    assert relative(found, expected).max() < 1e-6
