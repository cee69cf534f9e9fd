"""Every family of attention against the definition, or refused by its true cause."""

import families
import positions
import pytest
import torch

import agcam

OVERLAP = {"hiera", "nest", "volo"}  # convolutions in front of, or between stages
REFUSED = {
    "levit": "reach it by attention alone",
}  # a family leaves this table when it is explained


@pytest.mark.parametrize("name", families.CASES)
def test_every_family_is_explained_as_defined_or_refused(name):
    case = families.CASES[name]
    model = case.make()
    pixels, target = torch.randn(2, 3, *case.size, dtype=torch.float64), torch.tensor([1, 2])
    if name in REFUSED:
        with pytest.raises(agcam.ModelError, match=REFUSED[name]):
            agcam.explain(model, pixels, target)
        return
    found = agcam.explain(model, pixels, target[:, None], method="agcam").grid_map[:, 0]
    expected = positions.truth(case, model, pixels, target)
    if case.where is None or name in OVERLAP:
        found, expected = (t.flatten(1).sum(1) if t.ndim > 1 else t for t in (found, expected))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.max()))
