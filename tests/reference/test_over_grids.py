"""Methods over several grids against dense matrices of cells."""

import other_families
import over_grids
import pytest
import torch

import agcam

CASES = {
    *("swin", "swin, odd", "swinv2", "sam", "pvt", "swin, torchvision", "swin, Hugging Face"),
    *("swinv2, torchvision", "swinv2, Hugging Face", "twins"),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_methods_over_several_grids_are_those_of_dense_matrices(name):
    case = other_families.CASES[name]
    model, pixels = case.make(), torch.randn(2, 3, *case.size, dtype=torch.float64)
    every = list(over_grids.METHODS)
    found = agcam.explain(model, pixels, [[1, 3], [3, 0]], every)
    for method in every:
        for maps, picture, targets in zip(
            found.by(method).grid_map, pixels, [[1, 3], [3, 0]], strict=True
        ):
            for grid_map, target in zip(maps, targets, strict=True):
                expected = over_grids.truth(method, case, model, picture[None], target)
                close = {"rtol": 1e-7, "atol": 1e-8 * float(expected.abs().max())}
                torch.testing.assert_close(grid_map, expected, **close)
