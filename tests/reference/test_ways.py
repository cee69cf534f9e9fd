"""However attention is written: its map is the definition's, or it is refused; never wrong."""

from dataclasses import replace

import torch
import ways
from hypothesis import HealthCheck, Phase, given, seed, settings

import agcam

REFERENCE = ways.Way(
    layout="bhqk", heads=2, fused=True, scale="before", softmax="method", bias="none", between=(),
    product="matmul", letters="bhij,bhjd->bhid", pool="class", seed=1,
)  # fmt: skip


def judge(way):
    """How far maps are from the truth at most, and the tracer; or the refusal."""
    model = ways.Model(way)
    generator = torch.Generator().manual_seed(way.seed)
    pixels = torch.randn(2, 3, 8, 12, dtype=torch.float64, generator=generator)
    target = torch.tensor([1, 3])
    errors, tracer = [], ""
    for some in ([0], [0, 1]):
        try:
            found = agcam.explain(model, pixels[some], target[some], "agcam")
        except agcam.AgcamError as error:
            if "batch_size=1" in str(error) and len(some) > 1:
                continue
            return str(error), ""
        expected = ways.truth(model, pixels[some], target[some])
        scale = expected.abs().max().clamp(min=1e-12)
        errors.append(float((found.grid_map.flatten(1) - expected).abs().max() / scale))
        tracer = found.tracer
    return max(errors), tracer


@seed(0)
@settings(
    max_examples=120,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(ways.ways())
def test_every_way_is_the_definition_or_refused(way):
    found, tracer = judge(way)
    if isinstance(found, str):
        assert not way.ordinary, found
    else:
        assert found < 1e-9, (found, way)
        assert tracer == "replay" or not way.replayed


def test_what_is_not_followed_is_refused_by_its_cause():
    for changes, words in {
        (("softmax", "exponentials"),): "out of exponentials",
        (("softmax", "scripted"),): "in compiled code",
        (("between", ("detached",)),): "detaches",
        (("product", "twice"),): "more than once",
        (("product", "sum of products"),): "otherwise than in a product",
    }.items():
        found, _ = judge(replace(REFERENCE, **dict(changes)))
        assert words in str(found)
