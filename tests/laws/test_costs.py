"""The declared cost of a method bounds what torch counts, of every pass, forward and back."""

import pytest
import timm
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import agcam
from agcam import METHODS
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
