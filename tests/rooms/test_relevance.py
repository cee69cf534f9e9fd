"""Relevance carried back along a tape, on every family: against autograd, conserved, refused."""

import re

import pytest
import torch
from test_tracing import TIMM, timm_model
from torch import nn

import agcam
from agcam.methods import METHODS
from agcam.tracing import evaluation_mode, single_patch, stream, trace
from agcam.tracing.residual import residual, residual_sums
from agcam.tracing.rules import ATTN_LRP, GRADIENT, LRP, gradient
from agcam.tracing.tape import Tape


def traces_of(name, *methods):
    """A recording of two pictures with a target each, and its evidence for each method."""
    model = timm_model(name).double().requires_grad_(False)
    size = TIMM[name][1] or 160
    pixels = torch.randn(2, 3, size, size, dtype=torch.float64)
    with evaluation_mode(model):
        session = trace(agcam.load(model), pixels, [METHODS[method] for method in methods])
        return session, [session.trace(METHODS[method], torch.tensor([3, 5])) for method in methods]


@pytest.mark.parametrize("name", TIMM)
def test_plain_rules_are_autograd(name):
    """The walk with the chain rule everywhere gives the gradients that torch itself gives."""
    _, (lrp, full) = traces_of(name, "lrp", "gae")
    assert len(lrp.blocks) == len(full.blocks)
    for block, expected in zip(lrp.blocks, full.blocks, strict=True):
        torch.testing.assert_close(block.gradients, expected.gradients, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", TIMM)
def test_lrp_neither_makes_nor_loses_relevance(name):
    """From 1 at the logit to the tokens that enter the first block, through every operation."""
    session, _ = traces_of(name, "lrp")
    for written in session.proved(METHODS["lrp"].needs).tapes:
        (tokens,) = written.walk(LRP, 3, written.tokens[:1]).signals
        assert tokens.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", TIMM)
def test_libra_keeps_the_whole_account(name):
    """Tokens times gradients and biases make the logit; the plain gradient leaves a gap."""
    session, (libra, attn) = traces_of(name, "libra_attcat", "attn_lrp")
    for trace_ in (libra, attn):
        first, account = trace_.blocks[0], trace_.account
        passed_on = (first.tokens * first.token_gradients).sum((1, 2))
        torch.testing.assert_close(passed_on + account.biases + account.error, account.logit)
    assert max(libra.account.incomplete).error < 1e-12
    written = session.proved(METHODS["attn_lrp"].needs).tapes[0]
    assert abs(sum(written.walk(GRADIENT, 3, []).errors.values()) / libra.account.logit[0]) > 1e-4


SUMS = {"vit_base_patch16_xp_224": 1}  # residual sums of a block, where there are not two


@pytest.mark.parametrize("name", TIMM)
def test_res_lrp_keeps_the_relevance_of_every_sum_and_bounds_it(name):
    """In the stream's own sums alone: two a block, in any family."""
    session, _ = traces_of(name, "res_lrp")
    tape, gamma = session.proved(METHODS["res_lrp"].needs).tapes[0], 0.5
    rule, seen = residual(gamma), []

    def watched(call, signals):
        back = rule(call, signals)
        if call.residual:
            arrived = call.outputs[0] * signals[0]
            parts = [value * signal for value, signal in zip(call.inputs, back, strict=True)]
            torch.testing.assert_close(parts[0] + parts[1], arrived, rtol=1e-9, atol=1e-12)
            size = parts[0].abs() + parts[1].abs()
            assert (size <= (1 + 2 / gamma) * arrived.abs() * (1 + 1e-9) + 1e-12).all()
            seen.append(call)
        return back

    tape.walk(ATTN_LRP.with_own({"add": watched}, 0.0), 3, [])
    assert len(seen) == SUMS.get(name, 2) * len(tape.tokens), name


def test_res_lrp_without_gamma_is_attn_lrp(tiny, pixels):
    plain = agcam.explain(tiny.double(), pixels.double(), 3, "attn_lrp").grid_map
    found = agcam.explain(tiny, pixels.double(), 3, "res_lrp", options={"gamma": 0}).grid_map
    torch.testing.assert_close(found, plain)
    assert (agcam.explain(tiny, pixels.double(), 3, "res_lrp").grid_map - plain).abs().max() > 1e-6


def test_res_lrp_takes_scaled_sums_and_terms_that_cancel():
    """y = a + 2 b; where the terms cancel, or are both zero, nothing arrives and all is finite."""
    tape = Tape()
    a = torch.tensor([1.0, 1.0, 3.0, 0.0], dtype=torch.float64)
    with tape:
        tape.enter(a)
        y = torch.add(a, a * torch.tensor([2.0, -0.5, -0.25, 0.0]), alpha=2)
    tape.residual = residual_sums(tape.steps, [0])
    (step,) = [step for step in tape.steps if step.name == "add"]
    back = residual(1.0)(tape.call(step, step.inputs), [torch.ones_like(y)])
    # y = 1 + 4 (both weigh 2), 1 - 1 (nothing arrives), 3 - 1.5 (the first weighs 2), 0
    expected = [[1, 0, 2 * 1.5 / 4.5, 0], [2, 0, 2 * 1.5 / 4.5, 0]]
    torch.testing.assert_close(torch.stack(list(back)), torch.tensor(expected).double())


class _Unsummed(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block.mlp(self.block.norm2(self.block.attn(self.block.norm1(x))))


def test_res_lrp_refuses_blocks_without_sums(tiny, pixels):
    tiny.blocks[1] = _Unsummed(tiny.blocks[1])
    assert agcam.explain(tiny, pixels, 3, "attn_lrp").grid_map.isfinite().all()
    with pytest.raises(agcam.ModelError, match="a block adds nothing"):
        agcam.explain(tiny, pixels, 3, "res_lrp")


def test_completeness_error_is_told(tiny, pixels):
    (note,) = agcam.explain(tiny, pixels, 3, "libra_attcat").notes
    assert re.fullmatch(r"libra_attcat: completeness error at most \d\.\de-0[6-9] of .*", note)
    (note,) = agcam.explain(tiny, pixels, 3, "lrp").notes
    assert re.fullmatch(r"lrp: completeness error at most \d\.\de-\d\d of .*", note)


class _Odd(nn.Module):
    def forward(self, x):
        return torch.erfinv(x.tanh() / 2)


class _Writing(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, x):
        y = torch.nn.functional.silu(x)
        if self.how == "anew":
            return y * y.sigmoid()
        if self.how == "over all":
            return y.mul_(y.sigmoid())
        y[..., :4].mul_(2)
        return y


def test_an_operation_without_a_rule_is_refused_by_name(tiny, pixels):
    tiny.norm = nn.Sequential(tiny.norm, _Odd())
    assert agcam.explain(tiny, pixels, 3, "gae").grid_map.isfinite().all()
    with pytest.raises(agcam.ModelError, match=r"'erfinv'.*lrp has no rule"):
        agcam.explain(tiny, pixels, 3, "lrp")


def test_a_rule_of_ones_own_is_used_and_recorded(tiny, pixels):
    """For an operation without a rule, in place of one, and for one that counts as given."""
    tiny.norm = nn.Sequential(tiny.norm, _Odd())
    for method in ("lrp", "attn_lrp"):
        own = {"rules": {"erfinv": gradient}}
        found = agcam.explain(tiny, pixels, 3, method, options=own)
        assert found.grid_map.any()
        assert found.options == {"rules": {"erfinv": "agcam.tracing.rules.gradient"}}
    plain = {"rules": dict.fromkeys(("erfinv", "gelu", "native_layer_norm", "mul"), gradient)}
    plain["rules"] |= dict.fromkeys(("mm", "addmm", "bmm", "_softmax", "tanh"), gradient)
    rules = agcam.explain(tiny.double(), pixels.double(), 3, "attn_lrp", options=plain)
    classifier, target = agcam.load(tiny), torch.tensor([3, 3, 3])
    with evaluation_mode(tiny):
        session = trace(classifier, pixels.double(), [METHODS["gae"]])
        first = session.trace(METHODS["gae"], target).blocks[0]
    expected = (first.tokens * first.token_gradients).sum(-1)[:, 1:]
    torch.testing.assert_close(rules.grid_map[:, 0].flatten(1), expected)


def test_a_rule_that_returns_something_else_is_refused(tiny, pixels):
    for wrong in (lambda call, signals: [], lambda call, signals: [signals[0].sum()]):
        with pytest.raises(agcam.AgcamError, match="the rule for 'gelu' must return"):
            agcam.explain(tiny, pixels, 3, "lrp", options={"rules": {"gelu": wrong}})


def test_writing_in_place_is_followed_or_refused(tiny, pixels):
    norm, found = tiny.norm, {}
    for how in ("anew", "over all"):
        tiny.norm = nn.Sequential(norm, _Writing(how))
        found[how] = agcam.explain(tiny, pixels, 3, "lrp").grid_map
    torch.testing.assert_close(found["over all"], found["anew"], rtol=0, atol=0)
    tiny.norm = nn.Sequential(norm, _Writing("over a part"))
    with pytest.raises(agcam.ModelError, match="in place"):
        agcam.explain(tiny, pixels, 3, "lrp")


def lengths_of_batches(module):
    """What batches a module sees from now on."""
    seen = []
    module.register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    return seen


def test_steps_on_the_way_from_zero_do_not_add_up_in_memory(tiny, pixels, monkeypatch):
    """Any number of steps, no more than a few pictures in one pass, and no graph but the last's."""
    classifier, target = agcam.load(tiny), torch.tensor([1, 2, 3])
    method = METHODS["beyond_intuition_token"]
    with evaluation_mode(tiny):
        path = trace(classifier, pixels, [method]).trace(method, target).path
        seen = lengths_of_batches(tiny.blocks[0].mlp)
        few = list(path)
        assert (len(few), seen) == (20, [6] * 10)  # 8 at once: two steps of three pictures
        assert all(step.shape == (3, 3, 1, 17) for step in few)  # of the read row alone
        for count in (40, 1000):
            seen.clear()
            longer = method.with_options({"steps": count})
            steps = iter(trace(classifier, pixels, [longer]).trace(longer, target).path)
            seen.clear()
            next(steps)
            assert seen == [6]  # made when asked
        monkeypatch.setattr(stream, "AT_ONCE", 1)
        for one, other in zip(path, few, strict=True):
            torch.testing.assert_close(one, other)


def test_gradients_of_the_path_begin_at_the_last_attention(tiny, pixels):
    """Nothing before it is kept for a way back."""
    classifier, target = agcam.load(tiny), torch.tensor([1, 2, 3])
    method, kept = METHODS["beyond_intuition_head"], []
    with evaluation_mode(tiny):
        path = trace(classifier, pixels, [method]).trace(method, target).path
        for block in tiny.blocks:
            block.register_forward_hook(lambda _, __, output: kept.append(output.requires_grad))
        next(iter(path))
    assert kept == [False, True]


def test_masks_do_not_add_up_in_memory(tiny, pixels, monkeypatch):
    """Any number of patches, no more than so many sequences in the last block at a time."""
    expected = agcam.explain(tiny, pixels, 3, "recipro_cam").grid_map
    seen = lengths_of_batches(tiny.blocks[1].mlp)
    monkeypatch.setattr(single_patch, "AT_ONCE", 5)
    found = agcam.explain(tiny, pixels, 3, "recipro_cam").grid_map
    masked = [length for length in seen if length not in (1, 3)]
    assert masked == [5, 5, 5, 2] * 3  # the picture whole and 16 patches, picture by picture
    torch.testing.assert_close(found, expected)


def test_a_block_without_a_sum_is_refused_by_name(tiny, pixels):
    tiny.blocks[0].forward = lambda x, **_: tiny.blocks[0].attn(tiny.blocks[0].norm1(x))
    assert agcam.explain(tiny, pixels, 3, "gae").grid_map.isfinite().all()
    with pytest.raises(agcam.ModelError, match="no sum was found"):
        agcam.explain(tiny, pixels, 3, "token_tm")


def test_every_rule_method_shares_one_tape(tiny, pixels):
    names = ("lrp", "attn_lrp", "libra_attcat", "token_tm", "beyond_intuition_head")
    classifier, methods = agcam.load(tiny), [METHODS[name] for name in names]
    with evaluation_mode(tiny):
        seen = lengths_of_batches(tiny.blocks[0].mlp)
        session = trace(classifier, pixels, methods)
        assert seen[-3:] == [1, 1, 1]  # a picture at a time
        seen.clear()
        for method in methods:
            session.trace(method, torch.tensor([1, 2, 3]))
        assert seen == []
