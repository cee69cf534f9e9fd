"""The table of benchmarks/audit.py."""

import numpy as np

from agcam.auditing.findings import SUSPICIOUS

ENOUGH = 0.1  # of other pictures, whose prediction the plant changes


def table(rows):
    """Markdown: recall by kind and way, crops, drops, accusations; then the plants not found."""
    planted = [row for row in rows if row["classes"]]
    strong = [row for row in planted if row["effect"] >= ENOUGH]
    lines = [*_recalls(planted, strong), "", *_accusations(rows), "", *_missed(strong)]
    return "\n".join(lines)


def _recalls(planted, strong):
    ways = list(dict.fromkeys(way for row in strong for way in row["ranks"]))
    head = ["tower", "pictures", "plant", "cells", "strong", *(f"{way}: rank 1" for way in ways)]
    head += ["IoU of crops", "on the plant", "drop: measured", "true", "within .1"]
    lines = [_line(head), _line(["---"] * len(head))]
    groups = sorted({(*_where(row), row["kind"]) for row in planted})
    for tower, data, kind in [*groups, ("all", "", "")]:
        every, own = (
            [r for r in some if tower == "all" or (*_where(r), r["kind"]) == (tower, data, kind)]
            for some in (planted, strong)
        )
        cells = [tower, data, kind, str(len(every)), str(len(own))]
        cells += [_share([r["ranks"][w] == 1 for r in own if w in r["ranks"]]) for w in ways]
        seen = [r for r in own if r["ranks"]["agcam audit"] == 1 and "measured drop" in r]
        near = [abs(r["measured drop"] - r["true drop"]) <= 0.1 for r in seen]
        means = ("iou", "on the plant", "measured drop", "true drop")
        lines.append(_line(cells + [_mean(seen, name) for name in means] + [_share(near)]))
    return lines


def _accusations(rows):
    """Of classes without a plant, where another class has one and where none has."""
    head = ["tower", "pictures", "clean classes", "accused", "of these in clean cells", "accused"]
    head += ["strong plants", "accused", "weak casts", "accused"]
    lines = [_line(head), _line(["---"] * len(head))]
    audited = [row for row in rows if row["audited"]]
    for where in [*sorted({_where(row) for row in audited}), None]:
        own = [row for row in audited if where in {None, _where(row)}]
        clean = [v for r in own for k, v in r["scores"].items() if int(k) not in r["classes"]]
        none = [v for r in own if not r["classes"] for v in r["scores"].values()]
        strong = [_first(r) for r in own if r["classes"] and r["effect"] >= ENOUGH]
        weak = [_first(r) for r in own if r["classes"] and r["effect"] < ENOUGH]
        cells = list(where or ("all", ""))
        for some in (clean, none, strong, weak):
            cells += [str(len(some)), _share([v >= SUSPICIOUS for v in some])]
        lines.append(_line(cells))
    return lines


def _first(row):
    return max(row["scores"].get(str(one), 0) for one in row["classes"])


def _missed(rows):
    lines = [
        "Not at rank 1 (effect on other pictures; part of the reason's patches on the plant):",
        "",
    ]
    for row in rows:
        place, found = "moving" if row["moving"] else "fixed", row["ranks"]["agcam audit"]
        if found != 1:
            lines.append(
                f"- {row['name']} ({place}, {row['carrying']:.0%} of pictures): rank {found}, "
                f"effect {row['effect']:.2f}, {row.get('on the plant', 0):.2f} on the plant"
            )
    return lines


def _where(row):
    return row["tower"], row["data"]


def _line(cells):
    return f"| {' | '.join(cells)} |"


def _share(values):
    return f"{np.mean(values):.0%} ({sum(values)}/{len(values)})" if values else "-"


def _mean(rows, name):
    return f"{np.mean([row[name] for row in rows]):.2f}" if rows else "-"
