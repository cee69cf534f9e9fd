"""What the sweeps of timm and of Hugging Face share: a model, its row, and the page of rows.

A row is renewed each time its model is swept, so a page may be written in several runs.
"""

import fcntl
import importlib
import re
import signal
import sys
import warnings
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch import nn

import agcam

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "reference"))
definition = importlib.import_module("definition")

LONGEST = 60  # seconds of a processor for one model
MOST = 500e6  # weights of one model
INIT = ("trunc_normal_", "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "normal_")


@contextmanager
def unfilled():
    """Models are made without random numbers, which `filled` draws: most of the time goes there."""
    before = {name: getattr(nn.init, name) for name in INIT}
    try:
        for name in INIT:
            setattr(nn.init, name, lambda tensor, *_, **__: tensor)
        yield
    finally:
        for name, function in before.items():
            setattr(nn.init, name, function)


class DoesNotFitError(Exception):
    """A model is too large for the machine of the sweep, however few its blocks."""


def make_room(model):
    """DoesNotFitError where the weights, not filled yet, would take more memory than there is."""
    weights = sum(weight.numel() for weight in model.parameters())
    if weights > MOST:
        raise DoesNotFitError(f"{weights / 1e6:.0f} million weights with two blocks of each stage")


def filled(model):
    """Random weights of a size that lets every part show in the logits."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and weight.numel():
                weight.uniform_(-1, 1).mul_((3 / weight[0].numel()) ** 0.5)
            elif name.endswith("bias"):
                weight.uniform_(-0.1, 0.1)
            else:
                weight.uniform_(0.5, 1.5)
    return model.eval()


def shortened(model):
    """Two blocks of each stage: those of a stage are alike."""
    for part in list(model.modules()):
        blocks = getattr(part, "blocks", None)
        several = isinstance(blocks, nn.Sequential | nn.ModuleList) and len(blocks) > 2
        if several and len({type(block) for block in blocks}) == 1:
            part.blocks = blocks[:2]
    return model


def row(model, pixels):
    """`tracer | grid | how far from the definition`, or why there is no map."""
    target = torch.tensor([3])
    try:
        found = agcam.explain(model, pixels, target[:, None], method="agcam")
    except agcam.AgcamError as error:
        return refusal(model, pixels, _first_line(error))
    grid, grid_map = found.grid, found.grid_map[:, 0].double()
    text = f"{found.tracer} | {' x '.join(map(str, grid.shape))} + {grid.prefix} | "
    try:
        seen = definition.attentions(model, pixels, target)
        pools = _trailing_pools(seen)
        every = [seen, definition.attentions(model, pixels, target, pools)] if pools else [seen]
    except (RuntimeError, TypeError, AssertionError, IndexError) as error:
        return text + f"not compared: the referee does not run ({type(error).__name__})"
    return text + min(_compared(grid, grid_map, one, len(pixels)) for one in every)[1]


def refusal(model, pixels, sentence):
    """`no attention` where the referee sees none either, else `refused`, with the sentence."""
    with suppress(RuntimeError, TypeError, AssertionError, AttributeError):
        if not definition.attends(model, pixels):
            return "no attention | | convolutions, pooling, MLPs or linear attention alone"
    shown = sentence.partition(" Black-box methods work")[0].replace("|", "/")
    return f"refused | | {shown[:300]}"


def _compared(grid, grid_map, seen, batch):
    """How far the map is from the definition, and that in words."""
    keys = [_of_keys(scores, gradients, batch) for scores, gradients in seen]
    if all(key.shape[-1] == grid.tokens for key in keys):
        expected = sum(key.sum(1)[:, grid.places] for key in keys).double()
        error = float((grid_map.flatten(1) - expected).abs().max() / expected.max())
        if error < 1e-4:  # else convolutions spread keys over cells, and the sum alone is known
            return error, f"map {error:.0e}"
    share = float(grid_map.sum() / sum(key.double().sum() for key in keys))
    error = abs(share - 1)
    return error, f"sum {error:.0e}" if error < 0.01 else f"sum: {share:.3f} of it"


def _trailing_pools(seen):
    """Numbers of the softmaxes of one row at the end: of a classifier that attends, perhaps."""
    numbers = []
    for number in reversed(range(len(seen))):
        if seen[number][0].shape[-2] != 1:
            break
        numbers.append(number)
    return numbers


def _of_keys(scores, gradients, batch):
    """Relevance (batch window key) of one softmax, however its other axes are called."""
    scores = scores.expand(gradients.shape)
    heads = gradients.shape[1] if gradients.ndim == 4 else 1
    both = [t.reshape(batch, -1, heads, *t.shape[-2:]).double() for t in (scores, gradients)]
    return definition.of_keys(*both)


@contextmanager
def limited(seconds):
    """TimeoutError after so many seconds of a processor."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def swept(names, make, page):
    """Sweep `names`, each made by `make` -> (model, pixels), and renew their rows of `page`."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name in names:
        try:
            with limited(LONGEST):
                text = row(*make(name))
                if text.startswith("refused"):  # perhaps for its size alone
                    text = _at_own_size(make, name) or text
        except TimeoutError:
            text = f"does not fit | | takes more than {LONGEST} seconds of one core"
        except DoesNotFitError as error:
            text = f"does not fit | | {error}"
        except Exception as error:  # the table must show whatever happens
            text = f"does not run | | {type(error).__name__}: {_first_line(error)[:240]}"
        print(f"| {name} | {text} |", flush=True)
        renew(page, name, text)


def _at_own_size(make, name):
    """The row at the size that the model was made for, unless that is refused too."""
    with suppress(DoesNotFitError, RuntimeError, ValueError, TypeError, AssertionError):
        text = row(*make(name, small=False))
        return None if text.startswith("refused") else text


def _first_line(error):
    return next(iter(f"{error}".strip().split("\n")), "")


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
    return ", ".join(f"{counts[one]} {one}" for one in ("explained", *known) if counts[one]) + "."
