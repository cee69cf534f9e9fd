"""Random towers and heads: every map is full autograd's, or the model is refused in words."""

import pytest
import timm
import torch
import zoo
from hypothesis import HealthCheck, Phase, given, seed, settings

import agcam
from agcam.methods import METHODS

REFERENCE = {
    "depth": 3, "prefix": 1, "suffix": 0, "grid": (2, 3), "attention": "fused",
    "join": "concatenated", "normed": "last", "caught": "by the loop", "mlp": False,
    "checkpointed": False,
    "training": False, "quirk": "", "seed": 3,
}  # fmt: skip


def plan(**changes):
    return zoo.Plan(**{"readings": ((2, "class", 0),), **REFERENCE, **changes})


@seed(0)
@settings(
    max_examples=70,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(zoo.plans())
def test_every_map_is_full_autograd_or_refused(drawn):
    account = zoo.Account()
    zoo.judge(drawn, account)
    assert account.wrong == []
    assert not account.refused or drawn.quirk in zoo.REFUSED, account.refused


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("index", range(len(zoo.POOLS)))
def test_every_pool_over_two_attentions(index, shift):
    """Each attention stands under two pools at least; all others are drawn above."""
    pool, attention = zoo.POOLS[index], zoo.ATTENTIONS[(index + shift) % len(zoo.ATTENTIONS)]
    account = zoo.Account()
    zoo.judge(plan(attention=attention, readings=((2, pool, 4),)), account)
    assert (account.right, account.wrong, account.refused) == (1, [], [])


@pytest.mark.parametrize("caught", ["by the loop", "by a hook"])
@pytest.mark.parametrize("normed", ["each", "last", "none"])
@pytest.mark.parametrize("blocks", [(0, 1, 2), (0, 2), (1,), (0,)])
def test_heads_that_read_several_blocks(caught, normed, blocks):
    account = zoo.Account()
    readings = (*((block, "class", 0) for block in blocks), (blocks[-1], "mean", 0))
    zoo.judge(plan(readings=readings, caught=caught, normed=normed), account)
    assert (account.right, account.wrong, account.refused) == (1, [], [])


@pytest.mark.parametrize("attention", ["fused", "multi-head", "explicit", "einsum", "folded"])
def test_an_ordinary_head_is_replayed_however_attention_is_computed(attention):
    """Every block but the last runs whole once, and for one token; the last for one token alone."""
    model = zoo.Model(plan(attention=attention))
    pixels = torch.randn(2, 3, 8, 12, dtype=torch.float64)
    assert agcam.explain(model, pixels, 1).tracer == "replay"
    lengths = []
    for block in model.blocks:
        block.mlp.register_forward_hook(lambda _, args, __: lengths.append(args[0].shape[1]))
    agcam.explain(model, pixels, 1)
    first_look = [7, 7, 7]  # where the logits of a model of one's own are, and of what kind
    assert lengths == [*first_look, 7, 1, 7, 1, 1]


def test_a_head_that_is_exchanged_after_its_survey():
    """The same module, another head: what was found out before is not believed."""
    account = zoo.Account()
    model = zoo.Model(plan(readings=((2, "class", 0), (2, "class", 0))))
    pixels = torch.randn(1, 3, 8, 12, dtype=torch.float64)
    target = torch.tensor([1])
    others = [((0, "class", 0), (2, "max", 0)), ((2, "mean", 0), (1, "gated", 0))]
    for readings in (model.plan.readings, *others, model.plan.readings):
        model.plan = plan(readings=readings)
        found = agcam.explain(model, pixels, target).grid_map.flatten(1)
        expected = zoo.truth(model, pixels, target)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-12)
    assert account.wrong == []


def test_heads_folded_before_pictures_are_explained_one_by_one():
    model = zoo.Model(plan(attention=zoo.HEADS_FIRST))
    pixels, target = torch.randn(3, 3, 8, 12, dtype=torch.float64), torch.tensor([1, 2, 3])
    with pytest.raises(agcam.ModelError, match="batch_size=1"):
        agcam.explain(model, pixels, target)
    found = agcam.explain(model, pixels, target, batch_size=1).grid_map.flatten(1)
    torch.testing.assert_close(found, zoo.truth(model, pixels, target), rtol=1e-6, atol=1e-12)


class Gate(torch.nn.Module):
    """Reads a token by a comparison, which NaN would not show."""

    def forward(self, tokens):
        return tokens[:, 0] * (tokens[:, 3:4, 0] > 0)


