"""Every method against its slow twin."""

import numpy as np
import pytest
import timm
import torch
from slow import SLOW, SlowViT
from test_captum import BY_CAPTUM

import agcam


def test_every_method_has_a_slow_twin():
    """Or is held against captum itself, or (random) is nothing but noise."""
    assert set(agcam.METHODS) == {*SLOW, *BY_CAPTUM, "random"}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    model = timm.models.VisionTransformer(
        img_size=(12, 16), patch_size=4, embed_dim=12, depth=3, num_heads=2, num_classes=5
    ).double()
    for weight in model.parameters():  # biases and norms too: a zero hides mistakes
        torch.nn.init.normal_(weight, std=0.4)
    return model


OTHERS = {  # values that are not defaults; RISE's own 1,000 masks are 60 here
    "agcam_spread": [{"temperature": 0.6, "background": 0.4}],
    "agcam_focus": [{"temperature": 0.05}],
    "lrp": [{"stabilizer": 0.01}],
    "res_lrp": [{"gamma": 0}, {"gamma": 2.5}],
    "legrad": [{"skipped": 0.4}],
    "bicam": [{"skipped": 0.7, "temperature": 2.5}],
    "beyond_intuition_token": [{"steps": 4, "start": 0.7}],
    "beyond_intuition_head": [{"steps": 3, "start": 0.5}],
    "gaussian": [{"spread": 0.6}],
    "occlusion": [{"window": 2}, {"window": 3, "stride": 2}],
    "rise": [{"masks": 60}, {"masks": 30, "cells": 3, "probability": 0.3}],
}
CASES = [(name, target, {}) for name in SLOW for target in (0, 4) if name != "rise"] + [
    (name, 4, options) for name, some in OTHERS.items() for options in some
]


def test_every_option_is_proved_at_another_value_than_its_default():
    for name in SLOW:
        options = {option.name for option in agcam.METHODS[name].options} - {"rules"}
        assert options == {key for some in OTHERS.get(name, ()) for key in some}


@pytest.mark.parametrize(("name", "target", "options"), CASES)
def test_method_is_its_slow_twin(model, name, target, options):
    picture = torch.randn(
        3, 12, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(5)
    )
    explanation = agcam.explain(model, picture[None], target, name, options=options)
    assert explanation.options == options
    weights = {key: value.numpy() for key, value in model.state_dict().items()}
    vit = SlowViT(weights, heads=2, patch=4)
    np.testing.assert_allclose(explanation.logits[0], vit.run(picture.numpy())[2], rtol=1e-9)
    expected = SLOW[name](vit, picture.numpy(), target, **options).reshape(3, 4)
    fast = explanation.grid_map[0, 0].numpy()
    np.testing.assert_allclose(fast, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
