"""What is kept between two requests: in memory only, bounded, each visitor's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from cachetools import TTLCache
from PIL import Image

from .limits import Limits
from .recording import CachedRecording

Key = tuple[str, str]
"""(visitor, upload): neither can be guessed, and both are needed."""


@dataclass(frozen=True)
class Upload:
    """A picture as it came (`data`), as it is shown, and its latest recording."""

    data: bytes
    name: str
    shown: Image.Image
    recording: CachedRecording | None = None

    @cached_property
    def nbytes(self) -> int:
        """Bytes held for this picture."""
        width, height = self.shown.size
        recorded = 0 if self.recording is None else self.recording.nbytes
        return len(self.data) + 3 * width * height + recorded


class UploadCache:
    """Uploads by (visitor, upload); the least recently used is dropped first.

    Dropped is what was not used for `limits.kept_seconds`, what exceeds `limits.kept_pictures` of
    one visitor, and what exceeds `limits.kept_bytes` of all.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept_pictures, self._lock = limits.kept_pictures, threading.Lock()
        self._entries: TTLCache[Key, Upload] = TTLCache(
            limits.kept_bytes, limits.kept_seconds, clock, getsizeof=lambda upload: upload.nbytes
        )

    def put(self, key: Key, upload: Upload, *, only_in_place: bool = False) -> None:
        """Keep an upload, if wanted only in place of one; others may be dropped for it."""
        with self._lock:
            if self._entries.pop(key, None) is None and only_in_place:
                return
            with suppress(ValueError):  # it is larger than all that may be kept
                self._entries[key] = upload
            own = [other for other in self._entries if other[0] == key[0]]
            for other in own[: -self._kept_pictures]:
                del self._entries[other]

    def get(self, key: Key) -> Upload | None:
        """The upload, which counts as used now; None if it was dropped or never put."""
        with self._lock:
            upload = self._entries.pop(key, None)
            if upload is not None:
                self._entries[key] = upload  # the last in the row, and kept as long again
            return upload

    def sweep(self) -> None:
        """Drop what is too old, also when nobody uses the cache."""
        with self._lock:
            self._entries.expire()

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    @property
    def nbytes(self) -> int:
        """Bytes of everything kept."""
        with self._lock:
            return int(self._entries.currsize)
