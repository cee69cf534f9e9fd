"""Pictures of any shape, each with its own rows and columns of patches (NaFlex)."""

import numpy as np
import pytest
import timm
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data.naflex_transforms import patchify_image

import agcam
from agcam.errors import ModelError, PictureError
from agcam.families.hf_vit import classifier_of
from reference.definition import of_tokens

VISION = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "patch_size": 4,
    "num_patches": 16,
}


def siglip2():
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text |= {"intermediate_size": 32, "vocab_size": 50_000}
    config = transformers.Siglip2Config(vision_config=VISION, text_config=text, num_labels=3)
    model = transformers.Siglip2ForImageClassification(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return siglip2().double()


def processor(most=20):
    return transformers.Siglip2ImageProcessor(patch_size=4, max_num_patches=most)


def drawn(width, height, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def by_definition(model, inputs, target):
    """The relevance of every token of one picture, padding too."""

    def run(pixels):
        return model(**{**inputs, "pixel_values": pixels})

    return of_tokens(run, inputs["pixel_values"], target)


@settings(max_examples=12)
@given(rows=st.integers(1, 5), columns=st.integers(2, 5), padding=st.integers(0, 6))
def test_a_picture_of_any_shape_is_the_definition_and_padding_gets_nothing(
    model, rows, columns, padding
):
    count = rows * columns
    inputs = {
        "pixel_values": torch.randn(1, count + padding, 48, dtype=torch.float64),
        "pixel_attention_mask": (torch.arange(count + padding) < count).int()[None],
        "spatial_shapes": torch.tensor([[rows, columns]]),
    }
    found = agcam.explain(model, inputs, 1, "agcam")
    tokens = by_definition(model, inputs, 1)
    expected = tokens[:count].reshape(rows, columns)
    assert found.grid_map.shape == (1, 1, rows, columns)
    assert (found.grid_map[0, 0] - expected).abs().max() <= 1e-9 * expected.abs().max()
    with torch.no_grad():
        assert (found.logits - model(**inputs).logits).abs().max() < 1e-9
    assert found.tracer == "replay"


def test_a_picture_is_prepared_as_the_processor_prepares_it(model):
    classifier = classifier_of(model, "", processor(), None)
    picture = drawn(50, 30)
    found = agcam.explain(classifier, picture, 1, "agcam")
    theirs = processor()(images=picture, return_tensors="pt")
    assert theirs["spatial_shapes"].tolist() == [[3, 5]] == [list(found.grid_map.shape[2:])]
    assert found.frames[0].window == (0, 0, 50, 30)
    other = agcam.explain(
        model.double(), {**theirs, "pixel_values": theirs["pixel_values"].double()}, 1
    )
    assert (found.logits - other.logits).abs().max() < 0.05  # they resize tensors, antialiased


def test_pictures_of_several_shapes_are_explained_one_by_one(model):
    classifier = classifier_of(model, "", processor(), None)
    pictures = [drawn(50, 30), drawn(30, 50)]
    with pytest.raises(PictureError, match=r"several sizes.*explain them one by one"):
        agcam.explain(classifier, pictures)
    batches = list(agcam.explain_each(classifier, pictures, 1, "agcam"))
    shapes = [tuple(batch.explanation.grid_map.shape[2:]) for batch in batches]
    assert shapes == [(3, 5), (5, 3)]
    same = agcam.explain(classifier, [pictures[0], drawn(50, 30, 1)], 1, "agcam")
    one = batches[0].explanation.grid_map[0]
    torch.testing.assert_close(same.grid_map[0], one, rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spatial_shapes": torch.tensor([[3, 4]])}, "of 3 x 4 patches has 15 in its mask"),
        ({"spatial_shapes": torch.tensor([[5, 5]])}, "of 5 x 5 patches has 15 in its mask"),
        ({"pixel_values": torch.zeros(1, 20, 50)}, "are not square"),
        ({"pixel_values": torch.zeros(20, 48)}, "come with their grid"),
    ],
)
def test_patches_masks_and_grids_that_disagree_are_refused(model, change, words):
    whole = dict(processor()(images=drawn(50, 30), return_tensors="pt"))
    with pytest.raises(PictureError, match=words):
        agcam.explain(model, {**whole, **change})
    with pytest.raises(PictureError, match="come with their grid"):
        agcam.explain(model, {key: whole[key] for key in ("pixel_values", "spatial_shapes")})


def test_an_input_that_is_not_made_up_of_patches_is_refused(model):
    with pytest.raises(ModelError, match="takes patches of 4 x 4, of which an input of 10 x 8"):
        agcam.explain(model, torch.randn(1, 3, 8, 10).double())


def test_black_box_methods_work_on_it_too(model):
    found = agcam.explain(model, torch.randn(1, 3, 8, 12).double(), 1, "occlusion")
    assert found.grid_map.shape == (1, 1, 2, 3)


def test_the_dictionary_that_timm_takes():
    name = "naflexvit_base_patch16_gap"
    model = timm.create_model(name, num_classes=5, depth=2, embed_dim=32, num_heads=2).eval()
    pictures = torch.randn(2, 3, 48, 80)
    given = {
        "patches": torch.zeros(2, 18, 768),
        "patch_coord": torch.zeros(2, 18, 2, dtype=torch.long),
        "patch_valid": torch.zeros(2, 18, dtype=torch.bool),
    }
    for number, picture in enumerate(pictures):
        made = patchify_image(picture, (16, 16))
        for part, some in zip(given.values(), made, strict=True):
            part[number, : len(some)] = some
    found = agcam.explain(model, given, 1, "agcam")
    whole = agcam.explain(model, pictures, 1, "agcam")
    torch.testing.assert_close(found.grid_map, whole.grid_map)
    with torch.no_grad():
        torch.testing.assert_close(found.logits, model(given))
    given["patch_coord"][0, 3] = torch.tensor([2, 4])
    with pytest.raises(PictureError, match="do not form a whole grid, row by row"):
        agcam.explain(model, given)
