"""Replay against full autograd for every family; models as users have them; all put back."""

import threading

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import agcam
from agcam.methods import METHODS
from agcam.tracing import evaluation_mode, trace, two_streams
from agcam.values import Grid
from few_passes import FEW_PASSES

# As few passes as show that the way through the model is right; numbers have tests of their own.

# One of each architecture and pooling kind that timm lists, made small: its blocks are alike.
SMALL = {"depth": 2, "embed_dim": 48, "num_heads": 3, "num_classes": 7}
TIMM = {
    "vit_tiny_patch16_224": (SMALL, 64, Grid(4, 4, 1), "class token"),
    "vit_base_patch16_clip_quickgelu_224": (SMALL, 64, Grid(4, 4, 1), "pre-norm"),
    "deit_tiny_distilled_patch16_224": (SMALL, 64, Grid(4, 4, 2), "distilled token"),
    "deit3_small_patch16_224": (SMALL, 64, Grid(4, 4, 1), "LayerScale"),
    "vit_small_patch14_reg4_dinov2": (SMALL, 56, Grid(4, 4, 5), "registers"),
    "vit_small_patch16_dinov3": (SMALL, 64, Grid(4, 4, 5), "rotary, pooled"),
    "eva02_tiny_patch14_224": (SMALL, 56, Grid(4, 4, 1), "rotary, SwiGLU, pooled"),
    "eva_large_patch14_196": (SMALL, 56, Grid(4, 4, 1), "pooled"),
    "beit_base_patch16_224": (SMALL, 64, Grid(4, 4, 1), "relative position bias"),
    "beitv2_base_patch16_224": (SMALL, 64, Grid(4, 4, 1), "relative position bias"),
    "vit_base_patch16_siglip_224": (SMALL, 64, Grid(4, 4, 0), "attention pooling"),
    "vit_base_patch16_siglip_gap_224": (SMALL, 64, Grid(4, 4, 0), "mean pooling"),
    "vit_small_patch16_18x2_224": (SMALL, 64, Grid(4, 4, 1), "two attentions a block"),
    "vit_relpos_small_patch16_224": (SMALL, 64, Grid(4, 4, 0), "relative position"),
    "vit_relpos_base_patch16_clsgap_224": (SMALL, 64, Grid(4, 4, 1), "relative position"),
    "vit_srelpos_small_patch16_224": (SMALL, 64, Grid(4, 4, 0), "shared relative position"),
    "vit_medium_patch16_gap_240": (SMALL, 64, Grid(4, 4, 0), "no class token"),
    "vit_dlittle_patch16_reg1_gap_256": (SMALL, 64, Grid(4, 4, 1), "differential attention"),
    "vit_base_patch16_xp_224": (SMALL, 64, Grid(4, 4, 1), "parallel scaling, q/k norm"),
    "vit_tiny_r_s16_p8_224": (SMALL, 64, Grid(2, 2, 1), "convolutional stem"),
    "naflexvit_base_patch16_gap": (
        {"num_classes": 7, "depth": 2, "embed_dim": 48, "num_heads": 3},
        None,
        None,
        "NaFlex",
    ),
    "test_vit": ({"num_classes": 7}, 64, Grid(4, 4, 1), "timm's test model"),
    "test_vit4": ({"num_classes": 7}, 64, None, "timm's test model"),
}


def timm_model(name):
    options, size, _, _ = TIMM[name]
    torch.manual_seed(0)
    sized = {} if size is None else {"img_size": size}
    try:
        model = timm.create_model(name, **options, **sized)
    except TypeError:
        model = timm.create_model(name, **options)
    for key, weight in model.named_parameters():
        if "gamma" in key or "head" in key:  # LayerScale starts at 1e-5: nothing would be seen
            nn.init.normal_(weight, std=0.5)
    return model


def apart(one, other):
    return float((one.grid_map - other.grid_map).abs().max() / other.grid_map.abs().max())


