"""Every family of attention against the definition, or refused by its true cause."""

import families
import positions
import pytest
import torch

import agcam

REFUSED = {
    "swin": "hierarchical",
    "swin, odd": "hierarchical",
    "swinv2": "hierarchical",
    "convit": "hierarchical",
    "tnt": "hierarchical",
    "pvt": "hierarchical",
    "twins": "hierarchical",
    "hiera": "hierarchical",
    "nest": "hierarchical|sequence",
    "volo": "hierarchical",
    "sam": "hierarchical",
    "levit": "hierarchical",
    "maxvit": "hierarchical",
    "gcvit": "hierarchical",
    "mvitv2": "hierarchical",
    "mobilevit": "hierarchical",
    "coatnet": "hierarchical",
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
    found = agcam.explain(model, pixels, target).grid_map[:, 0]
    expected = positions.truth(case, model, pixels, target)
    if case.where is None:
        found = found.flatten(1).sum(1)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.max()))
