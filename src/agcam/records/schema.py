"""The tables of a store, how a file is known to be one, and what brings an older one up to date."""

from __future__ import annotations

from typing import Final

VERSION: Final = 3
APPLICATION: Final = 0x61676361  # "agca", in the file's header

_SAMPLES: Final = """
CREATE TABLE samples (
    run INTEGER NOT NULL REFERENCES runs,
    sample INTEGER NOT NULL,
    name TEXT NOT NULL,
    label INTEGER NOT NULL,
    prediction INTEGER NOT NULL,
    probability REAL,
    PRIMARY KEY (run, sample)
) WITHOUT ROWID;
"""

TABLES: Final = f"""
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    configuration TEXT NOT NULL,
    shards INTEGER NOT NULL,
    started TEXT NOT NULL,
    finished TEXT NOT NULL DEFAULT ''
);
CREATE TABLE shards (
    run INTEGER NOT NULL REFERENCES runs,
    shard INTEGER NOT NULL,
    forwards INTEGER NOT NULL,
    seconds REAL NOT NULL,
    stamp TEXT,
    PRIMARY KEY (run, shard)
) WITHOUT ROWID;
{_SAMPLES}
CREATE TABLE records (
    run INTEGER NOT NULL REFERENCES runs,
    sample INTEGER NOT NULL,
    method TEXT NOT NULL,
    metric TEXT NOT NULL,
    value REAL,
    curve TEXT,
    PRIMARY KEY (run, sample, method, metric),
    CHECK (value IS NOT NULL OR curve IS NOT NULL)
) WITHOUT ROWID;
CREATE TABLE failures (
    run INTEGER NOT NULL REFERENCES runs,
    sample INTEGER NOT NULL,
    name TEXT NOT NULL,
    method TEXT NOT NULL,
    metric TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (run, sample, method, metric)
) WITHOUT ROWID;
"""

# Version -> the statements that make the next version of it. Version 1 had no room for a sample
# without a probability, version 2 none for the stamp of a shard.
UPGRADES: Final = {
    1: f"""
ALTER TABLE samples RENAME TO samples_1;
{_SAMPLES}
INSERT INTO samples SELECT * FROM samples_1;
DROP TABLE samples_1;
""",
    2: """
ALTER TABLE shards ADD COLUMN stamp TEXT;
""",
}