@pytest.mark.parametrize("name", TIMM)
def test_replay_is_full_autograd(name):
    model = timm_model(name).double()
    size = TIMM[name][1] or agcam.load(model).preparation.size[0]
    pixels = torch.randn(2, 3, size, size, dtype=torch.float64)
    replayed = agcam.explain(model, pixels, target=3)
    full = agcam.explain(model, pixels, target=3, tracer="full")
    assert replayed.tracer == "replay"
    assert replayed.grid_map.abs().max() > 0
    assert apart(replayed, full) < 1e-9
    if TIMM[name][2] is not None:
        assert replayed.grid == TIMM[name][2]


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])
def test_convolutional_models_are_refused_in_a_sentence(name):
    model = timm.create_model(name, num_classes=7)
    with pytest.raises(agcam.ModelError, match="no softmax attention") as refusal:
        agcam.explain(model, torch.randn(1, 3, 224, 224))
    assert "\n" not in str(refusal.value)


def test_token_features_of_a_block_that_norms_behind_its_attention():
    model = timm.create_model("vit_relpos_small_patch16_rpn_224", depth=2, num_classes=7)
    with pytest.raises(agcam.ModelError, match="no norm in front of its attention"):
        agcam.explain(model, torch.randn(1, 3, 224, 224), 3, "layer_cam")


def test_encoder_without_a_classifier_is_refused(pixels):
    encoder = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, num_classes=0, global_pool=""
    )
    with pytest.raises(agcam.ModelError, match="backbone without a classifier"):
        agcam.explain(encoder, pixels)


def test_input_of_a_size_that_the_model_refuses_is_told_in_a_sentence(tiny):
    with pytest.raises(agcam.ModelError, match=r"does not run on an input of 40 x 48 .*Assertion"):
        agcam.explain(tiny, torch.randn(1, 3, 48, 40))
    with pytest.raises(agcam.PictureError, match="batch_size"):
        agcam.explain(tiny, torch.randn(1, 3, 32, 32), batch_size=0)


@pytest.mark.parametrize("kind", ["no_grad", "inference_mode", "enable_grad"])
@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("method", ["agcam", "attcat", "legrad", "lrp"])  # one of each way back
def test_any_caller_any_parameters(tiny, pixels, kind, frozen, method):
    expected = agcam.explain(tiny, pixels, 4, method).grid_map
    tiny.requires_grad_(not frozen)
    with getattr(torch, kind)():
        found = agcam.explain(tiny, pixels + 0, 4, method).grid_map
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.bfloat16, 0.1), (torch.float16, 0.02)])
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_base_patch16_siglip_gap_224"])
@pytest.mark.parametrize("method", [m for m in METHODS if m not in {"random", "gaussian"}])
def test_half_precision_gives_a_float32_map_close_to_the_exact(name, dtype, allowed, method):
    model = timm_model(name)
    pixels = torch.randn(2, 3, 64, 64)
    few = FEW_PASSES.get(method)
    exact = agcam.explain(model, pixels, 3, method, options=few)
    half = agcam.explain(model.to(dtype), pixels, 3, method, options=few)
    assert half.logits.dtype == dtype
    assert half.grid_map.dtype == torch.float32
    if method in {
        "attcat",
        "input_x_gradient",
    }:  # sums of signed products cancel, so rounding of tokens weighs more
        allowed *= 4
    if method == "lrp":  # divides by almost nothing
        allowed *= 10
    assert apart(half, exact) < allowed


