"""Work for engines, in a file that imports nothing heavy: every worker's process imports it."""

import hashlib
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


def busy(folder):
    """A worker that names its process and is then at one step for hours, without Python's lock."""

    def work(shard):
        (folder / f"{os.getpid()}.pid").touch()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**11 // 60)

    return work


def holding(folder):
    """The same with Python's lock held, so that no other thread of the process can run."""

    def work(shard):
        (folder / f"{os.getpid()}.pid").touch()
        return sum(range(10**13))

    return work


def first_only(folder):
    """A worker that answers shard 0, and is at any other one for hours."""
    endless = busy(folder)
    return lambda shard: shard if shard == 0 else endless(shard)
