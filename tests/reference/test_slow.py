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


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("target", [0, 4])
def test_method_is_its_slow_twin(model, name, target):
    picture = torch.randn(
        3, 12, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(5)
    )
    explanation = agcam.explain(model, picture[None], target, name)
    weights = {key: value.numpy() for key, value in model.state_dict().items()}
    vit = SlowViT(weights, heads=2, patch=4)
    np.testing.assert_allclose(explanation.logits[0], vit.run(picture.numpy())[2], rtol=1e-9)
    expected = SLOW[name](vit, picture.numpy(), target).reshape(3, 4)
    fast = explanation.grid_map[0, 0].numpy()
    np.testing.assert_allclose(fast, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())