def test_autocast_is_kept(tiny, pixels):
    exact = agcam.explain(tiny, pixels, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = agcam.explain(tiny, pixels, 3)
    assert 0 < apart(cast, exact) < 0.1


@pytest.mark.parametrize("method", ["attn_lrp", "libra_attcat", "token_tm"])
def test_autocast_is_on_the_tape_and_not_in_the_rules(tiny, pixels, method):
    exact = agcam.explain(tiny, pixels, 3, method)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = agcam.explain(tiny, pixels, 3, method)
    assert 0 < apart(cast, exact) < 0.05
    assert cast.grid_map.dtype == torch.float32


def test_eager_timm_attention_is_switched_and_switched_back(tiny, pixels):
    expected = agcam.explain(tiny, pixels, 3).grid_map
    for block in tiny.blocks:
        block.attn.fused_attn = False
    torch.testing.assert_close(agcam.explain(tiny, pixels, 3).grid_map, expected)
    assert [block.attn.fused_attn for block in tiny.blocks] == [False, False]


@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
@pytest.mark.parametrize("in_place", [True, False])
def test_compiled_model(tiny, pixels, in_place):
    expected = agcam.explain(tiny, pixels, 3)
    if in_place:
        tiny.compile(backend="eager")
        model = tiny
    else:
        model = torch.compile(tiny, backend="eager")
    with torch.no_grad():
        model(pixels)
    torch.testing.assert_close(agcam.explain(model, pixels, 3).grid_map, expected.grid_map)


def test_non_square_and_larger_inputs():
    model = timm.create_model("vit_tiny_patch16_224", dynamic_img_size=True, **SMALL)
    explanation = agcam.explain(model, torch.randn(1, 3, 64, 96), 3)
    assert explanation.grid_map.shape == (1, 1, 4, 6)
    assert agcam.explain(model, torch.randn(1, 3, 320, 288), 3).grid_map.shape == (1, 1, 20, 18)
    full = agcam.explain(model, torch.ones(1, 3, 64, 96), 3, tracer="full")
    assert apart(agcam.explain(model, torch.ones(1, 3, 64, 96), 3), full) < 1e-4


def test_model_changed_after_its_survey_is_surveyed_again(pixels):
    model = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=3, num_heads=3, num_classes=10
    )
    agcam.explain(model, pixels, 3)
    model.global_pool = "avg"
    pooled = agcam.explain(model, pixels, 3)
    assert apart(pooled, agcam.explain(model, pixels, 3, tracer="full")) < 1e-5
    model.blocks = model.blocks[:2]
    shorter = agcam.explain(model, pixels, 3)
    assert apart(shorter, agcam.explain(model, pixels, 3, tracer="full")) < 1e-5
    assert apart(shorter, pooled) > 0.01


class _Mixing(nn.Module):
    """A block's MLP that mixes tokens outside attention: it cannot be replayed token by token."""

    def forward(self, x):
        return x + 0.1 * x.roll(1, dims=1)


def test_blocks_that_mix_tokens_outside_attention_take_full_autograd(tiny, pixels):
    tiny.blocks[0].mlp = nn.Sequential(tiny.blocks[0].mlp, _Mixing())
    assert agcam.explain(tiny, pixels, 3).tracer == "full"


class _ChangedAttention(nn.Module):
    """Explicit attention that is not a softmax times values."""

    def __init__(self, attention, change):
        super().__init__()
        self.qkv, self.proj, self.change = attention.qkv, attention.proj, change

    def forward(self, x, **_):
        q, k, v = self.qkv(x).unflatten(-1, (3, 3, -1)).permute(2, 0, 3, 1, 4)
        scores = q @ k.mT * q.shape[-1] ** -0.5
        return self.proj(self.change(scores, v).transpose(1, 2).flatten(2))


def _through_a_view(scores, value):
    attention = scores.softmax(-1)
    attention[..., 1:] *= 2
    return attention @ value


def _scores_overwritten(scores, value):
    attention = scores.softmax(-1)
    scores.mul_(2)
    return attention @ value


def _two_products(scores, value):
    attention = scores.softmax(-1)
    return attention @ value + attention @ value.relu()


def _one_lost_one_twice(scores, value):
    lost, attention = (scores * 2).softmax(-1) * 2, scores.softmax(-1)
    return lost @ value + attention @ value + attention @ value.relu()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (_through_a_view, "overwrites its attention"),
        (_scores_overwritten, "overwrites its attention, or its scores"),
        (_two_products, "more than once"),
        (_one_lost_one_twice, "more than once"),
    ],
)
def test_attention_that_is_used_twice_or_overwritten_is_refused(tiny, pixels, change, cause):
    for block in tiny.blocks:
        block.attn = _ChangedAttention(block.attn, change)
    with pytest.raises(agcam.ModelError, match=cause):
        agcam.explain(tiny, pixels, 3)
    assert agcam.explain(tiny, pixels, 3, "random").grid_map.isfinite().all()


