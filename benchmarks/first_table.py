"""The first real table: every affordable method, the demo model, real annotated pictures.

    python benchmarks/first_table.py DATA [--minutes N] [--out FOLDER] [--work FOLDER] [--workers N]

DATA holds tiny-imagenet/, imagenet-boxes/ and coco/ as in their readers' layouts. Methods that take
more than SLOWEST times a plain pass are left out and named. Numbers, and a report without pictures
for each run, go to FOLDER; the store to the work folder, so that a stopped run goes on.
As many pictures are taken as fit into the minutes, by the time that methods take on one picture.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

SLOWEST = 12.0  # times a plain pass
LOCALIZATION = ("paper_localization", "pointing", "max_box")
RUNS = {  # data set, folder, metrics, most samples, share of the time, passes a method
    "localization": ("tiny_imagenet", "tiny-imagenet", LOCALIZATION, 200, 0.3, 0),
    "instances": ("yolo", "coco", ("instances", "pointing", "localization"), 100, 0.25, 0),
    "perturbation": ("imagenet_boxes", "imagenet-boxes", ("paper", "pointing"), 10, 0.35, 18),
    "cost": ("imagenet_boxes", "imagenet-boxes", ("cost",), 8, 0.1, 12),
}
HEADS = {
    "localization": "One object a picture: Tiny ImageNet's validation pictures (64 x 64, enlarged)",
    "instances": "Several objects: COCO pictures, one question a class",
    "perturbation": "Ten full-size ImageNet photographs: the paper's two tests, SaCo",
    "cost": "Time and memory beside a plain pass, batches of 4, one thread",
}


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    here = Path(__file__).parent
    parser.add_argument("--out", type=Path, default=here / "first-table")
    parser.add_argument("--work", type=Path, default=here.parent / "build")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--minutes", type=float, default=20)
    return parser.parse_args()


def configuration(arguments, name, methods, limit):
    from agcam.evaluation import Configuration

    reader, folder, metrics = RUNS[name][:3]
    return Configuration(
        dataset=reader,
        root=str(arguments.data / folder),
        model=arguments.model,
        methods=methods,
        metrics=metrics,
        limit=limit,
        batch_size=4,
        precision="bfloat16" if name == "perturbation" else "as-is",
        threads=1,
    )


def chosen(arguments):
    """Methods that take no more than SLOWEST plain passes, the others and why, samples of each run.

    Written down in the work folder, so that a stopped table goes on as the same runs.
    """
    import torch

    from agcam.evaluation import plan

    kept = arguments.work / "first-table.json"
    if kept.exists():
        return json.loads(kept.read_text())
    from agcam.methods import METHODS

    torch.set_num_threads(1)
    asking = [m.name for m in METHODS.values() if m.needs.black_box and m.name != "saliency"]
    made = plan(configuration(arguments, "cost", tuple(m for m in METHODS if m not in asking), 4))
    times = {name: took / made.forward_seconds for name, took in made.method_seconds.items()}
    slow = {name: METHODS[name].passes for name in asking}
    slow |= {k: f"{ratio:.0f} times a plain pass" for k, ratio in times.items() if ratio > SLOWEST}
    methods = [name for name in times if name not in slow]
    limits = {name: limit_of(arguments, name, methods, made) for name in RUNS}
    choice = {"methods": methods, "left": {**made.refused, **slow}, "limits": limits}
    kept.write_text(json.dumps(choice))
    return choice


def limit_of(arguments, name, methods, made):
    """As many samples as fit into the run's share of the time."""
    most, share, passes = RUNS[name][3:]
    own = sum(made.method_seconds[method] for method in methods)
    each = own + passes * len(methods) * made.forward_seconds
    workers = 1 if name == "cost" else arguments.workers
    return max(4, min(most, int(arguments.minutes * 60 * share * workers / each)))


def evaluate(arguments, name, methods, limit):
    """One run, its report, and its summary."""
    from agcam.engines import Resources
    from agcam.evaluation import plan, run_plan
    from agcam.metrics import METRICS
    from agcam.records import Store, read_results, summarize
    from agcam.viewer import report_page

    made = plan(configuration(arguments, name, methods, limit))
    workers = 1 if name == "cost" else arguments.workers
    minutes = made.seconds / workers / 60
    print(f"{name}: {limit} samples, about {minutes:.0f} minutes", flush=True)
    run = run_plan(made, arguments.work / "first-table.sqlite", "local", Resources(workers=workers))
    with Store(arguments.work / "first-table.sqlite") as store:
        results = read_results(store, run.key)
    results = replace(results, run=without_paths(results.run))
    columns = summarize(results, METRICS)
    page = report_page(results, columns, note="Left out: the pictures' licences keep them here.")
    (arguments.out / f"report-{name}.html").write_text(page, encoding="utf-8")
    return results, columns


def without_paths(run):
    """Where the data lay is nobody's business."""
    kept = {key: value for key, value in run.configuration.items() if key != "source"}
    return replace(run, configuration=kept)


def table(results, columns):
    """Markdown: the mean with its interval, the best in bold."""
    from agcam.records.tables import figure, grouped, head

    for title, some in grouped(columns):
        yield f"\n{title}\n"
        yield "| method | " + " | ".join(map(head, some)) + " |"
        yield "|---" * (len(some) + 1) + "|"
        for method in results.methods:
            cells = [
                f"**{figure(column.means.get(method))}**"
                if method in column.best
                else figure(column.means.get(method))
                for column in some
            ]
            yield f"| {method} | " + " | ".join(cells) + " |"


def not_best(columns):
    """Where AGCAM is not the best, and whether the difference is beyond doubt."""
    for column in columns:
        if "agcam" in column.best or not column.best:
            continue
        best = column.best[0]
        apart = column.differences.get(best)
        sure = apart is not None and apart.number >= 10 and not apart.low <= 0 <= apart.high
        interval = (
            ""
            if apart is None
            else f" by {apart.mean:+.4f} ({apart.low:+.4f} to {apart.high:+.4f})"
        )
        doubt = "surely" if sure else "within its interval's doubt"
        yield f"- {column.metric}: {best} is better{interval}, {doubt}."


def main():
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.work.mkdir(parents=True, exist_ok=True)
    start = time.time()
    choice = chosen(arguments)
    print(choice, flush=True)
    lines = [
        "# The first table",
        "",
        f"`python benchmarks/first_table.py DATA`: the model `{arguments.model}`, all methods, "
        "means with 95 % bootstrap intervals, the best of a column in bold.",
        "The rows `random` and `gaussian` are chance. With so few pictures only large differences",
        "mean something.",
        "",
    ]
    lines += [f"- Left out: {name}, {reason}." for name, reason in choice["left"].items()]
    for name in RUNS:
        methods, limit = tuple(choice["methods"]), choice["limits"][name]
        results, columns = evaluate(arguments, name, methods, limit)
        lines += [f"\n## {HEADS[name]}\n"]
        lines += [
            f"{len(results.samples)} samples judged, {len(results.failures)} failures (among them "
            f"classes that the model does not know); [report](report-{name}.html)."
        ]
        lines += [*table(results, columns), "", "Where `agcam` is not the best:", ""]
        lines += list(not_best(columns)) or ["- nowhere."]
        lines += [""]
    lines += [f"Made in {(time.time() - start) / 60:.0f} minutes."]
    (arguments.out / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{arguments.out / 'README.md'}, {(time.time() - start) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
