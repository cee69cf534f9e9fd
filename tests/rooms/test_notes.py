"""Notes belong to their picture, whatever pictures it was explained with."""

import json

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import agcam
from agcam.explainer import doubts

RNG = np.random.default_rng(0)
COLOUR = Image.fromarray(RNG.integers(0, 255, (40, 30, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pictures with notes of other kinds: of pages, of darkness, of colour, and none."""
    folder = tmp_path_factory.mktemp("pictures")
    COLOUR.save(folder / "colour.png")
    COLOUR.convert("L").save(folder / "grey.png")
    COLOUR.convert("L").save(
        folder / "pages.tif", save_all=True, append_images=[COLOUR.convert("L")] * 2
    )
    Image.fromarray(RNG.integers(0, 99, (40, 30), dtype=np.uint16)).save(folder / "dark.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def grey_model():
    torch.manual_seed(0)
    return agcam.load(
        timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=3, in_chans=1, depth=2),
        preparation=agcam.Preparation((32, 32), (0.5,), (0.5,)),
    )


@settings(max_examples=20)
@given(places=st.lists(st.integers(0, 3), min_size=1, max_size=4), data=st.data())
def test_a_picture_has_the_notes_that_it_has_by_itself(
    files, grey_model, tmp_path_factory, places, data
):
    """Also where two maps disagree in some of the pictures and are empty in none."""
    methods = data.draw(st.sampled_from([("agcam",), ("agcam", "agcam_spread")]))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(doubts, "UNSURE", data.draw(st.sampled_from([-2.0, 0.3, 2.0])))
        paths = [files[place] for place in places]
        together = agcam.explain(grey_model, paths, 1, methods)
        for number, path in enumerate(paths):
            single = agcam.explain(grey_model, path, 1, methods)
            assert set(together.notes_of(number)) == set(single.notes)
            assert together.manifest(number)["notes"] == list(together.notes_of(number))
    folder = tmp_path_factory.mktemp("out")
    together.save(folder)
    written = [json.loads(path.read_text())["notes"] for path in sorted(folder.glob("*.json"))]
    assert set(together.notes) == {note for some in written for note in some}


def test_an_empty_map_is_noted_on_its_own_picture_and_page():
    """A black picture moves nothing in a model without biases; the other one does."""
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 2, bias=False))
    pixels = torch.stack([torch.zeros(3, 16, 16), torch.rand(3, 16, 16)])
    found = agcam.explain(module, pixels, 1, "input_x_gradient")
    assert [any("zero everywhere" in n for n in found.notes_of(one)) for one in (0, 1)] == [
        True,
        False,
    ]
    assert sum("zero everywhere" in note for note in found.notes) == 1