class _ShiftedAttention(nn.Module):
    """Attends over tokens in another order, as shifted windows do, and puts them back."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, x, **_):
        return self.attention(x.roll(3, dims=1)).roll(-3, dims=1)


class _ChannelAttention(nn.Module):
    """Attends over channels (XCiT): as many to a head as there are tokens."""

    def __init__(self, dim):
        super().__init__()
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, **_):
        q, k, v = self.qkv(x).unflatten(-1, (3, -1, 17)).permute(2, 0, 3, 4, 1)  # head dim token
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.permute(0, 3, 1, 2).flatten(2))


def _refused(model, pixels, words):
    with pytest.raises(agcam.ModelError, match=words):
        agcam.explain(model, pixels, 3)
    assert agcam.explain(model, pixels, 3, "random").grid_map.isfinite().all()


def test_attention_over_tokens_in_another_order_has_the_map_of_their_own_order(tiny, pixels):
    maps = [agcam.explain(tiny, pixels[:1], 3, "agcam").grid_map]
    for block in tiny.blocks:
        block.attn = _ShiftedAttention(block.attn)
    maps.append(agcam.explain(tiny, pixels[:1], 3, "agcam").grid_map)
    torch.testing.assert_close(*maps, rtol=1e-4, atol=1e-6)


def test_attention_over_channels_is_refused_also_where_there_are_as_many(pixels):
    model = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=34, depth=2, num_heads=2, num_classes=10
    )
    for block in model.blocks:
        block.attn = _ChannelAttention(34)
    _refused(model, pixels, "attends over channels")


class _AttentionInTheHead(nn.Module):
    """A classifier that reads the attention itself, beside the tokens."""

    def __init__(self, model):
        super().__init__()
        self.model, self.kept = model, []
        for block in model.blocks:
            block.attn = _ChangedAttention(block.attn, self._attend)

    def _attend(self, scores, value):
        self.kept.append(scores.softmax(-1))
        return self.kept[-1] @ value

    def forward(self, x):
        self.kept.clear()
        return self.model(x) + self.kept[-1][:, :, 0, 1:11].sum(1)


def test_a_head_that_reads_attention_itself_is_refused(tiny, pixels):
    _refused(_AttentionInTheHead(tiny), pixels, "uses its attention for more")


class _GatedMixing(nn.Module):
    """Mixes tokens outside attention behind a gate that is closed for most pictures."""

    def __init__(self, mlp, above):
        super().__init__()
        self.mlp, self.above = mlp, above

    def forward(self, x):
        return self.mlp(x) + (x.mean((1, 2), keepdim=True).abs() - self.above).relu() * 1e3


@pytest.mark.parametrize("block", [0, 1])
def test_mixing_behind_a_gate_is_found_while_the_gate_is_closed(tiny, pixels, block):
    tiny.blocks[block].norm2 = nn.Identity()
    tiny.blocks[block].mlp = _GatedMixing(tiny.blocks[block].mlp, 0.02)
    tiny.eval()
    shut, opened = pixels[:1] * 0, pixels[:1] * 4 + 1
    for picture in (shut, opened, shut):
        explained = agcam.explain(tiny, picture, 3)
        torch.testing.assert_close(explained.logits, tiny(picture).detach())
        full = agcam.explain(tiny, picture, 3, tracer="full")
        torch.testing.assert_close(explained.grid_map, full.grid_map)


class _SwallowingGate(nn.Module):
    """Reads a token through a gate, and makes a number of what is none."""

    def forward(self, x):
        return x[:, 0] + ((x[:, 5] - 2.5).relu() + 0).nan_to_num_()


def test_a_head_that_swallows_nan_keeps_every_token(tiny, pixels):
    tiny.pool = lambda x, *_: _SwallowingGate()(x)
    tiny.eval()
    for picture in (pixels[:1] * 0, pixels[:1] * 3, pixels[1:2] * 3):
        explained = agcam.explain(tiny, picture, 3)
        torch.testing.assert_close(explained.logits, tiny(picture).detach())


class _Restless(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


def test_model_that_is_not_deterministic_is_an_error_not_a_map(tiny, pixels):
    tiny.norm = nn.Sequential(tiny.norm, _Restless())
    with pytest.raises(agcam.ProofError, match=r"VisionTransformer.*not deterministic"):
        agcam.explain(tiny, pixels, 3)


def test_weights_changed_between_record_and_replay_are_an_error(tiny, pixels):
    agcam.explain(tiny, pixels, 3)
    calls = []
    mlp = tiny.blocks[0].mlp

    def drift(module, args):
        calls.append(module)
        with torch.no_grad():
            mlp.fc1.weight.mul_(1.5)

    handle = mlp.register_forward_pre_hook(drift)
    with pytest.raises(agcam.ProofError, match="no map was made"):
        agcam.explain(tiny, pixels, 3)
    handle.remove()
    assert calls


def test_threads_do_not_meet(pixels):
    torch.manual_seed(0)
    models = [
        timm.models.VisionTransformer(
            img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, num_classes=10
        )
        for _ in range(2)
    ]
    pairs = [(models[index % 2], index % 10) for index in range(12)]
    expected = [agcam.explain(model, pixels, target).grid_map for model, target in pairs]
    plain = [model.eval()(pixels).detach() for model in models]
    found, logits = {}, {}

    def explain(index):
        found[index] = agcam.explain(*[pairs[index][0], pixels, pairs[index][1]]).grid_map

    def infer(index):
        with torch.no_grad():
            logits[index] = models[index % 2](pixels)

    threads = [threading.Thread(target=explain, args=(i,)) for i in range(12)]
    threads += [threading.Thread(target=infer, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, grid_map in enumerate(expected):
        torch.testing.assert_close(found[index], grid_map)
    for index, value in logits.items():
        torch.testing.assert_close(value, plain[index % 2])
    assert F.scaled_dot_product_attention.__module__ != "agcam.tracing.attention"


def test_memory_kept_is_linear_in_tokens(tiny, pixels):
    """Counts, not seconds: what a recording keeps of a class-token model, in numbers a block."""
    classifier = agcam.load(tiny)
    with evaluation_mode(tiny):
        recording = trace(classifier, pixels, [METHODS["agcam"]]).recording
    tokens, heads, dim = 17, 3, 8
    for block in recording.blocks:
        assert block.rows.shape == (3, heads, 1, tokens)
        assert block.value.shape == (3, heads, tokens, dim)
        assert block.value.untyped_storage().nbytes() == block.value.nbytes  # no view of q, k
    assert recording.calls == ()


def test_replay_runs_one_token_through_each_block(tiny, pixels):
    lengths = []
    agcam.explain(tiny, pixels, 3)  # surveyed
    for block in tiny.blocks:
        block.mlp.register_forward_hook(lambda _, args, __: lengths.append(args[0].shape[1]))
    agcam.explain(tiny, pixels, 3)
    assert lengths == [17, 1, 1]  # of the last block only what the classifier reads


def test_a_first_picture_takes_two_passes_more(tiny, pixels):
    """A survey is an ordinary pass and one that shows the read tokens; its replay is the answer."""
    passes = []
    tiny.norm.register_forward_hook(lambda *_: passes.append(1))
    agcam.explain(tiny, pixels[:1], 3)
    assert len(passes) == 3
    passes.clear()
    agcam.explain(tiny, pixels[:1], 3)
    assert len(passes) == 1


def test_an_explanation_computes_less_than_a_plain_pass():
    """Counts of multiplications, on a model with the proportions of ViT-B: 12 blocks, 50 tokens."""
    model = timm.models.VisionTransformer(
        img_size=56, patch_size=8, embed_dim=96, depth=12, num_heads=3, num_classes=10
    )
    pixels = torch.randn(2, 3, 56, 56)
    agcam.explain(model, pixels, 3, "agcam")  # surveyed
    with FlopCounterMode(display=False) as plain, torch.no_grad():
        model.eval()(pixels)
    with FlopCounterMode(display=False) as explained:
        agcam.explain(model, pixels, 3, "agcam")
    assert explained.get_total_flops() < plain.get_total_flops()


def test_a_replay_that_goes_astray_in_a_block_is_not_believed(tiny, pixels, monkeypatch):
    """The kept tokens are computed again: what is compared was not made by the comparison."""
    expected = agcam.explain(tiny, pixels, 3, tracer="full")
    assert agcam.explain(tiny, pixels, 3).tracer == "replay"
    answer = two_streams._Pass._answer_call

    def astray(self, *call):
        return answer(self, *call) * (1.01 if len(self.outputs) == 1 else 1)

    monkeypatch.setattr(two_streams._Pass, "_answer_call", astray)
    found = agcam.explain(tiny, pixels, 3)
    assert found.tracer == "full"
    torch.testing.assert_close(found.grid_map, expected.grid_map)


def test_what_a_model_hooks_to_its_blocks_runs_once_a_pass(tiny, pixels):
    agcam.explain(tiny, pixels, 3)
    lengths = []
    for block in tiny.blocks:
        block.register_forward_hook(lambda *given: lengths.append(given[-1].shape[1]))
    assert agcam.explain(tiny, pixels, 3).tracer == "replay"
    assert lengths == [17, 17]


def test_a_hook_that_changes_what_a_block_gives_takes_full_autograd(tiny, pixels):
    tiny.blocks[0].register_forward_hook(lambda *given: given[-1] * 1.5)
    explained = agcam.explain(tiny, pixels, 3)
    assert explained.tracer == "full"
    torch.testing.assert_close(explained.logits, tiny.eval()(pixels).detach())


def test_many_targets_share_their_matrix_products(tiny, pixels):
    """Ten targets of one picture are ten rows of one product, not ten products."""
    classifier = agcam.load(tiny)
    with evaluation_mode(tiny):
        session = trace(classifier, pixels[:1], [METHODS["agcam"]])
        with torch.profiler.profile(record_shapes=True) as profile:
            session.relevance(METHODS["agcam"], torch.arange(10)[None])
    products = [event.input_shapes[0] for event in profile.events() if event.name == "aten::mm"]
    rows = [shape[0] for shape in products]  # as the graph needs (1), and as they are made (10)
    assert sorted(rows) == [1] * 7 + [10] * 7  # the classifier, MLP and projection of both blocks


def test_logits_that_read_another_token_than_the_survey_saw_are_never_explained(tiny, pixels):
    """Behind the last block unread tokens are NaN: a classifier that reads them shows itself."""
    agcam.explain(tiny, pixels, 3)
    tiny.pool = lambda x, *_: x[:, 0] + 0 * x[:, 5]
    changed = agcam.explain(tiny, pixels, 3)
    assert changed.logits.isfinite().all()
    assert apart(changed, agcam.explain(tiny, pixels, 3, tracer="full")) < 1e-4


@pytest.mark.parametrize("name", TIMM)
def test_every_method_runs_on_every_family(name):
    model = timm_model(name).double().requires_grad_(False)
    size = TIMM[name][1] or 160
    pixels = torch.randn(2, 3, size, size, dtype=torch.float64)
    for method in METHODS:
        explanation = agcam.explain(model, pixels, 3, method, options=FEW_PASSES.get(method))
        assert explanation.grid_map.isfinite().all()
        if method not in {"grad_cam", "grad_cam_tokens", "layer_cam"}:  # a relu may leave nothing
            assert explanation.grid_map.abs().max() > 0
        assert method in {"random", "gaussian"} or apart_pictures(explanation) > 0


def apart_pictures(explanation):
    first, second = explanation.grid_map
    same = not explanation.grid_map.any()
    return 1.0 if same else float((first - second).abs().max())


@pytest.mark.parametrize("name", TIMM)
def test_the_whole_graph_ends_as_the_replay_does(name):
    """Nothing of the last attention's own gradient depends on what is detached before it."""
    model = timm_model(name).double()
    classifier = agcam.load(model)
    size = TIMM[name][1] or 160
    pixels = torch.randn(2, 3, size, size, dtype=torch.float64)
    target = torch.tensor([3, 5])
    with evaluation_mode(model):
        session = trace(classifier, pixels, [METHODS["agcam"]])
        read = list(session.trace(METHODS["agcam"], target).blocks)
        full = session.trace(METHODS["gae"], target)
    assert len(full.blocks) == len(read)
    rows = full.reads[0].nonzero()[:, 0]
    last, expected = full.blocks[-1], read[-1]
    torch.testing.assert_close(last.gradients[:, :, rows], expected.gradients[:, :, rows])
    torch.testing.assert_close(last.attention[:, :, rows], expected.scores.softmax(-1)[:, :, rows])
    inside = full.blocks[0].gradients[:, :, rows] - read[0].gradients[:, :, rows]
    apart_inside = inside.abs().max()
    assert apart_inside > 0 or len(read) == 1
    for block in full.blocks:
        assert block.tokens.shape == block.token_gradients.shape
        assert block.tokens.shape[:2] == (2, full.grid.tokens)


