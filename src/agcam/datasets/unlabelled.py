"""A folder of pictures without classes, for what needs none, such as an audit by prediction."""

from __future__ import annotations

from ..addresses import Place
from ..values import UNLABELLED, Sample
from .classes import Classes
from .reader import PICTURES, Listing, missing, reader, unread

_LAYOUT = "a folder with pictures in it or below"


def read(root: str) -> Listing:
    """Samples by their paths; there are no classes. A folder that cannot be read fails."""
    place = Place(root)
    files, skipped = place.walk("", PICTURES)
    samples = [Sample(file, place.at(file), UNLABELLED) for file in files]
    problems = unread(place, "", skipped)
    if not samples and not problems:
        raise missing(place, "a picture")
    return Listing(Classes(()), samples + problems)


READER = reader("unlabelled", read, _LAYOUT, "pictures as a camera leaves them")
