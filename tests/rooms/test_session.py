"""Methods share what they can: passes through the model are counted."""

import gc

import pytest
import timm
import torch

import agcam
from agcam.comparison import compare
from agcam.evaluation.items import Item
from agcam.evaluation.shard_maps import ShardMaps
from agcam.methods import METHODS
from agcam.tracing import evaluation_mode, trace
from agcam.values import Frame, Sample, Truth

LIGHT = [name for name, row in METHODS.items() if row.needs.light]


@pytest.fixture
def mixing():
    """A model whose blocks mix tokens outside attention: it needs full autograd."""
    torch.manual_seed(0)
    model = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, num_classes=9
    )
    model.blocks[0].mlp.act = torch.nn.Sequential(model.blocks[0].mlp.act, _Mixing())
    return model.eval()


class _Mixing(torch.nn.Module):
    def forward(self, x):
        return x + 0.1 * x.roll(1, dims=1)


def maps_of(model, pixels, methods, passes):
    """Maps of a shard by these methods, and the passes that the model made for them."""
    frame, truth = Frame(32, 32, (0, 0, 32, 32)), Truth(())
    items = [
        Item(number, Sample(f"p{number}", "", 3), 3, picture, frame, truth)
        for number, picture in enumerate(pixels)
    ]
    with evaluation_mode(model):
        before = len(passes)
        maps = ShardMaps(agcam.load(model), items, tuple(METHODS[name] for name in methods))
        for name in methods:
            maps.maps(METHODS[name])
    return len(passes) - before


@pytest.mark.parametrize("kind", ["tiny", "mixing"])
def test_light_methods_share_one_pass_in_an_evaluation(kind, request, pixels):
    """Also where the replay is full autograd: any light method beside agcam costs nothing more."""
    model, passes = request.getfixturevalue(kind), []
    tracer = agcam.explain(model, pixels, 3).tracer
    assert tracer == ("full" if kind == "mixing" else "replay")
    model.patch_embed.register_forward_hook(lambda *_: passes.append(1))
    single = maps_of(model, pixels, ["agcam"], passes)
    for name in LIGHT:
        assert maps_of(model, pixels, ["agcam", name], passes) == single
    assert maps_of(model, pixels, ["agcam", "gae"], passes) > single


def test_methods_of_one_source_share_a_pass(tiny, pixels):
    """The rules and the token stream share tapes; black-box methods share their proof."""
    agcam.explain(tiny, pixels[:1], 3)
    groups = {
        "tape": ["lrp", "attn_lrp", "res_lrp", "libra_attcat", "token_tm"],
        "graph": ["gae", "grad_cam", "attcat"],
        "token features": ["grad_cam_tokens", "layer_cam"],
        "black box": ["saliency", "occlusion"],
    }
    for source, names in groups.items():
        methods = [METHODS[name] for name in names]
        assert {method.needs.source for method in methods} == {source}
        passes = []
        with (
            evaluation_mode(tiny),
            tiny.blocks[0].mlp.register_forward_hook(lambda *_, seen=passes: seen.append(1)),
        ):
            session = trace(agcam.load(tiny), pixels[:1], methods, lazy=True)
            before = len(passes)
            for method in methods:
                session.tracer(method)
        assert len(passes) - before == 1


def test_each_method_of_a_source_is_refused_for_its_own_reason(photograph):
    """A model that cannot be traced still has random baselines, in whatever order they come."""
    model = timm.create_model("test_resnet", num_classes=7)
    for names in (["agcam", "gaussian", "rollout"], ["gaussian", "rollout", "agcam"]):
        done = compare(model, photograph, 3, names)
        refused = {column.method.name: column.refusal is not None for column in done.columns}
        assert refused == {"agcam": True, "rollout": True, "gaussian": False}


@pytest.mark.parametrize("method", LIGHT)
@pytest.mark.parametrize("kind", ["tiny", "mixing"])
def test_what_a_pass_recorded_is_freed_with_the_explanation(kind, method, request, pixels):
    """No circle of references holds it until Python's collector runs, which counts no bytes."""
    model = request.getfixturevalue(kind)
    agcam.explain(model, pixels, 3, method)
    gc.collect()
    gc.disable()
    try:
        agcam.explain(model, pixels, 3, method)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [type(one).__name__ for one in gc.garbage if isinstance(one, torch.Tensor)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []
