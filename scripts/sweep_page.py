"""The page of rows that a sweep renews, one row at a time."""

import fcntl
import re
from collections import Counter


def renew(page, name, text):
    """Renew one row; several sweeps may write one page."""
    with page.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        content = file.read()
        new = with_rows(content, {**rows_of(content), name: text})
        file.seek(0)
        file.write(new)
        file.truncate()


def rows_of(content):
    """The rows of a page by name."""
    found = re.findall(r"^\| ([^|]+?) \| (.+) \|$", content, re.MULTILINE)
    return {name: text for name, text in found if name != "model"}


def with_rows(content, rows):
    """The page with these rows, in the order of the alphabet; what stands above them is kept."""
    above = content.partition("<!-- rows -->")[0]
    table = "| model | tracer | grid + prefix | against the definition, or why not |\n"
    lines = "".join(f"| {name} | {rows[name]} |\n" for name in sorted(rows))
    return f"{above}<!-- rows -->\n{summary(rows)}\n\n{table}|---|---|---|---|\n{lines}"


def summary(rows):
    """How many are explained, refused, without attention, and what else there is."""

    def kind(text):
        first = text.split(" | ")[0].strip()
        return kind(rows.get(first[3:], "missing")) if first.startswith("as ") else first

    known = ("refused", "no attention", "does not fit", "does not run", "missing")
    counts = Counter(one if one in known else "explained" for one in map(kind, rows.values()))
    labels = {
        "no attention": "without attention",
        "does not fit": "too large for the machine of the sweep",
        "does not run": "not run",
    }
    kinds = (one for one in ("explained", *known) if counts[one])
    return ", ".join(f"{counts[one]} {labels.get(one, one)}" for one in kinds) + "."
