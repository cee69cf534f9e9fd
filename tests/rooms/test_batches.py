"""Any number of pictures: batches equal the plain call, and a bad picture harms no other."""

import numpy as np
import pytest
import torch
from PIL import Image

import agcam
from agcam import ModelError, PictureError, TargetError

BAD = "nowhere.png"


@pytest.fixture
def pictures(photograph):
    return [photograph, photograph[::-1].copy(), BAD, photograph[:40], photograph[:, :40]]


def test_batches_equal_the_plain_call(tiny, pictures):
    good = [one for one in pictures if one is not BAD]
    whole = agcam.explain(tiny, good, [1, 2, 3, 4])
    batches = list(agcam.explain_each(tiny, good, [1, 2, 3, 4], batch_size=3))
    assert [len(batch.pictures) for batch in batches] == [3, 1]
    assert all(batch.error is None for batch in batches)
    maps = torch.cat([batch.explanation.grid_map for batch in batches])
    torch.testing.assert_close(maps, whole.grid_map)
    sources = [name for batch in batches for name in batch.explanation.sources]
    assert tuple(sources) == whole.sources  # so that saving all to one folder overwrites nothing


def test_a_bad_picture_is_a_batch_of_its_own_and_the_others_are_explained(tiny, pictures):
    batches = list(agcam.explain_each(tiny, pictures, [1, 2, 3, 4, 5], batch_size=3))
    assert [len(batch.pictures) for batch in batches] == [1, 1, 1, 2]
    bad = batches[2]
    assert bad.pictures == (BAD,) or str(bad.pictures[0]) == BAD
    assert bad.explanation is None
    assert isinstance(bad.error, PictureError)
    single = agcam.explain(tiny, pictures[1], 2)
    torch.testing.assert_close(batches[1].explanation.grid_map, single.grid_map)
    assert batches[3].explanation.target.tolist() == [[4], [5]]


def test_skipped_batches_are_not_opened(tiny, pictures):
    seen = []
    batches = list(
        agcam.explain_each(
            tiny,
            [BAD, *pictures],
            batch_size=2,
            skip=lambda some: seen.append(some) or len(some) > 1,
        )
    )
    assert [len(some) for some in seen] == [2, 2, 2]
    assert all(batch.explanation is None and batch.error is None for batch in batches)


def test_a_folder_a_tensor_and_one_picture(tiny, pixels, photograph, tmp_path):
    Image.fromarray(photograph).save(tmp_path / "one.png")
    (from_folder,) = agcam.explain_each(tiny, tmp_path, 1)
    (from_array,) = agcam.explain_each(tiny, photograph, 1)
    torch.testing.assert_close(from_folder.explanation.grid_map, from_array.explanation.grid_map)
    tensors = list(agcam.explain_each(tiny, pixels, 1, batch_size=2))
    maps = torch.cat([batch.explanation.grid_map for batch in tensors])
    torch.testing.assert_close(maps, agcam.explain(tiny, pixels, 1).grid_map)


def test_what_is_wrong_with_the_call_is_raised(tiny, pictures, photograph):
    with pytest.raises(TargetError, match="class 10 is out of range"):
        list(agcam.explain_each(tiny, photograph, 10))
    with pytest.raises(TargetError, match="2 targets for 5 pictures"):
        list(agcam.explain_each(tiny, pictures, [1, 2]))
    with torch.no_grad():
        tiny.head.weight.fill_(np.nan)
    with pytest.raises(ModelError, match="NaN"):
        list(agcam.explain_each(tiny, [BAD, photograph], 1))
