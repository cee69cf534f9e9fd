"""The tables of the page: truth, mistakes, failures. Every number leads to its pictures."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..records import Estimate
from ..viewer import table_block
from .against import Change, Comparison
from .findings import Findings
from .mistakes import Pair
from .shown import Shown, model_names
from .summary import interval_text

FAILURES: Final = 200
NAMED: Final = 5  # classes
SIDES: Final = {
    (True, False): "right, outside",
    (False, False): "wrong, outside",
    (True, True): "right, inside",
    (False, True): "wrong, inside",
}
"""The right for the wrong reason first."""

Table = dict[str, Any]


def truth_table(found: Findings, shown: Shown) -> Table | None:
    """Right and wrong, inside and outside what people annotated; None where nothing is."""
    if found.groups() is None:
        return None
    rows = []
    for target in (None, *found.classes):
        made = found.groups(target)
        if made is None:
            continue
        name = "all" if target is None else found.name(target)
        cells = [
            shown.link(str(len(some)), f"{name}: {text}", some, shown.caption, sort=len(some))
            for side, text in SIDES.items()
            for some in [made.rows[side]]
        ]
        means = (made.inside, made.random, made.centre)
        rows.append([name, *cells, *({"text": interval_text(m), "sort": m.mean} for m in means)])
    note = (
        "Of the pictures with boxes or masks. Inside: more of the map is on the object than of a "
        "map that is the same everywhere (random)."
    )
    head = ["class", *SIDES.values(), "relevance inside", "random", "Gaussian in the middle"]
    return table_block("Right for the right reason", head, rows, note)


def pairs_table(found: Findings, shown: Shown) -> Table | None:
    """Which classes are confused, and where the wrong one was spoken for."""
    if not found.pairs:
        return None
    rows = [
        [_pair_text(found, pair), *cells]
        for pair in found.pairs
        for cells in [_pair_cells(found, shown, pair)]
    ]
    note = (
        "Grouped by where the map of the predicted class is above that of the label (class A "
        "minus class B)."
    )
    return table_block("Mistakes", ["pair", "pictures", "evidence for the wrong class"], rows, note)


def _pair_text(found: Findings, pair: Pair) -> str:
    return f"{found.name(pair.label)} predicted as {found.name(pair.predicted)}"


def _pair_cells(found: Findings, shown: Shown, pair: Pair) -> list[Any]:
    title, count = _pair_text(found, pair), len(pair.rows)
    notes = []
    for number, difference in enumerate(pair.difference):
        rows = pair.rows[pair.group == number]
        notes.append({"text": f"{len(rows)} of {count}: {place_text(difference)}"})
    every = shown.link(str(count), title, pair.rows, shown.caption, sort=count)
    return [every, {"text": notes[0]["text"], "notes": notes[1:]}]


def place_text(values: Any) -> str:
    """The third of the picture where a map is highest, as text."""
    rows, columns = values.shape
    y, x = np.unravel_index(int(np.argmax(values)), values.shape)
    down = ("upper", "middle", "lower")[min(2, int(3 * (y + 0.5) / rows))]
    across = ("left", "centre", "right")[min(2, int(3 * (x + 0.5) / columns))]
    return f"{down} {across}"


def suspects_table(found: Findings, shown: Shown) -> Table | None:
    """The labels most likely to be wrong."""
    if not found.label_suspects:
        return None
    rows = [
        [
            shown.link(found.sample(one.row).name, "A label that may be wrong", [one.row]),
            found.name(int(found.pictures.label[one.row])),
            found.name(one.other),
            {"text": f"{one.score:.2f}", "sort": one.score},
        ]
        for one in found.label_suspects
    ]
    note = (
        "The model is at least as sure of another class as it is on average in that class's own "
        "pictures; the difference is of the two probabilities."
    )
    return table_block(
        "Labels that may be wrong", ["picture", "label", "predicted", "surer by"], rows, note
    )


def outliers_table(found: Findings, shown: Shown) -> Table | None:
    """The pictures most unlike their class."""
    if not found.outliers:
        return None
    rows = [
        [
            shown.link(found.sample(one.row).name, "A picture unlike its class", [one.row]),
            found.name(one.other),
            {"text": f"{one.score:.1f}", "sort": one.score},
        ]
        for one in found.outliers
    ]
    note = "How far its patches are from those of its class, over the class's median."
    return table_block("Pictures unlike their class", ["picture", "label", "times"], rows, note)


def changes_tables(found: Findings, comparison: Comparison, shown: Shown) -> list[Table]:
    """What changed from one model to another, class by class; and whose maps moved."""
    first, second = model_names(found, comparison.other)
    rows = [_change_row(found, comparison.other, one, shown) for one in comparison.changes]
    head = ["class", first, second, "difference", "inside", "suspicious", "lost", "gained"]
    note = (
        "Accuracy and relevance inside on the same pictures, and their differences; two numbers "
        "are of the first and of the second model. Reasons are the same where they lie at the same "
        "places."
    )
    if comparison.skipped:
        note += f" Not compared, since one of the models does not know them: {_few(comparison)}."
    items = [item for moved in comparison.moved for item in shown.beside(comparison.other, moved)]
    shown.lists.append({"title": "Maps that moved most", "note": "", "items": items, "pairs": True})
    text = f"{len(items) // 2} pictures whose map of the label moved most, side by side"
    link = {"text": text, "href": f"#list-{len(shown.lists) - 1}"}
    return [
        table_block(f"Compared with {second}", head, rows, note),
        table_block("Maps that moved", ["pictures"], [[link]]),
    ]


def _few(comparison: Comparison) -> str:
    """The classes that are not compared, the first few of them."""
    names = comparison.skipped
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _change_row(found: Findings, other: Findings, one: Change, shown: Shown) -> list[Any]:
    before, after, difference = one.accuracy
    lost = [row for reason in one.lost for row in found.rows_of(reason)]
    numbers = [other.pictures.number[row] for reason in one.gained for row in other.rows_of(reason)]
    gained = np.flatnonzero(np.isin(found.pictures.number, numbers))
    link, of_class = shown.link, f"{one.name}: pictures of reasons"
    return [
        one.name,
        {"text": interval_text(before), "sort": before.mean},
        {"text": interval_text(after), "sort": after.mean},
        {"text": _difference_text(difference), "sort": difference.mean},
        "-" if one.inside is None else _inside_text(*one.inside),
        " / ".join(f"{score:.2f}" for score in one.suspicious),
        link(str(len(one.lost)), f"{of_class} that are lost", dict.fromkeys(lost)),
        link(str(len(one.gained)), f"{of_class} that are gained", gained),
    ]


def _inside_text(before: Estimate, after: Estimate, difference: Estimate) -> str:
    both = " / ".join(interval_text(side) for side in (before, after))
    return f"{both}: {_difference_text(difference)}"


def _difference_text(found: Estimate) -> str:
    """A difference of two shares in percentage points, with its interval."""
    return f"{100 * found.mean:+.0f} ({100 * found.low:+.0f} to {100 * found.high:+.0f})"


def failures_table(found: Findings, _: Shown) -> Table | None:
    """What could not be scanned, and classes that have no pictures."""
    missing = [[name, "class", "no picture was scanned"] for name in found.without_pictures]
    rows = missing + [[one.name, one.metric, one.message] for one in found.failures[:FAILURES]]
    if not rows:
        return None
    rest = len(found.failures) - FAILURES
    note = f"{rest} more are in failures.csv." if rest > 0 else ""
    return table_block("Failures", ["name", "what", "why"], rows, note)
