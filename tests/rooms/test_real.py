"""The real model on real annotated pictures: maps sit on objects, and on the right one."""

import json

import numpy as np
import pytest
from PIL import Image

import agcam
from places import SHARED

pytestmark = pytest.mark.skipif(
    not (SHARED / "data").is_dir(), reason="the annotated pictures are not beside the repository"
)


@pytest.fixture(scope="module")
def demo():
    try:
        return agcam.load("demo")
    except agcam.LoadError as error:
        pytest.skip(f"the demo model's tower is not here: {error}")


def test_relevance_gathers_in_the_boxes_of_the_objects(demo):
    """Energy in the truth boxes beside the boxes' share of what the model saw."""
    folder = SHARED / "data" / "imagenet-boxes"
    annotated = json.loads((folder / "boxes.json").read_text())
    gains = []
    for truth in annotated:
        explanation = agcam.explain(demo, folder / truth["file"])
        relevance = np.asarray(explanation.pixel_map[0][0])
        seen = ~np.isnan(relevance)
        inside = np.zeros(relevance.shape, bool)
        for left, top, right, bottom in truth["boxes"]:
            inside[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = True
        energy = relevance[inside & seen].sum() / relevance[seen].sum()
        gains.append(energy - (inside & seen).sum() / seen.sum())
    assert np.mean(gains) > 0.03
    assert np.mean(np.array(gains) > 0) >= 0.7


def test_each_class_of_a_mosaic_has_its_own_cell(demo):
    """Four pictures in one: the share of a class's relevance in its own quarter (chance 1/4)."""
    names = ["dalmatian", "helicopter", "pizza", "pagoda"]
    cells = []
    for name in names:
        path = sorted((SHARED / "data" / "caltech101" / name).iterdir())[0]
        cells.append(Image.open(path).convert("RGB").resize((112, 112)))
    mosaic = Image.new("RGB", (224, 224))
    corners = [(0, 0), (112, 0), (0, 112), (112, 112)]
    for cell, corner in zip(cells, corners, strict=True):
        mosaic.paste(cell, corner)
    explanation = agcam.explain(demo, mosaic, [names])
    shares = []
    for number, (left, top) in enumerate(corners):
        relevance = explanation.pixel_map[0][number]
        relevance = relevance - relevance.min()
        own = relevance[top : top + 112, left : left + 112].sum()
        shares.append(float(own / relevance.sum()))
    assert np.mean(shares) > 0.33
    unspecific = agcam.explain(demo, mosaic, [names], "rollout").pixel_map[0]
    assert np.array_equal(unspecific[0], unspecific[1])