@pytest.mark.parametrize("method", ["agcam", "gae", "legrad", "lrp"])
def test_any_number_of_targets_takes_the_same_passes(tiny, pixels, method):
    agcam.explain(tiny, pixels, 3, method)  # surveyed
    passes = []
    tiny.blocks[0].register_forward_hook(lambda *_: passes.append(1))
    several = agcam.explain(tiny, pixels, [[1, 2, 3]] * 3, method)
    of_several = len(passes)
    single = agcam.explain(tiny, pixels, 2, method)
    assert len(passes) == 2 * of_several
    torch.testing.assert_close(several.grid_map[:, 1], single.grid_map[:, 0])


@pytest.mark.parametrize("name", TIMM)
def test_targets_side_by_side_are_targets_one_by_one(name):
    """In float32, where attention pools run fused kernels."""
    model = timm_model(name)
    size = TIMM[name][1] or 160
    pixels = torch.randn(2, 3, size, size)
    together = agcam.explain(model, pixels, [[0, 1, 2, 6], [5, 4, 3, 0]])
    for column, target in enumerate(([0, 5], [1, 4], [2, 3], [6, 0])):
        single = agcam.explain(model, pixels, target).grid_map[:, 0]
        torch.testing.assert_close(together.grid_map[:, column], single, rtol=1e-3, atol=1e-6)


