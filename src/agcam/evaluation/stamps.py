"""What tells that a picture, or what people annotated of it, is no longer what was judged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from ..addresses import is_address
from ..errors import AgcamError
from ..values import Sample, Truth
from .setup import Setup

LETTERS: Final = 16
DATES: Final = ("mtime", "LastModified", "last_modified", "created", "ETag", "etag", "md5Hash")
"""What file systems know of when a file was written, or of what it holds."""


def stamp(setup: Setup, shard: int) -> str:
    """The stamp of a shard, another one where a file was written to or an annotation changed.

    Files are not read: size and time are enough, and a copy of a file counts as another one.
    """
    return hash_of(
        text
        for sample in _samples(setup, shard)
        for one in sample.each or (sample,)
        for text in (sample.problem, _of_file(sample.address), *_of_truth(setup, one))
    )


def changed(setup: Setup, stamps: Mapping[int, str | None]) -> list[int]:
    """Of shards with the stamps that they were judged with, those that have another one now.

    A shard without a stamp is of an earlier version; where no file is there (a disk that is not
    mounted), nothing has changed.
    """
    return [
        shard
        for shard, before in stamps.items()
        if before is not None
        and any(_of_file(sample.address) for sample in _samples(setup, shard))
        and stamp(setup, shard) != before
    ]


def hash_of(texts: Iterable[str]) -> str:
    """A short name for all of the texts together."""
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:LETTERS]


def _samples(setup: Setup, shard: int) -> tuple[Sample, ...]:
    size = setup.configuration.batch_size
    return setup.dataset.samples[shard * size : (shard + 1) * size]


def _of_file(address: str) -> str:
    """Size and time of a file, or of the archive that it lies in; empty where it is not there."""
    inside, _, path = address.rpartition("::")
    try:
        if not is_address(path):
            return f"{inside} {_on_disk(Path(path))}"
        from fsspec.core import url_to_fs

        system, name = url_to_fs(address)
        about = system.info(name)
        return f"{about.get('size')} {[about.get(key) for key in DATES]}"
    except (OSError, ValueError, ImportError):
        return ""


def _on_disk(path: Path) -> str:
    """Of a folder (the frames of a clip) that of each file in it."""
    if path.is_dir():
        return "\n".join(f"{one.name} {_on_disk(one)}" for one in sorted(path.iterdir()))
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns}"


def _of_truth(setup: Setup, sample: Sample) -> Iterator[str]:
    if sample.problem or not setup.reads_truth:
        return
    try:
        truth: Truth = setup.dataset.truth(sample)
    except AgcamError as error:
        yield str(error)
        return
    yield str(truth.boxes.tolist())
    if truth.mask is not None:
        yield hashlib.sha256(truth.mask.tobytes()).hexdigest()
    for part in truth.parts:
        yield f"{part.name} {hashlib.sha256(part.mask.tobytes()).hexdigest()}"
        yield _of_file(part.without)
