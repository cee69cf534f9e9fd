"""Methods that captum has too, against captum called by hand on the bare module."""

import captum.attr
import pytest
import timm
import torch

import agcam

PATCH = 8


@pytest.fixture
def model(tiny):
    for weight in tiny.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return tiny.double().eval()


def patches(values):
    """Sums over the 4 x 4 patches of a (batch, 32, 32) map."""
    return values.unflatten(2, (4, PATCH)).unflatten(1, (4, PATCH)).sum((2, 4))


def saliency(model, pixels, target):
    explainer = captum.attr.Saliency(model)
    return patches(explainer.attribute(pixels.requires_grad_(), target=target).amax(1))


def input_x_gradient(model, pixels, target):
    explainer = captum.attr.InputXGradient(model)
    return patches(explainer.attribute(pixels.requires_grad_(), target=target).sum(1))


def integrated_gradients(model, pixels, target, steps=50):
    explainer = captum.attr.IntegratedGradients(model)
    return patches(explainer.attribute(pixels, 0, target=target, n_steps=steps).sum(1))


def smooth_grad(model, pixels, target, monkeypatch, samples=50, noise=0.15):
    """captum's own noise tunnel, given the noise that ours draws."""
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(3, 32, 32, generator=generator) for _ in range(samples)]
    drawn = torch.stack(drawn).double()
    monkeypatch.setattr(torch, "normal", lambda _, deviation: drawn * deviation)
    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(model))
    maps = []
    for picture, label in zip(pixels, target, strict=True):
        deviation = noise * float(picture.max() - picture.min())
        maps.append(
            tunnel.attribute(
                picture[None], target=label, nt_samples=samples, stdevs=deviation, abs=False
            )
        )
    return patches(torch.cat(maps).abs().sum(1))


def occlusion(model, pixels, target, window=1, stride=1):
    sizes = [(3, side * PATCH, side * PATCH) for side in (window, stride)]
    explainer = captum.attr.Occlusion(model)
    drops = explainer.attribute(pixels, sizes[0], strides=sizes[1], target=target)
    return drops[:, 0, ::PATCH, ::PATCH]


BY_CAPTUM = {
    "saliency": saliency,
    "input_x_gradient": input_x_gradient,
    "integrated_gradients": integrated_gradients,
    "smooth_grad": smooth_grad,
    "occlusion": occlusion,
}


CASES = [(name, {}, size) for name in BY_CAPTUM for size in (1, 3, 8)] + [
    ("integrated_gradients", {"steps": 7}, 3),
    ("smooth_grad", {"samples": 6, "noise": 0.4}, 4),
    ("occlusion", {"window": 2}, 3),
    ("occlusion", {"window": 3, "stride": 2}, 8),
]


@pytest.mark.parametrize(("name", "options", "batch_size"), CASES)
def test_ours_is_captums(model, pixels, name, options, batch_size, monkeypatch):
    pixels, target = pixels.double(), torch.tensor([3, 0, 7])
    explanation = agcam.explain(model, pixels, target, name, batch_size=batch_size, options=options)
    ours = explanation.grid_map[:, 0]
    extra = (monkeypatch,) if name == "smooth_grad" else ()
    theirs = BY_CAPTUM[name](model, pixels.clone(), target, *extra, **options).detach()
    assert theirs.abs().max() > 1e-3
    exact = 1e-6 if theirs.dtype == torch.float64 else 1e-4  # its Occlusion counts in float32
    torch.testing.assert_close(ours, theirs.double(), rtol=exact, atol=exact)


def test_integrated_gradients_are_complete(model, pixels):
    """The relevance of all patches adds up to what the picture adds to the logit."""
    pixels = pixels.double()
    ours = agcam.explain(model, pixels, 3, "integrated_gradients").grid_map.sum((1, 2, 3))
    with torch.no_grad():
        added = model(pixels)[:, 3] - model(torch.zeros_like(pixels))[:, 3]
    torch.testing.assert_close(ours, added, rtol=1e-3, atol=1e-3)


def test_occlusion_where_patches_are_not_equal():
    """30 x 50 pixels in 2 x 3 cells: 15 pixels high; 17, 17 and 16 wide."""
    model = timm.create_model("test_resnet", num_classes=5).double().eval()
    pixels = torch.randn(1, 3, 30, 50, dtype=torch.float64)
    ours = agcam.explain(model, pixels, 2, "occlusion").grid_map[0, 0]
    assert ours.shape == (2, 3)
    edges, whole = [0, 17, 34, 50], model(pixels)[0, 2]
    for row in range(2):
        for column in range(3):
            hidden = pixels.clone()
            hidden[..., 15 * row : 15 * row + 15, edges[column] : edges[column + 1]] = 0
            torch.testing.assert_close(ours[row, column], (whole - model(hidden)[0, 2]).detach())
