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
    rows = json.loads((tmp_path / "untrained.json").read_text())
    assert [row["kind"] for row in rows] == ["tag", "cast", "none"]
    for row in rows:
        assert set(row["scores"]) == {"0", "1", "2"}
        assert all(0 <= score <= 1 for score in row["scores"].values())
        assert not row["classes"] or {"iou", "measured drop", "true drop"} <= set(row)
    cast = rows[1]
    assert cast["ranks"]["agcam audit"] == 1
    assert "| untrained, " in done.stdout
