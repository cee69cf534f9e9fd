"""Work for engines, in a file that imports nothing heavy: every worker's process imports it."""

import os
import signal

from agcam import LoadError


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


def refusing():
    raise LoadError("no such weights")
