"""The declared cost of a method bounds what torch counts, of every pass, forward and back."""

import pytest
import timm
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import agcam
from agcam import METHODS
from agcam.tracing.replay import Leaves
from agcam.values import Grid


class Counted(TorchDispatchMode):
    """Torch's own count of floating-point operations of products, in whatever order they come."""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        formula = flop_registry.get(function._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


def operations(function):
    with Counted() as counted:
        function()
    return counted.total


def vit(pooled):
    torch.manual_seed(0)
    options = {"class_token": False, "global_pool": "avg"} if pooled else {}
    return timm.models.VisionTransformer(
        img_size=64, patch_size=8, embed_dim=48, depth=4, num_heads=3, num_classes=40, **options
    ).eval()


@pytest.mark.parametrize("pooled", [False, True], ids=["class token", "every token is read"])
@pytest.mark.parametrize("name", METHODS)
def test_the_declared_cost_bounds_what_is_computed(name, pooled):
    module, pixels = vit(pooled), torch.randn(1, 3, 64, 64)
    few, many = ([3], [3, 4, 5]) if METHODS[name].needs.black_box else ([3], list(range(9)))
    agcam.explain(module, pixels, [few[:1]], name)  # surveyed once, when a server starts
    with torch.no_grad():
        one = operations(lambda: module(pixels))
    assert one > 1e6
    cost = METHODS[name].needs.cost(Grid(8, 8, prefix=0 if pooled else 1))
    own = 1.1 if METHODS[name].needs.black_box else 1  # its own products, beside a model so small
    for targets in (few, many):
        done = operations(lambda given=targets: agcam.explain(module, pixels, [given], name))
        assert 0 < done / one <= own * (cost.picture + len(targets) * cost.target)


@pytest.mark.parametrize("pooled", [False, True], ids=["class token", "every token is read"])
@pytest.mark.parametrize("name", [name for name in METHODS if not METHODS[name].needs.black_box])
def test_blocks_are_read_in_one_pass_back(name, pooled, monkeypatch):
    """Reading them twice makes the pass back twice, which no map shows."""
    made, flows = [], Leaves._flows

    def counted(leaves, *arguments):
        made.append(leaves)
        return flows(leaves, *arguments)

    module, pixels = vit(pooled), torch.randn(1, 3, 64, 64)
    agcam.explain(module, pixels, [[3]], name)  # surveyed once
    monkeypatch.setattr(Leaves, "_flows", counted)
    agcam.explain(module, pixels, [[3, 4]], name)
    assert len(made) <= 1
    assert made or name not in ("agcam", "agcam_spread")  # else nothing is counted