def test_a_pass_back_serves_many_targets(tiny, pixels):
    """Counts, not seconds: 10 classes of one picture take one pass back, 500 rows take two."""
    agcam.explain(tiny, pixels, 3, "agcam")
    passes = []
    tiny.blocks[0].mlp.fc1.register_full_backward_hook(lambda *_: passes.append(1))
    agcam.explain(tiny, pixels[:1], [list(range(10))], "agcam")
    assert len(passes) == 1


def test_a_pass_back_ends_at_the_first_block_that_is_read(tiny, pixels):
    """A method that reads the last blocks has the gradients of all, and does not pay for all."""
    agcam.explain(tiny, pixels, 3)  # the survey is paid once
    target = torch.tensor([1, 2, 3])
    first, last = [], []
    tiny.blocks[0].mlp.fc1.register_full_backward_hook(lambda *_: first.append(1))
    tiny.blocks[-1].mlp.fc1.register_full_backward_hook(lambda *_: last.append(1))
    with evaluation_mode(tiny):
        traced = trace(agcam.load(tiny), pixels, [METHODS["agcam"]]).trace(METHODS["agcam"], target)
        assert (first, last) == ([], [])
        end = list(traced.blocks[-1:])
        assert (first, last) == ([], [1])
        whole = list(traced.blocks)
        assert (first, last) == ([1], [1, 1])
        assert len(traced.blocks) == len(tiny.blocks)
    torch.testing.assert_close(end[0].gradients, whole[-1].gradients)
    torch.testing.assert_close(traced.blocks[-1].gradients, whole[-1].gradients)


