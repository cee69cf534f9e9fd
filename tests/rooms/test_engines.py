"""Engines: any order, lost workers, the same rows; nothing of torch."""

import os
import signal
from functools import partial

import pytest

from agcam import RunError
from agcam.engines import ENGINES, Limits


def doubling(folder):
    """A worker that doubles, and dies at shard 3 the first time it meets it."""

    def work(shard):
        marker = folder / "died"
        if shard == 3 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * shard

    return work


def dying():
    def work(shard):
        os.kill(os.getpid(), signal.SIGKILL)

    return work


def failing():
    def work(shard):
        raise ValueError(f"shard {shard}")

    return work


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lost_workers_shards_are_worked_on_again(engine, tmp_path):
    found = dict(ENGINES[engine](Limits(workers=2)).run(partial(doubling, tmp_path), range(8)))
    assert (tmp_path / "died").exists()
    assert found == {shard: 2 * shard for shard in range(8)}


@pytest.mark.parametrize("engine", ENGINES)
def test_workers_that_are_always_lost_end_the_run_with_a_reason(engine):
    with pytest.raises(RunError, match="lost 3 times"):
        list(ENGINES[engine](Limits(workers=2)).run(dying, [0, 1]))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_of_the_work_is_raised_as_it_is(engine):
    with pytest.raises(ValueError, match="shard 0"):
        list(ENGINES[engine](Limits(workers=2)).run(failing, [0]))
