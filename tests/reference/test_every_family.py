"""Every family of attention against the definition: whole maps."""

import measured
import other_families
import positions
import pytest
import torch

import agcam

OVERLAP = {"nest"}  # convolutions between stages


@pytest.mark.parametrize("name", other_families.CASES)
def test_every_family_is_explained_as_defined(name):
    """Where keys lie is worked out by hand, and measured by a second program."""
    case = other_families.CASES[name]
    model = case.make()
    pixels, target = torch.randn(2, 3, *case.size, dtype=torch.float64), torch.tensor([1, 2])
    found = agcam.explain(model, pixels, target[:, None], method="agcam").grid_map[:, 0]
    if case.where is not None and name not in OVERLAP:
        expected = positions.truth(case, model, pixels, target)
        close = {"rtol": 1e-9, "atol": 1e-9 * float(expected.max())}
        torch.testing.assert_close(found, expected, **close)
    maps = measured.maps(model, pixels[:1], 1, found.shape[1:])
    error = min(float((found[0] - one).abs().max() / one.max()) for one in maps)
    assert error < 1e-9
