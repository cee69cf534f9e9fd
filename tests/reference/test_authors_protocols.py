"""The authors' scripts, number by number: localization, and the order of equal pixels."""

import numpy as np
import pytest
import torch

from agcam.maps.pixels import resize_map
from agcam.metrics.localization import corrected, paper, predicted_boxes
from agcam.metrics.perturbation import SHARES
from agcam.values import BoxCase

SIDE = 224


def case(authors, i):
    truth = authors["truth_boxes"][i]
    grid = authors["agcam_prediction"][i]
    return BoxCase(resize_map(grid[None], SIDE)[0], truth[truth[:, 0] >= 0])


@pytest.mark.parametrize("i", range(6))
def test_boxes_are_the_authors_in_their_order(authors, i):
    theirs = authors["predicted_boxes"][i]
    assert np.array_equal(predicted_boxes(case(authors, i)), theirs[theirs[:, 0] >= 0])


@pytest.mark.parametrize("i", range(6))
def test_localization_is_the_authors(authors, i):
    """1e-7: the authors count in float32."""
    scores = paper(case(authors, i))
    assert list(scores._fields) == list(authors["localization_names"])
    assert np.abs(np.array(scores) - authors["localization"][i]).max() < 1e-7
    # The corrected boxes are another protocol, close to it.
    difference = np.abs(np.array(corrected(case(authors, i))) - authors["localization"][i])
    assert 1e-4 < difference.max() < 0.05


@pytest.fixture(scope="module")
def probabilities(authors, authors_model):
    def predicted(i, pictures):
        with torch.inference_mode():
            logits = authors_model(torch.from_numpy(pictures))
        return logits.softmax(dim=-1)[:, int(authors["target"][i])].numpy()

    return predicted


def input_and_map(authors, i):
    """As the authors' program: the map in float32, which makes some pixels of it equal."""
    grid = authors["agcam_target"][i]
    relevance = resize_map(grid[None], SIDE)[0]
    relevance = (relevance - relevance.min()) / (relevance.max() - relevance.min())
    return authors["images"][i].astype(np.float64), relevance.astype(np.float32) + np.float32(1)


@pytest.mark.parametrize("i", [0, 4])
def test_only_the_order_of_equal_pixels_differs(authors, probabilities, i):
    """With torch.topk's choice among equal pixels the curves agree a thousand times closer."""
    pixels, relevance = input_and_map(authors, i)
    values = torch.from_numpy(relevance).reshape(-1)
    for order, sign in (("morf", 1), ("lerf", -1)):
        pictures = []
        for share in SHARES:
            taken = torch.topk(sign * values, int(values.numel() * share)).indices
            kept = torch.ones(values.numel()).index_fill(0, taken, 0).reshape(SIDE, SIDE)
            pictures.append(pixels * kept.numpy())
        assert np.abs(probabilities(i, np.stack(pictures)) - authors[order][i]).max() < 1e-6
