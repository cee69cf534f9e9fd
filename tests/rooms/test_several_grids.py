"""Models whose attention lies on several grids, or in windows: positions, laws, refusals, speed."""

import re

import numpy as np
import pytest
import timm
import torch
from torch import nn

import agcam
from agcam.methods import METHODS
from agcam.tracing import evaluation_mode, trace
from agcam.tracing.exchange import PositionsError
from agcam.tracing.hierarchy import Hierarchy
from agcam.tracing.observe import Call, Observation, observe
from agcam.tracing.positions import finest_grid
from agcam.tracing.several_grids import several
from agcam.values import Grid, Places

SWIN = {"window_size": 4, "embed_dim": 12, "depths": (2, 2), "num_heads": (2, 2), "num_classes": 5}


def swin(**options):
    torch.manual_seed(0)
    given = {"img_size": 32, **SWIN, **options}
    model = timm.create_model("swin_tiny_patch4_window7_224", **given).eval()
    for key, weight in model.named_parameters():
        if "head" in key:
            nn.init.normal_(weight, std=0.5)
    return model


@pytest.fixture(scope="module")
def model():
    return swin().double()


@pytest.fixture(scope="module")
def pictures():
    torch.manual_seed(1)
    return torch.randn(3, 3, 32, 32, dtype=torch.float64)


def explained(model, pixels, target, method="agcam", **more):
    return agcam.explain(model, pixels, target, method, **more)


def test_a_batch_is_its_pictures_and_targets_are_one_by_one(model, pictures):
    every = explained(model, pictures, [[1, 4], [0, 2], [3, 3]])
    assert (every.tracer, every.grid) == ("full", Grid(8, 8, 0))
    for picture, targets, maps in zip(
        pictures, [[1, 4], [0, 2], [3, 3]], every.grid_map, strict=True
    ):
        for target, grid_map in zip(targets, maps, strict=True):
            found = explained(model, picture[None], target).grid_map[0, 0]
            torch.testing.assert_close(found, grid_map, rtol=1e-9, atol=1e-12)


def test_the_map_does_not_depend_on_the_picture_that_was_surveyed(pictures):
    first, second = (explained(swin().double(), pictures[order], 2) for order in ([0, 1], [1, 0]))
    assert first.grid_map.equal(second.grid_map.flip(0))


def test_the_model_is_left_as_it_was(pictures):
    model = swin().double().train()
    before = {
        key: (value.clone(), value.requires_grad) for key, value in model.state_dict().items()
    }
    explained(model, pictures, 1)
    assert all(part.training for part in model.modules())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())
    for key, value in model.state_dict().items():
        assert value.equal(before[key][0])
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_defined_or_refuses_in_a_sentence(model, pictures, name):
    row = METHODS[name]
    if row.several_grids or row.needs.any_classifier:
        every = [[0, 1, 2, 3, 4]]
        found = explained(model, pictures[:1], every, name, options=QUICK.get(name)).grid_map
        assert found.any()
        assert found.isfinite().all()
    else:
        with pytest.raises(agcam.ModelError, match=r"several grids.*choose agcam") as refusal:
            explained(model, pictures[:1], 1, name)
        assert "\n" not in str(refusal.value)


QUICK = {"rise": {"masks": 8}, "integrated_gradients": {"steps": 2}, "smooth_grad": {"samples": 2}}


def test_black_box_methods_keep_their_coarse_grid(pictures):
    """Whatever is explained first, and beside agcam, where the map is that of the nearest patch."""
    apart = explained(swin().double(), pictures[:1], 1, "occlusion").grid_map
    assert apart.shape[-2:] == (2, 2)
    model = swin().double()
    beside = agcam.explain(model, pictures[:1], 1, ["agcam", "occlusion"]).by("occlusion").grid_map
    expected = apart.repeat_interleave(4, -1).repeat_interleave(4, -2)
    torch.testing.assert_close(beside, expected)
    torch.testing.assert_close(explained(model, pictures[:1], 1, "occlusion").grid_map, apart)


