"""The numbers that the authors' programs gave (their AGCAM and their copy of rollout)."""

import copy

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
