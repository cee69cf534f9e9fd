"""An interrupt between any two lines leaves torch and the model as they were."""

import os
import random
import subprocess
import sys
import threading
from functools import partial

import pytest
import timm
import torch
from interrupts import interrupted, lines_of
from test_clean_up import state
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

import agcam

FILES = ("agcam/tracing", "agcam/explainer")
RUNS = [  # one of each way to evidence: method, tracer, surveyed before, explicit attention
    ("agcam", None, True, False),
    ("bicam", "full", True, False),
    ("agcam_spread", None, True, False),
    ("gae", None, True, False),
    ("legrad", None, True, False),
    ("recipro_cam", None, True, False),
    ("layer_cam", None, True, False),
    ("saliency", None, True, False),
    ("agcam", None, False, False),
    ("agcam", None, False, True),
    ("gae", None, False, True),
    ("lrp", None, True, False),
    ("beyond_intuition_token", None, True, False),
]


def everything(model):
    stacks = len(_get_current_function_mode_stack()), len(_get_current_dispatch_mode_stack())
    attention = torch.nn.functional.multi_head_attention_forward
    checkpoint = torch.utils.checkpoint.CheckpointFunction
    return {**state(model), "modes": stacks, "multi-head": attention, "checkpoint": checkpoint}


def small(explicit=False):
    torch.manual_seed(0)
    model = timm.models.VisionTransformer(
        img_size=16, patch_size=8, embed_dim=12, depth=2, num_heads=2, num_classes=5
    )
    model.train()
    model.blocks[0].eval()
    model.blocks[1].attn.fused_attn = False
    if explicit:
        for block in model.blocks:
            block.attn = ExplicitAttention(block.attn)
    return model


class ExplicitAttention(torch.nn.Module):
    def __init__(self, attn):
        super().__init__()
        self.qkv, self.proj = attn.qkv, attn.proj

    def forward(self, x, **_):
        q, k, v = self.qkv(x).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        attention = (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1)
        return self.proj((attention @ v).transpose(1, 2).flatten(2))


@pytest.fixture(autouse=True)
def no_other_tracer():
    if sys.gettrace() is not None:
        pytest.skip("another tracer (coverage, a debugger) is at work")


def test_an_exception_at_every_line_leaves_nothing():
    """Each line that a run comes by, once in all runs: at its first, its last or another time."""
    pixels, done, left = torch.randn(1, 3, 16, 16), set(), []
    draw = random.Random(0)
    for method, tracer, surveyed, explicit in RUNS:
        run = partial(agcam.explain, pictures=pixels, target=3, method=method, tracer=tracer)
        model = small(explicit)
        if surveyed:
            run(model)
        for place, times in lines_of(partial(run, model), FILES).items():
            if place in done:
                continue
            done.add(place)
            used = model if surveyed else small(explicit)
            before = everything(used)
            occurrence = draw.choice([1, times, draw.randint(1, times)])
            interrupted(partial(run, used), place, occurrence)
            if everything(used) != before:
                left.append((method, place, occurrence))
        assert run(model).grid_map.isfinite().all()
    assert len(done) > 1000
    assert left == []


def test_a_patch_left_in_place_is_healed_at_the_next_entry():
    """As if a process of torch had been stopped so that nothing was undone."""
    from agcam.tracing.attention import _attention

    model, pixels, real = small(), torch.randn(1, 3, 16, 16), torch.nn.functional.linear
    expected = agcam.explain(model, pixels, 3)
    original = torch.nn.functional.scaled_dot_product_attention
    torch.nn.functional.scaled_dot_product_attention = _attention
    torch.testing.assert_close(agcam.explain(model, pixels, 3).grid_map, expected.grid_map)
    assert torch.nn.functional.scaled_dot_product_attention is original
    assert torch.nn.functional.linear is real


FORK = """
import os, sys, threading, timm, torch, agcam
torch.set_num_threads(1)
model = timm.create_model("test_vit", num_classes=3)
pixels = torch.randn(1, 3, 160, 160)
agcam.explain(model, pixels, 1)
inside, go_on = threading.Event(), threading.Event()
def wait(*_):
    inside.set()
    go_on.wait(20)
handle = model.norm.register_forward_hook(wait)
thread = threading.Thread(target=lambda: agcam.explain(model, pixels, 1))
thread.start()
inside.wait(20)
child = os.fork()
if child == 0:
    model.norm._forward_hooks.clear()
    agcam.explain(model, pixels, 1)
    plain = torch.nn.functional.scaled_dot_product_attention.__module__
    os._exit(0 if "agcam" not in str(plain) else 3)
go_on.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_while_another_thread_explains_does_not_hang():
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        timeout=120,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("method", ["agcam", "gae", "occlusion"])
def test_explaining_from_within_a_pass_is_answered_in_words(method):
    model, pixels = small(), torch.randn(1, 3, 16, 16)
    model.norm.register_forward_hook(lambda *_: agcam.explain(model, pixels, 3, method))
    before = everything(model)
    with pytest.raises(agcam.ModelError, match="outside of its own pass"):
        agcam.explain(model, pixels, 3, method)
    assert everything(model) == before


def _train(model):
    with torch.no_grad():
        model.head.bias.add_(1)


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [(_train, "was trained while"), (torch.nn.Module.train, "put into training mode while")],
)
def test_training_in_another_thread_is_answered_in_words(meanwhile, words):
    model, pixels = small(), torch.randn(1, 3, 16, 16)
    agcam.explain(model, pixels, 3)

    def other_thread(*_):
        thread = threading.Thread(target=meanwhile, args=(model,))
        thread.start()
        thread.join()

    handle = model.head.register_forward_hook(other_thread)
    with pytest.raises(agcam.ModelError, match=words):
        agcam.explain(model, pixels, 3)
    handle.remove()
    assert agcam.explain(model, pixels, 3).grid_map.isfinite().all()