def test_padded_tokens_hold_no_position_and_nothing_is_lost():
    """An input of 36 x 28 pixels has 9 x 7 tokens, in windows of 4 x 4 that are padded."""
    options = {"img_size": (36, 28), "strict_img_size": False}
    model = swin(**options).double()
    pixels = torch.randn(1, 3, 36, 28, dtype=torch.float64)
    found = explained(model, pixels, 1)
    assert found.grid == Grid(9, 7, 0)
    mirrored = explained(model, pixels.flip(0), 1)
    assert found.grid_map.equal(mirrored.grid_map)


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_corner_that_alone_carries_the_class_lights_up(corner):
    """A Swin whose blocks add nothing but attention that looks at brightness: planted by hand."""
    model = planted()
    pixels = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    down, right = (slice(8 * 3 * side, 8 * 3 * side + 8) for side in corner)
    pixels[:, :, down, right] = 1
    grid_map = explained(model, pixels, 1).grid_map[0, 0]
    cells = tuple(slice(one.start // 4, one.stop // 4) for one in (down, right))
    assert grid_map[cells].sum() > 0.99 * grid_map.sum() > 0


def planted():
    """Values read how bright a token is, the classifier reads what attention adds of it."""
    model = swin(num_classes=2).double()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            weight.zero_()
            if "norm" in key and key.endswith("weight"):
                weight.fill_(1)
        model.patch_embed.proj.weight[0] = 1 / 48
        for stage, merged in zip(model.layers, (1, 4), strict=True):
            for block in stage.blocks:
                width = block.attn.proj.weight.shape[0]
                block.attn.qkv.weight[2 * width, 0] = 1
                block.attn.proj.weight[1, 0] = 1
            if merged > 1:
                stage.downsample.reduction.weight[0, ::12] = 0.25
                stage.downsample.reduction.weight[1, 1::12] = 0.25
        model.head.fc.weight[1, 1] = 1
    for part in model.modules():  # a norm would make a dark picture bright
        if isinstance(part, nn.LayerNorm):
            part.forward = lambda x: x
    return model


class _Convolutional(nn.Module):
    """Attention over tokens that a convolution has mixed: its keys overlap."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.mix = nn.Conv2d(8, 8, 3, 1, 1)
        self.pool = nn.Conv2d(8, 8, 3, 2, 1)
        self.head = nn.Linear(8, 5)

    def forward(self, pixels):
        maps = self.stem(pixels)
        for conv in (self.mix, self.pool):
            keys = conv(maps).flatten(2).mT
            queries = maps.flatten(2).mT
            mixed = nn.functional.scaled_dot_product_attention(
                *(x[:, None] for x in (queries, keys, keys))
            )
            maps = maps + mixed[:, 0].mT.unflatten(2, maps.shape[2:])
        return self.head(maps.mean((2, 3)))


def test_keys_that_overlap_lie_where_their_values_change(pictures):
    torch.manual_seed(0)
    found = explained(_Convolutional().double(), pictures, 3)
    assert found.grid == Grid(8, 8, 0)
    assert (found.grid_map > 0).double().mean() > 0.9


class _Gated(nn.Module):
    """A gate of the whole picture moves every key, for one row by less than rounding shows."""

    def __init__(self, strength):
        super().__init__()
        self.stem, self.head, self.strength = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 5), strength

    def forward(self, pixels):
        maps = self.stem(pixels)
        maps = maps * (1 + self.strength * maps.mean((2, 3), keepdim=True))
        tokens = maps.flatten(2).mT[:, None]
        queries = tokens[:, :, :32]
        mixed = nn.functional.scaled_dot_product_attention(queries, tokens, tokens)
        return self.head(tokens.mean((1, 2)) + mixed.mean((1, 2)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("strength", [1.2e-3, 0.1])
def test_a_faint_gate_of_the_whole_picture_does_not_move_a_key_from_its_place(strength, dtype):
    torch.manual_seed(0)
    model, pixels = _Gated(strength).to(dtype), torch.randn(2, 3, 32, 32, dtype=dtype)
    found = explained(model, pixels, 3).grid_map
    model.strength = 0.0
    without = explained(model, pixels, 3).grid_map
    torch.testing.assert_close(found, without, rtol=0.2, atol=0.05 * float(without.max()))


class _Shuffled(_Convolutional):
    """Tokens in another order than the picture's: found all the same, for they are measured."""

    def forward(self, pixels):
        maps = self.stem(pixels)
        order = torch.randperm(64, generator=torch.Generator().manual_seed(3))
        tokens = maps.flatten(2).mT[:, order]
        some = tokens[:, None, :, :]
        mixed = nn.functional.scaled_dot_product_attention(some[..., :16, :], some, some)[:, 0]
        return self.head(tokens.mean(1) + mixed.mean(1))


def test_shuffled_tokens_are_found(pictures):
    torch.manual_seed(0)
    model = _Shuffled().double()
    where = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    where[:, :, 4:8, 20:24] = 50  # the only token that is not zero but for the bias
    both = torch.cat([where, -where])  # one speaks for the class, the other against it
    grid_map = explained(model, both, 3).grid_map.sum((0, 1)).flatten()
    others = torch.cat([grid_map[:13], grid_map[14:]])
    assert float(others.max() - others.min()) < 1e-9
    assert float(grid_map[13] - others.max()) > 1e-6


class _Scattered(_Convolutional):
    """A key for each diagonal: no rows and columns are its own."""

    def forward(self, pixels):
        tokens = self.stem(pixels).flatten(2).mT
        rows = torch.arange(8)
        diagonals = (rows[:, None] + rows) % 8
        kinds = nn.functional.one_hot(diagonals.flatten()).T.to(tokens)
        keys = (kinds @ tokens)[:, None]
        mixed = nn.functional.scaled_dot_product_attention(tokens[:, None], keys, keys)[:, 0]
        return self.head((tokens + mixed).mean(1))


def test_keys_without_rows_and_columns_are_refused(pictures):
    with pytest.raises(agcam.ModelError, match="do not lie on rows and columns"):
        explained(_Scattered().double(), pictures, 3)


def test_the_finest_grid_is_a_map_or_square_cells():
    def seen(maps, *calls):
        observed = Observation()
        observed.maps = maps
        observed.calls = [
            Call("", batch, rows, rows, explicit=False, mixed=False) for batch, rows in calls
        ]
        return observed

    assert finest_grid([64, 16], seen([(8, 8)], (1, 64)), (32, 32)) == (8, 8)
    assert finest_grid([4], seen([(8, 8), (2, 2)], (1, 64)), (32, 32)) == (8, 8)
    assert finest_grid([63], seen([(9, 7), (1, 1)], (6, 16)), (36, 28)) == (9, 7)
    assert finest_grid([6], seen([], (1, 6)), (32, 48)) == (2, 3)
    with pytest.raises(PositionsError, match="7 keys form no grid"):
        finest_grid([7], seen([], (1, 7)), (32, 32))


def test_one_grid_is_a_case_of_several(tiny, pixels):
    """A plain ViT by the definition of hierarchies has the paper's map, and ours is that."""
    classifier, target = agcam.load(tiny.double()), torch.tensor([3, 3])
    pixels, method = pixels[:2].double(), METHODS["agcam"]
    with evaluation_mode(tiny):
        session = trace(classifier, pixels, [method])
        layout = several(classifier, pixels[:1], observe(classifier, pixels[:1]), "a test")
        by_definition = method.function(Hierarchy(classifier, pixels, layout, False).trace(target))
        read, grid = session.trace(method, target), session.recording.grid
        paper = sum(
            block.mean_of_rows((block.scores.sigmoid() * block.gradients.relu()).sum(1))
            for block in read.blocks
        )[:, grid.places]
        assert method.function(session.trace(method, target)).equal(paper)
    torch.testing.assert_close(by_definition, paper, rtol=1e-9, atol=1e-12)


def test_relevance_is_kept_and_belongs_to_its_picture():
    """Windows of two pictures, theirs side by side or in turn."""
    shares = torch.eye(4, dtype=torch.float64), torch.ones(4, 1, dtype=torch.float64)
    keys = torch.arange(8.0, dtype=torch.float64).reshape(4, 2)
    beside = Places(1, 2, shares).on_grid(keys)
    apart = Places(2, 1, shares).on_grid(keys)
    assert beside.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert apart.tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]
    heads = Places(1, 2, shares).on_grid(keys[:, None].repeat(1, 3, 1))
    assert heads.shape == (2, 3, 4)
    np.testing.assert_allclose(heads.sum((0, 2)), 28)


class _MixedBefore(nn.Module):
    """Attention over channels behind convolutions that have mixed all of the picture."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 5)
        self.mix = nn.Conv2d(8, 8, 17, 1, 8)

    def forward(self, pixels):
        channels = self.mix(self.stem(pixels)).flatten(2)[:, None]
        mixed = nn.functional.scaled_dot_product_attention(channels, channels, channels)
        return self.head((channels + mixed).mean((1, 3)))


def test_channels_are_told_from_positions_where_everything_was_mixed(pictures):
    torch.manual_seed(0)
    with pytest.raises(agcam.ModelError, match="attends over channels"):
        explained(_MixedBefore().double(), pictures, 3)


def test_weights_that_took_gradients_take_them_after_a_hierarchy(pictures):
    model = swin().double()
    frozen = model.head.fc.bias.requires_grad_(False)
    explained(model, pictures[:1], 1)
    assert not frozen.requires_grad
    assert all(weight.requires_grad for weight in model.parameters() if weight is not frozen)


class _OfOnePicture(_Convolutional):
    def forward(self, pixels):
        if len(pixels) > 1:
            raise RuntimeError("one picture at a time")
        return super().forward(pixels)


def test_a_model_that_fails_while_it_is_measured_is_refused_with_its_own_words(pictures):
    with pytest.raises(agcam.ModelError, match=r"held constant.*one picture at a time"):
        explained(_OfOnePicture().double(), pictures[:1], 3)


def test_the_refusal_names_what_was_seen():
    model = timm.create_model("xcit_nano_12_p16_224", depth=2, num_classes=5).eval()
    with pytest.raises(agcam.ModelError, match="channels") as refusal:
        explained(model, torch.ones(1, 3, 64, 64), 1)
    assert re.search("occlusion", str(refusal.value))


def test_where_rounding_hides_positions_they_are_measured_in_double_precision():
    """Late attentions of a random MobileViT change by less than single precision shows."""
    torch.manual_seed(0)
    model = timm.create_model("mobilevit_xxs", num_classes=5).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.uniform_(-1, 1).mul_((3 / weight[0].numel()) ** 0.5)
            else:
                low, high = (-0.1, 0.1) if name.endswith("bias") else (0.5, 1.5)
                weight.uniform_(low, high)
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    before = {name: (id(one), one.clone()) for name, one in tensors.items()}
    pixels = torch.randn(1, 3, 64, 64)
    found = agcam.explain(model, pixels, 1, "agcam").grid_map
    for name, one in {**dict(model.named_parameters()), **dict(model.named_buffers())}.items():
        assert id(one) == before[name][0]
        assert torch.equal(one, before[name][1])
    exact = agcam.explain(model.double(), pixels.double(), 1, "agcam").grid_map
    assert (found - exact).abs().max() < 1e-3 * exact.max()
