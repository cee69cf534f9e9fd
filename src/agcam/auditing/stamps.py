"""What tells that a picture, or what people annotated of it, is no longer what was scanned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ..addresses import is_address
from ..errors import AgcamError
from ..evaluation import Setup
from ..values import Sample, Truth

LETTERS: Final = 16
DATES: Final = ("mtime", "LastModified", "last_modified", "created", "ETag", "etag", "md5Hash")
"""What file systems know of when a file was written, or of what it holds."""


def stamps(setup: Setup) -> tuple[str, ...]:
    """One for each shard: another one where a file was written to, or an annotation changed.

    Files are not read: size and time are enough, and a copy of a file counts as another one.
    """
    samples, size = setup.dataset.samples, setup.configuration.batch_size
    return tuple(
        _hash(_of_samples(samples[start : start + size], setup.dataset.truth))
        for start in range(0, len(samples), size)
    )


def together(several: Sequence[str]) -> str:
    """One stamp of all shards."""
    return _hash(several)


def _of_samples(samples: Sequence[Sample], truth: Callable[[Sample], Truth]) -> Iterator[str]:
    for sample in samples:
        yield _of_file(sample.address)
        for one in sample.each or (sample,):
            yield _of_truth(one, truth)


def _of_file(address: str) -> str:
    """Size and time of a file, or of the archive that it lies in; nothing where it is not there."""
    inside, _, path = address.rpartition("::")
    try:
        if not is_address(path):
            found = Path(path).stat()
            return f"{inside} {found.st_size} {found.st_mtime_ns}"
        from fsspec.core import url_to_fs

        system, name = url_to_fs(address)
        about = system.info(name)
        return f"{about.get('size')} {[about.get(key) for key in DATES]}"
    except (OSError, ValueError, ImportError):
        return ""


def _of_truth(sample: Sample, read: Callable[[Sample], Truth]) -> str:
    try:
        truth = read(sample)
    except AgcamError as error:
        return str(error)
    mask = b"" if truth.mask is None else truth.mask.tobytes()
    return f"{truth.boxes.tolist()} {hashlib.sha256(mask).hexdigest() if mask else ''}"


def _hash(texts: Sequence[str] | Iterator[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:LETTERS]
