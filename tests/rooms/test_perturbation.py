"""Perturbed pictures, pixel by pixel: orders, counts, fills."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from slow_perturbation import slow_order, slowly_replaced

import agcam
from agcam.evaluation.fills import FILLS
from agcam.evaluation.perturbation import GROUPS, group_edges, patch_counts, removed_counts
from agcam.evaluation.probing import Probe, Prober, patch_ranks, rank_of, relevance_on_input
from agcam.maps import resize_map
from agcam.metrics import METRICS
from agcam.values import Classifier, CurveCase, Grid, Preparation

quick = settings(max_examples=30)
H, W = 6, 7
ORDERS = ("morf", "lerf")
maps = arrays.arrays(np.float32, (H, W), elements=st.integers(0, 12).map(float))


def classifier_of(predict):
    preparation = Preparation(size=(H, W), mean=(0.5, 0.4, 0.2), std=(0.5, 0.2, 0.1))
    return Classifier(torch.nn.Identity(), predict, "toy", "module", preparation)


SHOWS = classifier_of(lambda pixels: pixels.flatten(1))  # its logits are the picture itself


@pytest.fixture
def pixels():
    return torch.randn(2, 3, H, W, generator=torch.Generator().manual_seed(3))


def ranks_of(relevance):
    return torch.cat([rank_of(torch.from_numpy(relevance)[None], order) for order in ORDERS])


@quick
@given(maps, st.sampled_from(list(FILLS)))
def test_pictures_are_replaced_pixel_by_pixel(relevance, fill):
    picture = torch.randn(1, 3, H, W, generator=torch.Generator().manual_seed(3))
    filling = FILLS[fill].function(picture, SHOWS)
    counts = removed_counts(H * W)
    probes = [Probe(0, rank, 0, count) for rank in (0, 1) for count in counts]
    shown = Prober(SHOWS, batch_size=4).logits(picture, filling, ranks_of(relevance), probes)
    expected = [
        slowly_replaced(picture[0].numpy(), relevance, order, share / 10, filling[0].numpy())
        for order in ORDERS
        for share in range(1, 10)
    ]
    assert np.array_equal(shown.reshape(-1, 3, H, W).numpy(), np.stack(expected))


@quick
@given(maps)
def test_the_order_of_removal_knows_no_scale(relevance):
    """Ties too: of equal pixels the last goes first, so that a constant map has one order."""
    morf, lerf = ranks_of(relevance)
    for rank, order in zip((morf, lerf), ORDERS, strict=True):
        going = [rank[place].item() for place in slow_order(relevance, order)]
        assert going == list(range(H * W))
    assert torch.equal(ranks_of(relevance * 4 - 32)[0], morf)
    assert torch.equal(ranks_of(relevance.max() - relevance)[1], morf)
    constant = ranks_of(np.ones((H, W), np.float32))
    assert torch.equal(constant[0], constant[1])


@quick
@given(arrays.arrays(np.float64, (2, 3, 4), elements=st.integers(-3, 3).map(float)))
def test_patches_go_by_relevance_and_ties_at_random(grids):
    ranks = {order: patch_ranks(grids, order, Grid(3, 4, prefix=0), (H, 8)) for order in ORDERS}
    for order, sign in (("morf", -1), ("lerf", 1)):
        assert ranks[order].shape == (2, H, 8)
        for grid, rank in zip(grids, ranks[order][:, ::2, ::2].flatten(1), strict=True):
            assert sorted(rank.tolist()) == list(range(12))
            going = sign * grid.ravel()[rank.argsort().numpy()]
            assert (np.diff(going) >= 0).all()  # no order that is not a tie changes
        blocks = ranks[order].unfold(1, 2, 2).unfold(2, 2, 2).flatten(3)
        assert (blocks == blocks[..., :1]).all()  # all pixels of a patch go together
    assert torch.equal(
        patch_ranks(grids[1:], "morf", Grid(3, 4, prefix=0), (H, 8))[0], ranks["morf"][1]
    )
    constant = [
        patch_ranks(np.ones((1, 3, 4)), order, Grid(3, 4, prefix=0), (H, 8)) for order in ORDERS
    ]
    assert torch.equal(*constant)
    in_reading_order = torch.arange(12).tolist()
    assert constant[0][0, ::2, ::2].flatten().tolist() not in (
        in_reading_order,
        in_reading_order[::-1],
    )


@pytest.mark.parametrize(
    ("patches", "steps"), [(1, 1), (2, 2), (16, 16), (100, 100), (101, 51), (196, 98), (256, 86)]
)
def test_groups_of_patches_are_of_one_size(patches, steps):
    counts = patch_counts(patches)
    edges = [0, *counts, *([] if patches == 1 else [patches])]
    sizes = np.diff(edges)
    assert len(sizes) == steps
    assert len(set(sizes[:-1])) <= 1
    assert 0 < sizes[-1] <= sizes[0]


def test_shares_are_rounded_down_and_groups_are_of_one_size():
    for number in range(10, 400):
        assert removed_counts(number) == [tenth * number // 10 for tenth in range(1, 10)]
        edges = group_edges(number)
        assert edges[0] == 0
        assert edges[-1] == number
        assert len(edges) == GROUPS + 1
        sizes = np.diff(edges)
        assert sizes.max() - sizes.min() <= 1


def test_fills(pixels):
    found = {name: fill.function(pixels, SHOWS) for name, fill in FILLS.items()}
    assert all(filling.shape == pixels.shape for filling in found.values())
    assert not found["zero"].any()
    np.testing.assert_allclose(found["mean"][0, :, 2, 3], pixels[0].mean((1, 2)), atol=1e-6)
    np.testing.assert_allclose(found["black"][0, :, 0, 0], [-1, -2, -2], atol=1e-6)
    assert found["blur"].std() < pixels.std()
    flat = torch.ones(1, 3, 8, 8, dtype=torch.float16)
    assert torch.allclose(FILLS["blur"].function(flat, SHOWS), flat, atol=1e-3)
    assert {metric.fill for metric in METRICS.values()} == {"", *FILLS}
    with pytest.raises(agcam.UnknownNameError, match="did you mean blur"):
        FILLS["blurr"]


def test_the_map_on_the_input_is_between_1_and_2():
    relevance = relevance_on_input(resize_map(np.arange(8.0).reshape(2, 2, 2), (H, W)))
    assert relevance.shape == (2, H, W)
    assert relevance.dtype == np.float32
    assert relevance.min() == 1
    assert relevance.max() == 2


def test_a_map_that_knows_the_model_wins():
    """A model that adds up pixels: the pixels' own sum is the best map, ABPC > 0."""
    light = torch.rand(1, 3, H, W, generator=torch.Generator().manual_seed(3)) + 0.1

    def predict(pixels):
        return 1 - torch.exp(-pixels.sum(dim=(1, 2, 3)) / light.sum())[:, None]

    def abpc(relevance):
        counts = [0, *removed_counts(H * W), H * W]
        probes = [Probe(0, rank, 0, count) for rank in (0, 1) for count in counts]
        prober = Prober(classifier_of(predict), batch_size=32)
        curves = prober.logits(light, torch.zeros_like(light), ranks_of(relevance), probes)
        return METRICS["abpc"].function(CurveCase(*curves.reshape(2, -1).numpy()))

    best = light[0].sum(dim=0).numpy()
    generator = np.random.default_rng(0)
    random = [abpc(generator.random((H, W), np.float32)) for _ in range(40)]
    assert abpc(best) > max(random)
    assert abpc(-best) == pytest.approx(-abpc(best))
    assert abs(np.mean(random)) < 4 * np.std(random) / np.sqrt(40)
