"""What planted_evidence.py found, as tables: means, and intervals over pictures and trials."""

from collections import defaultdict

import numpy as np

RESAMPLES = 5000


def least_subtracted(case):
    """The share of the mask in a map less its least value: how the first figures were made."""
    relevance = case.relevance - case.relevance.min()
    return float(relevance[case.mask == 1].sum() / relevance.sum())


def table(rows):
    """A table for each backbone, part, number of views and kind of plant.

    Rows of benchmarks/second_table.py are taken, too: its items are a trial and a picture.
    """
    groups = defaultdict(list)
    known = {(row["model"], row["trial"]): row for row in rows if "own with" in row}
    for row in rows:
        if "method" in row and row.get("set", "planted") == "planted":
            trial = row.get("trial") or row["item"].split()[0]
            key = (row["model"], row["part"], row.get("views", 1), row.get("refined", False))
            groups[(*key, trial.split("-")[1])].append({**row, "trial": trial})
    return "\n".join(line for key in sorted(groups) for line in _lines(key, groups[key], known))


def _lines(key, rows, known):
    model, part, views, refined, kind = key
    kept = [row for row in rows if "skipped" not in row]
    items = {(row["trial"], row["item"]): row for row in kept}
    trials = sorted({trial for trial, _ in items})
    wrong = len({(row["trial"], row["item"]) for row in rows}) - len(items)
    drops = [row["drop"] for row in items.values()]
    yield f"## {model}, {part}, {kind}, views {views}{', refined' * refined}\n"
    yield (
        f"{len(items)} pictures of {len(trials)} trials ({wrong} predicted wrongly); area "
        f"{np.mean([row['area'] for row in items.values()]):.3f}; without it the logit falls by "
        f"{np.mean(drops):.2f}, in {np.mean(np.array(drops) > 0):.2f} of the pictures"
    )
    heads = [known[model, trial] for trial in trials if (model, trial) in known]
    for name in ("own", "others") if heads else ():
        some = [np.mean([row[f"{name} {when}"] for row in heads]) for when in ("with", "without")]
        yield f"{name} predicted as the class: {some[0]:.2f} with the plant, {some[1]:.2f} without"
    titles = ("method", "pictures", "share", "over pictures", "over trials", "least trial")
    yield f"\n| {' | '.join(titles)} | least value taken off |"
    yield "|---|---|---|---|---|---|---|"
    by_method = defaultdict(list)
    for row in kept:
        by_method[row["method"]].append(row)
    for name in sorted(by_method, key=lambda name: -_mean(by_method[name], "share")):
        yield _line(name, by_method[name])
    yield ""


def _line(name, rows):
    trials = defaultdict(list)
    for row in rows:
        trials[row["trial"]].append(row["share"])
    sums = np.array([(sum(some), len(some)) for some in trials.values()])
    ones = np.array([(row["share"], 1) for row in rows])
    least = min(sums[:, 0] / sums[:, 1])
    cells = (f"{_mean(rows, 'share'):.3f}", _interval(ones), _interval(sums), f"{least:.2f}")
    subtracted = f"{_mean(rows, 'least'):.3f}" if "least" in rows[0] else "-"
    return f"| {name} | {len(rows)} | {' | '.join(cells)} | {subtracted} |"


def _mean(rows, key):
    return np.mean([row[key] for row in rows])


def _interval(sums):
    """95 % of a mean of resampled (sum, count): pictures alone, or those of a trial together."""
    draws = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    drawn = sums[draws].sum(1)
    return "{:.3f} to {:.3f}".format(*np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975)))
