"""What an audit takes, measured before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch

from ..errors import AgcamError, RunError
from ..evaluation import Setup
from ..evaluation.configuration import torch_threads
from ..evaluation.match import match_report
from ..evaluation.planning import noise_items
from ..evaluation.setup import key_of
from ..evaluation.shard_maps import ShardMaps
from ..tracing import evaluation_mode
from .columns import SCHEMA, audited_grid, bytes_kept, tokens

SECONDS: Final = 1.0  # of measuring, after which one more pass says nothing new


@dataclass(frozen=True)
class Plan:
    """A scan that can start.

    Attributes:
        description: All that its columns depend on.
        seconds: What the scan of one picture takes in one worker.
        forward_seconds: What a plain pass of one picture takes.
        tests: Forward passes that interventions take at most.
        bytes: What is kept of a picture, at most.
    """

    setup: Setup
    description: dict[str, Any]
    seconds: float
    forward_seconds: float
    tests: int
    bytes: int

    @property
    def key(self) -> str:
        """The scan's name: the hash of its description."""
        return key_of(self.description)

    @property
    def pictures(self) -> int:
        """How many pictures have a class that the model knows."""
        return self.setup.known

    @property
    def forwards(self) -> float:
        """What the scan of a picture takes, in plain passes."""
        return self.seconds / self.forward_seconds

    @property
    def match_report(self) -> str:
        """Which classes the model knows, as text."""
        return match_report(self.setup.dataset, self.setup.classifier)

    @property
    def disk(self) -> int:
        """What the scan takes of a disk at most, in bytes: its shards, and its columns."""
        return 2 * self.bytes * self.pictures

    def total_seconds(self, workers: int, left: float = 1.0) -> float:
        """About how long interventions take, and the scan of what is left (a share)."""
        return left * self.pictures * self.seconds / workers + self.tests * self.forward_seconds


def plan(setup: Setup, tests: int) -> Plan:
    """Try the method on noise, and time it beside a plain pass.

    Raises:
        RunError: The model refuses the method; the message says why.
    """
    classifier, method = setup.classifier, setup.methods[0]
    with torch_threads(setup.configuration.threads), evaluation_mode(classifier.module):
        try:
            size = _recorded(setup, 1)()  # the survey of the model is not part of a scan's time
        except AgcamError as error:
            raise RunError(f"{classifier.name} refuses {method.name}: {error}") from error
        batch = min(setup.configuration.batch_size, len(setup.dataset.samples))
        scan = _fastest(_recorded(setup, batch)) / batch
        forward = _fastest(_plain(setup, batch)) / batch
    description = {**setup.description(), "audit": SCHEMA}
    return Plan(setup, description, scan, forward, tests, size)


def _recorded(setup: Setup, pictures: int) -> Callable[[], int]:
    """What records pictures as a scan does; it gives what is kept of one, in bytes."""
    items = noise_items(setup, pictures)

    def run() -> int:
        maps = ShardMaps(setup.classifier, items, setup.methods[:1])
        maps.maps_of_several(setup.methods[0], maps.logits.argmax(-1)[:, None])
        grid = audited_grid(maps.recording)
        return bytes_kept(grid, tokens(maps.recording, grid).shape[-1])

    return run


def _plain(setup: Setup, pictures: int) -> Callable[[], object]:
    pixels = ShardMaps(setup.classifier, noise_items(setup, pictures), setup.methods[:1]).pixels

    def run() -> object:
        with torch.inference_mode():
            return setup.classifier.predict(pixels)

    return run


def _fastest(run: Callable[[], object]) -> float:
    """Seconds of the fastest of a few runs."""
    best, start = float("inf"), time.perf_counter()
    while True:
        before = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - before)
        if time.perf_counter() - start > SECONDS:
            return best