@pytest.mark.parametrize("method", ["rollout", "agcam_spread"])
def test_a_recording_that_kept_no_attention_is_not_read_for_it(tiny, pixels, method):
    classifier = agcam.load(tiny)
    with evaluation_mode(tiny):
        session = trace(classifier, pixels, [METHODS["agcam"]])
        with pytest.raises(agcam.ModelError, match="name the method when the recording is made"):
            session.trace(METHODS[method], torch.zeros(len(pixels), dtype=torch.long))


def test_one_whole_graph_serves_all_methods_that_need_it(tiny, pixels):
    classifier, target = agcam.load(tiny), torch.tensor([1, 2, 3])
    passes = []
    with evaluation_mode(tiny):
        session = trace(classifier, pixels, [METHODS["gae"]])
        tiny.blocks[0].register_forward_hook(lambda *_: passes.append(1))
        for name in ("gae", "grad_cam", "attcat"):
            relevance = METHODS[name].function(session.trace(METHODS[name], target))
            expected = agcam.explain(tiny, pixels, target, name).grid_map[:, 0].flatten(1)
            torch.testing.assert_close(relevance, expected)
            passes.clear()
            session.trace(METHODS[name], target)
            assert passes == []


@pytest.mark.parametrize("name", ["deit_tiny_distilled_patch16_224", "vit_base_patch16_siglip_224"])
@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_its_pictures_one_by_one(name, method):
    """The whole way, not the formula alone: blocks side by side in a batch must not be mixed up."""
    model = timm_model(name).double()
    pixels, targets = torch.randn(3, 3, 64, 64, dtype=torch.float64), [3, 0, 5]
    few = FEW_PASSES.get(method)
    together = agcam.explain(model, pixels, targets, method, options=few).grid_map
    for index, target in enumerate(targets):
        one = pixels[index : index + 1]
        single = agcam.explain(model, one, target, method, options=few).grid_map
        torch.testing.assert_close(together[index], single[0])


