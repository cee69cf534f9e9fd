"""ImageNet's synsets and their names, as timm ships them."""

from __future__ import annotations

from functools import cache

from .classes import split_names


@cache
def imagenet_synsets(subset: str = "imagenet-1k") -> tuple[str, ...]:
    """Synset of each class number: `n01440764` is class 0 of ImageNet's 1,000."""
    from timm.data import ImageNetInfo

    return tuple(ImageNetInfo(subset).label_names())


@cache
def imagenet_classes() -> tuple[tuple[str, ...], ...]:
    """Of each of the 1,000 classes its synset, then its names."""
    return tuple((synset, *names_of(synset)) for synset in imagenet_synsets())


@cache
def names_of(synset: str) -> tuple[str, ...]:
    """Names of a synset of ImageNet's 1,000 or 21,841; none for another."""
    name = _described("imagenet-1k").get(synset) or _described("imagenet-22k").get(synset)
    return split_names(name or "")


@cache
def _described(subset: str) -> dict[str, str]:
    from timm.data import ImageNetInfo

    info = ImageNetInfo(subset)
    return {synset: info.label_name_to_description(synset) for synset in info.label_names()}
