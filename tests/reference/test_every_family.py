"""Every family of attention against the definition."""

import other_families
import positions
import pytest
import torch

import agcam

OVERLAP = {"nest"}  # convolutions between stages


@pytest.mark.parametrize("name", other_families.CASES)
def test_every_family_is_explained_as_defined(name):
    case = other_families.CASES[name]
    model = case.make()
    pixels, target = torch.randn(2, 3, *case.size, dtype=torch.float64), torch.tensor([1, 2])
    found = agcam.explain(model, pixels, target[:, None], method="agcam").grid_map[:, 0]
    expected = positions.truth(case, model, pixels, target)
    if case.where is None or name in OVERLAP:
        found, expected = (t.flatten(1).sum(1) if t.ndim > 1 else t for t in (found, expected))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.max()))
