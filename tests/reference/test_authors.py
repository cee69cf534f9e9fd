"""The numbers that the authors' programs gave (their AGCAM and their copy of rollout)."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

import agcam


@pytest.mark.parametrize("tracer", ["replay", "full"])
@pytest.mark.parametrize("what", ["prediction", "target"])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_agcam_is_the_authors(authors, authors_model, what, tracer, dtype, allowed):
    model = copy.deepcopy(authors_model).to(dtype)
    target = None if what == "prediction" else authors["target"]
    pixels = torch.from_numpy(authors["images"]).to(dtype)
    explanation = agcam.explain(model, pixels, target, tracer=tracer)
    expected = authors[f"agcam_{what}"]
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


def lrp_of(model, authors, what, dtype):
    target = None if what == "prediction" else authors["target"]
    pixels = torch.from_numpy(authors["images"]).to(dtype)
    model = copy.deepcopy(model).to(dtype)
    return agcam.explain(model, pixels, target, "lrp").grid_map[:, 0].numpy()


@pytest.mark.parametrize("what", ["prediction", "target"])
def test_lrp_is_the_authors(authors, authors_model, what):
    """Their program ran in float32, where the method feels the machine's rounding: a change of
    1e-7 in the weights moves some of these maps by up to a tenth of their maximum. So 1e-3, or what
    rounding
    alone does to that map where it is more."""
    expected = authors[f"lrp_{what}"]
    found = lrp_of(authors_model, authors, what, torch.float32)
    rounding = np.zeros(len(found))
    for seed in range(3):
        moved, generator = copy.deepcopy(authors_model), torch.Generator().manual_seed(seed)
        for weight in moved.state_dict().values():
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            weight.mul_(1 + 1e-7 * noise)
        repeated = lrp_of(moved, authors, what, torch.float32)
        rounding = np.maximum(rounding, relative(repeated, found))
    assert (relative(found, expected) < np.maximum(1e-3, 2 * rounding)).all()


# What ran, on the same weights and pictures, in float64, with its CUDA calls left out; and how far
# apart we may be: the maps are kept in float32. lrp: they keep divisions from zero with 1e-9
# whatever the sign, we with 1e-9 of the sign.
PEERS = {
    "lrp": ("hila-chefer/Transformer-Explainability at c3e578f, relprop", 3e-4),
    "grad_cam": ("the same, generate_cam_attn, min-max normalized by it", 1e-6),
    "gae": ("hila-chefer/Transformer-MM-Explainability at 58eaea8, its ViT notebook", 1e-6),
    "attn_lrp": ("rachtibat/LRP-eXplains-Transformers at f043441, on a Hugging Face ViT", 1e-6),
    "beyond_intuition_token": ("jiaminchen-1031/transformerinterp at a76854a, from block 2", 1e-6),
    "beyond_intuition_head": ("jiaminchen-1031/transformerinterp at a76854a, from block 2", 1e-6),
    "token_tm": ("NightMachinery/decompv-libragrad-v1 at 79e2ae9, transform_TokenTM", 1e-6),
}


@pytest.mark.parametrize("what", ["prediction", "target"])
@pytest.mark.parametrize("method", PEERS)
def test_peer_is_its_authors(authors, authors_model, method, what):
    with np.load(Path(__file__).parent / "peers_authors_float64.npz") as stored:
        expected = stored[f"{method}_{what}"]
    target = None if what == "prediction" else authors["target"]
    pixels = torch.from_numpy(authors["images"]).double()
    found = agcam.explain(authors_model, pixels, target, method).grid_map[:, 0].numpy()
    if method == "grad_cam":
        low, high = found.min((1, 2), keepdims=True), found.max((1, 2), keepdims=True)
        nothing = (high == low)[:, 0, 0]  # all of it cut off by the relu: their 0 / 0
        assert np.isnan(expected[nothing]).all()
        found, low, high, expected = (x[~nothing] for x in (found, low, high, expected))
        found = (found - low) / (high - low)
    assert len(found) > 4
    assert relative(found, expected).max() < PEERS[method][1]
