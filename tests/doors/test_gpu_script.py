"""The GPU script's dry run: every table is there, every row has numbers, kernels are fused."""

import subprocess
import sys

from places import ROOT

SECTIONS = (
    "Attention kernels",
    "agcam evaluate",
    "Many classes",
    "320 x 320 pixels",
    "What an explanation costs",
)
NOT_OURS = "No module named 'pytorch_grad_cam'"  # a peer of the extra `benchmarks`


def test_everything_is_measured(tmp_path):
    out = tmp_path / "gpu.md"
    command = [sys.executable, "gpu.py", "--dry-run", "--out", str(out)]
    subprocess.run(command, cwd=ROOT / "benchmarks", check=True, capture_output=True)
    tables = {part.splitlines()[0]: table(part) for part in out.read_text().split("\n## ")[1:]}
    assert len(tables) == len(SECTIONS)
    assert all(title.startswith(name) for title, name in zip(tables, SECTIONS, strict=True))
    for rows in tables.values():
        assert rows
        for row in rows:
            assert any(cell[:1].isdigit() for cell in row[1:]) or NOT_OURS in row[1]
    kernels, costs = next(iter(tables.values())), [*tables.values()][-1]
    for row in kernels:
        assert int(row[1]) > 0  # torch's flash attention, in both precisions
    assert any(row[0] == "agcam, bfloat16, 1" for row in costs)


def table(part):
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