def test_a_part_that_is_exchanged_for_one_that_hides_what_it_reads():
    model = torch.nn.Sequential(timm.create_model("test_vit", num_classes=5).double().eval())
    pixels = torch.randn(4, 3, 160, 160, dtype=torch.float64)
    agcam.explain(model, pixels, 1)
    inner = model[0]
    inner.pool = lambda tokens, *_: Gate()(tokens)
    model[0].norm = torch.nn.Sequential(inner.norm)
    expected = inner(pixels).detach()
    torch.testing.assert_close(agcam.explain(model, pixels, 1).logits, expected)


@pytest.mark.parametrize("quirk", zoo.REFUSED)
def test_what_cannot_be_followed_is_refused_and_asked_from_outside(quirk):
    model = zoo.Model(plan(quirk=quirk))
    pixels = torch.randn(1, 3, 8, 12, dtype=torch.float64)
    methods = ["gae", "rollout", "lrp"] + (["agcam"] if quirk == "detached" else [])
    for method in methods:
        with pytest.raises(agcam.ModelError, match=r"several stages|no gradient at the tokens"):
            agcam.explain(model, pixels, 1, method)
    assert agcam.explain(model, pixels, 1, "occlusion").grid_map.any()


def test_methods_that_start_at_the_last_block_refuse_heads_that_read_others():
    model = zoo.Model(plan(readings=((0, "class", 0), (2, "class", 0))))
    pixels = torch.randn(1, 3, 8, 12, dtype=torch.float64)
    for name, method in METHODS.items():
        if method.from_last_block:
            with pytest.raises(agcam.ModelError, match="several blocks"):
                agcam.explain(model, pixels, 1, name)
        else:
            assert agcam.explain(model, pixels, 1, name).grid_map.isfinite().all()


@pytest.mark.parametrize("shape", zoo.AROUND)
@pytest.mark.parametrize("attention", ["fused", "explicit"])
def test_tokens_that_go_around_blocks(shape, attention):
    """A loop over lists (vit-pytorch), sums outside of blocks, gradients scaled between them."""
    account = zoo.Account()
    drawn = plan(shape=shape, attention=attention)
    zoo.judge(drawn, account)
    assert (account.right, account.wrong, account.refused) == (1, [], [])
    if shape != "scaled between":
        pixels = torch.randn(1, 3, 8, 12, dtype=torch.float64)
        for method in ("attcat", "attn_lrp", "gae"):  # their graph would begin within a block
            with pytest.raises(agcam.ModelError, match="go around its blocks"):
                agcam.explain(zoo.Model(drawn), pixels, 1, method)


def test_rows_that_are_read_are_found_for_each_picture():
    """Rollout of a maximum over tokens: its rows are those that won in this picture."""
    model = zoo.Model(plan(readings=((2, "max", 0),)))
    pixels = torch.randn(3, 3, 8, 12, dtype=torch.float64)
    for method in ("rollout", "gae", "raw_attention", "grad_cam"):
        together = agcam.explain(model, pixels, 1, method).grid_map
        for index in range(3):
            single = agcam.explain(zoo.Model(model.plan), pixels[index : index + 1], 1, method)
            torch.testing.assert_close(together[index], single.grid_map[0])


@pytest.mark.parametrize("method", METHODS)
def test_the_tracer_that_is_reported_is_one_that_is_taken(method):
    model = zoo.Model(plan())
    pixels = torch.randn(1, 3, 8, 12, dtype=torch.float64)
    found = agcam.explain(model, pixels, 1, method)
    assert found.tracer in METHODS[method].needs.tracers
    retried = agcam.explain(model, pixels, 1, method, tracer=found.tracer)
    torch.testing.assert_close(retried.grid_map, found.grid_map)
    with pytest.raises(agcam.UnknownNameError, match="no tracer is called 'fulll'"):
        agcam.explain(model, pixels, 1, method, tracer="fulll")


def test_a_tracer_that_is_none_for_a_method_is_refused():
    model = zoo.Model(plan())
    pixels = torch.randn(1, 3, 8, 12, dtype=torch.float64)
    with pytest.raises(agcam.UnknownNameError, match="does not give what gae reads"):
        agcam.explain(model, pixels, 1, "gae", tracer="replay")
    several = zoo.Model(plan(readings=((0, "class", 0), (2, "class", 0))))
    with pytest.raises(agcam.ModelError, match="several blocks, which a replay does not follow"):
        agcam.explain(several, pixels, 1, tracer="replay")
