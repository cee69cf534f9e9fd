"""A data set of one sample per picture, whatever classes the picture has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..values import UNLABELLED, DataSet, Sample


def by_picture(data: DataSet, known: Sequence[int | None]) -> DataSet:
    """Merge the samples of each picture into one.

    Args:
        data: Of one sample per picture and class.
        known: For each class of the data set the model's class, None where it has none.

    Returns:
        Samples in the order of the first of each picture, called after the picture and labelled
        with its first class that is known; `each` holds what they were. Those with a problem, and
        of pictures without a class, are as they were.
    """
    groups: dict[str, list[Sample]] = {}
    for sample in data.samples:
        key = sample.name if sample.problem else sample.address
        groups.setdefault(key, []).append(sample)
    return replace(data, samples=tuple(_merged(some, known) for some in groups.values()))


def _merged(samples: Sequence[Sample], known: Sequence[int | None]) -> Sample:
    if samples[0].problem or samples[0].label == UNLABELLED:
        return samples[0]
    first = next((one for one in samples if known[one.label] is not None), samples[0])
    name = _name(first)
    if len(samples) == 1 and name == first.name:
        return first
    return replace(first, name=name, each=tuple(samples))


def _name(sample: Sample) -> str:
    """The picture's, without the class that readers put behind it."""
    name = sample.name
    while name and not sample.address.endswith(name):
        name = name.rpartition("#")[0]
    return name or sample.name
