"""The table of benchmarks/audit.py."""

import numpy as np

from agcam.auditing.findings import SUSPICIOUS

ENOUGH = 0.1  # of other pictures, whose prediction the plant changes


def table(rows):
    """Markdown: recall by kind and way, crops, drops, accusations; then the plants not found."""
    some = [row for row in rows if row["classes"]]
    strong = [row for row in some if row["effect"] >= ENOUGH]
    lines = [*_recalls(strong), "", *_accusations(rows), "", *_missed(strong)]
    return "\n".join(lines)


def _recalls(rows):
    ways = list(rows[0]["ranks"]) if rows else []
    head = ["backbone", "plant", "trials", *(f"{way}: rank 1" for way in ways)]
    head += ["IoU of crops", "on the plant", "drop: measured", "true", "within .1"]
    lines = [_line(head), _line(["---"] * len(head))]
    groups = sorted({(_tower(row), row["kind"]) for row in rows})
    backbones = sorted({_tower(row) for row in rows})
    for backbone, kind in [*groups, *((one, "all") for one in backbones)]:
        own = [r for r in rows if _tower(r) == backbone and kind in {"all", r["kind"]}]
        cells = [backbone, kind, str(len(own))]
        cells += [_share([row["ranks"][way] == 1 for row in own]) for way in ways]
        seen = [row for row in own if row["ranks"]["agcam audit"] == 1]
        near = [abs(row["measured drop"] - row["true drop"]) <= 0.1 for row in seen]
        means = ("iou", "on the plant", "measured drop", "true drop")
        cells += [_mean(seen, name) for name in means] + [_share(near)]
        lines.append(_line(cells))
    return lines


def _accusations(rows):
    lines = [
        _line(["backbone", "clean classes", "accused", "planted, accused"]),
        _line(["---"] * 4),
    ]
    for backbone in sorted({_tower(row) for row in rows}):
        own = [row for row in rows if _tower(row) == backbone]
        clean = [v for r in own for k, v in r["scores"].items() if int(k) not in r["classes"]]
        found = [r["suspicion"] for r in own if r["classes"] and r["effect"] >= ENOUGH]
        accused = [_share([v >= SUSPICIOUS for v in some]) for some in (clean, found)]
        lines.append(_line([backbone, str(len(clean)), *accused]))
    return lines


def _missed(rows):
    lines = [
        "Not at rank 1 (effect on other pictures; part of the reason's patches on the plant):",
        "",
    ]
    for row in rows:
        place = "moving" if row["moving"] else "fixed"
        rank = row["ranks"]["agcam audit"]
        if rank != 1:
            lines.append(
                f"- {_tower(row)}, {row['trial']} ({place}, {row['carrying']:.0%} of pictures): "
                f"rank {rank}, effect {row['effect']:.2f}, {row['on the plant']:.2f} on the plant"
            )
    return lines


def _tower(row):
    return f"{row['backbone']}, {row['method']}"


def _line(cells):
    return f"| {' | '.join(cells)} |"


def _share(values):
    return f"{np.mean(values):.0%} ({sum(values)}/{len(values)})" if values else "-"


def _mean(rows, name):
    return f"{np.mean([row[name] for row in rows]):.2f}" if rows else "-"