def test_legrad_of_an_attention_pool_written_again():
    """Each block's tokens through norm, pool and head by hand, the pool's attention a leaf."""
    model = timm_model("vit_base_patch16_siglip_224").double().eval()
    pixels = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    found = agcam.explain(model, pixels, 3, "legrad").grid_map.flatten()
    outputs, expected = [], 0
    for block in model.blocks:
        block.register_forward_hook(lambda _, __, output: outputs.append(output.detach()))
    with torch.no_grad():
        model(pixels)
    pool = model.attn_pool
    for output in outputs:
        tokens = model.norm(output)
        query = pool.q(pool.latent).unflatten(-1, (pool.num_heads, -1)).transpose(1, 2)
        key, value = pool.kv(tokens).unflatten(-1, (2, pool.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attention = (query @ key.mT * pool.scale).softmax(-1).detach().requires_grad_()
        pooled = pool.proj((attention @ value).transpose(1, 2).flatten(2))
        pooled = (pooled + pool.mlp(pool.norm(pooled)))[:, 0]
        logit = model.head(model.fc_norm(pooled))[0, 3]
        (gradient,) = torch.autograd.grad(logit, attention)
        expected = expected + gradient.clamp(min=0).mean((0, 1, 2)) / len(outputs)
    torch.testing.assert_close(found, expected)


def test_a_classifier_that_cannot_score_every_block_is_refused_by_name(tiny, pixels):
    tiny.norm = nn.Sequential(tiny.norm, _OnlyThree())
    assert agcam.explain(tiny, pixels, 3, "gae").grid_map.isfinite().all()
    with pytest.raises(agcam.ModelError, match="every block at once"):
        agcam.explain(tiny, pixels, 3, "legrad")


class _OnlyThree(nn.Module):
    def forward(self, x):
        return x + torch.zeros(min(len(x), 3), 1, 1)
