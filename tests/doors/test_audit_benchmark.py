"""The dry run of the audit's benchmark: every trial is learned, scanned and judged."""

import json
import subprocess
import sys

from places import ROOT


def test_every_trial_is_judged(tmp_path):
    command = [sys.executable, "audit.py", str(tmp_path), "--dry-run"]
    done = subprocess.run(
        command, cwd=ROOT / "benchmarks", check=True, capture_output=True, text=True
    )
    files = sorted((tmp_path / "rows").glob("*.json"))
    rows = {row["kind"]: row for row in (json.loads(file.read_text()) for file in files)}
    assert set(rows) == {"tag", "cast", "none"}
    for row in rows.values():
        if row["audited"]:
            assert set(row["scores"]) == {"0", "1", "2"}
            assert all(0 <= score <= 1 for score in row["scores"].values())
    assert rows["cast"]["audited"]
    assert not rows["none"]["classes"]
    assert "| untrained | noise |" in done.stdout
