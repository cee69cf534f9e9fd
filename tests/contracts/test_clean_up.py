"""The model is left exactly as it was: after success, and after an exception in any block."""

import copy

import pytest
import torch
import torch.nn.functional as F

import agcam
from agcam.methods import METHODS


def state(model):
    """Everything of a model, and of torch, that agcam could have touched."""
    parts = dict(model.named_modules())
    return {
        "attention": F.scaled_dot_product_attention,
        "linear": F.linear,
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "training": {name: part.training for name, part in parts.items()},
        "fused": {name: getattr(part, "fused_attn", None) for name, part in parts.items()},
        "hooks": {
            name: (
                len(part._forward_hooks),
                len(part._forward_pre_hooks),
                len(part._backward_hooks),
            )
            for name, part in parts.items()
        },
        "requires_grad": {name: p.requires_grad for name, p in model.named_parameters()},
        "grad": {name: p.grad for name, p in model.named_parameters()},
        "forward": {name: part.forward.__func__ for name, part in parts.items()},
        "attributes": {name: set(vars(part)) for name, part in parts.items()},
    }


@pytest.fixture
def mixed(tiny):
    """A model in a mixed state: some parts train, some are frozen, some attention is eager."""
    tiny.train()
    tiny.blocks[0].eval()
    tiny.blocks[1].attn.fused_attn = False
    tiny.head.weight.requires_grad_(False)
    return tiny


@pytest.mark.parametrize(
    ("method", "tracer"),
    [(name, tracer) for name, row in METHODS.items() for tracer in (None, *row.needs.tracers)],
)
def test_after_success(mixed, pixels, method, tracer):
    before, weights = state(mixed), copy.deepcopy(mixed.state_dict())
    agcam.explain(mixed, pixels, 3, method, tracer=tracer)
    assert state(mixed) == before
    for name, weight in mixed.state_dict().items():
        assert torch.equal(weight, weights[name])


WAYS_BACK = [
    "agcam",
    "gae",
    "legrad",
    "lrp",
    "beyond_intuition_token",
    "recipro_cam",
    "layer_cam",
    "saliency",
]  # one of each


class _BrokenError(Exception):
    pass


@pytest.mark.parametrize("when", range(1, 7))
@pytest.mark.parametrize("block", [0, 1])
@pytest.mark.parametrize("surveyed", [True, False])
@pytest.mark.parametrize("method", WAYS_BACK)
def test_after_an_exception_in_any_block(mixed, pixels, block, when, surveyed, method):
    """The n-th time that a block runs (survey, record, replay ...), it raises."""
    if surveyed:
        agcam.explain(mixed, pixels, 3, method)
    count = 0

    def fail(*_):
        nonlocal count
        count += 1
        if count == when:
            raise _BrokenError

    mixed.blocks[block].mlp.register_forward_hook(fail)
    before = state(mixed)
    try:
        agcam.explain(mixed, pixels, 3, method)
        raised = False
    except _BrokenError:
        raised = True
    assert raised == (count >= when)
    assert state(mixed) == before


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize("method", WAYS_BACK)
def test_under_anomaly_detection(tiny, pixels, method):
    expected = agcam.explain(tiny, pixels, 3, method).grid_map
    with torch.autograd.detect_anomaly():
        found = agcam.explain(tiny, pixels, 3, method).grid_map
        assert torch.is_anomaly_enabled()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
@pytest.mark.parametrize("method", METHODS)
def test_the_callers_mode_is_kept(tiny, pixels, mode, method):
    with getattr(torch, mode)():
        before = state(tiny)
        agcam.explain(tiny, pixels, 3, method)
        assert state(tiny) == before
