"""The table of engines: where shards are worked on. A shard is a number; rows come back.

An engine knows nothing of what is evaluated: it gets `start`, which makes a worker's function in
the worker's own process, and the shards. The rows are the same in any order of the shards.
"""

from __future__ import annotations

from ..registry import Table
from .engine import Engine, Resources
from .local import LocalEngine
from .ray_cluster import RayEngine

__all__ = ["ENGINES", "Engine", "Resources"]

ENGINES: Table[type[Engine]] = Table("engine", {"local": LocalEngine, "ray": RayEngine})
