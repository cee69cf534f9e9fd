"""Stores of a few invented rows, for tests and benchmarks; and what may happen to their files."""

import random

import numpy as np

from agcam.records import Failure, Record, SampleRow, ShardRows, Store

METHODS = ("agcam", "rollout", "random")
METRIC = {"better": "higher", "map_of": "label", "fill": "zero", "right_only": False}
CONFIGURATION = {
    "dataset": {"name": "set <i>", "samples": 40, "sha256": "0"},
    "model": {"name": "model & co"},
    "methods": list(METHODS),
    "metrics": {"abpc": METRIC, "morf": {**METRIC, "better": "lower"}},
}


def shard_rows(shard, size=4, seed=0):
    generator = np.random.default_rng([seed, shard])
    numbers = range(shard * size, (shard + 1) * size)
    samples = tuple(SampleRow(n, f"picture {n}", 1, n % 2, 0.5) for n in numbers)
    records = tuple(
        Record(n, method, metric, float(generator.random()), tuple(generator.random(11)))
        for n in numbers
        for method in METHODS
        for metric in ("abpc", "morf")
        if not (method == "rollout" and n == 3)
    )
    failures = (Failure(shard * size, f"picture {shard * size}", "", "boxes", "a <bad> box"),)
    return ShardRows(samples, records, failures, forwards=10, seconds=0.5)


def filled(path, shards=10):
    store = Store(path)
    assert store.begin("key", CONFIGURATION, shards) == set()
    for shard in range(shards):
        store.append("key", shard, shard_rows(shard))
    store.finish("key")
    return store


def append_all(store, shards, key="key"):
    for shard in shards:
        store.append(key, shard, shard_rows(shard))


def damaged(path, seed):
    """Flip some bytes of a file, overwrite a page, or cut it; by a seed."""
    generator = random.Random(seed)
    content = bytearray(path.read_bytes())
    kind = generator.choice(["flip", "flip", "page", "cut"])
    if kind == "cut":
        del content[generator.randrange(len(content)) :]
    elif kind == "page":
        at = generator.randrange(len(content) // 4096) * 4096
        content[at : at + 4096] = generator.randbytes(4096)
    else:
        for _ in range(generator.choice([1, 8, 64, 512])):
            content[generator.randrange(len(content))] = generator.randrange(256)
    path.write_bytes(content)
    return kind
