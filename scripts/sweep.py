"""What the sweeps of timm and of Hugging Face share: a model, its row, and the page of rows.

A row is renewed each time its model is swept, so a page may be written in several runs.
"""

import importlib
import inspect
import math
import signal
import sys
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from sweep_page import renew
from torch import nn

import agcam

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "reference"))
definition = importlib.import_module("definition")
measured = importlib.import_module("measured")

LONGEST = 150  # seconds of a processor for one model
MOST = 500e6  # weights of one model
MOST_DOUBLE = 1e8  # of one that is made double
CLASS = 3  # that is explained
EQUAL, CLOSE = 1e-5, 1e-2  # of the largest value: of single precision, and of another map
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


class DoesNotRunError(Exception):
    """What a model needs is not to be had here."""


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
    try:
        with limited(LONGEST):
            found = agcam.explain(model, pixels, CLASS, method="agcam")
    except agcam.AgcamError as error:
        return refusal(model, pixels, _first_line(error))
    grid = found.grid
    text = f"{found.tracer} | {' x '.join(map(str, grid.shape))} + {grid.prefix} | "
    try:
        with limited(LONGEST):
            return text + compared(model, pixels, grid, found.grid_map[0, 0].double())
    except TimeoutError:
        return text + f"not compared: the referee takes more than {LONGEST} seconds"
    except (RuntimeError, TypeError, AssertionError, LookupError, ValueError) as error:
        return text + f"not compared: the referee does not run ({type(error).__name__})"


def compared(model, pixels, grid, grid_map):
    """How far the map is from the definition: the whole map where it can be told, else its sum."""
    error = min(_least(grid_map, maps(model, pixels, grid)) for maps in (_in_order, _measured))
    if error < CLOSE:
        return f"map {error:.0e}"
    every = _keys(model.to(pixels.dtype), pixels)
    shares = [float(grid_map.sum() / sum(key.double().sum() for key in one)) for one in every]
    share = min(shares, key=lambda one: abs(one - 1))
    error = abs(share - 1)
    return f"sum {error:.0e}" if error < 0.01 else f"sum: {share:.3f} of it"


def run_of(model):
    """Logits (batch, class) of pixels, cut into patches for a model that takes those (NaFlex)."""
    takes_patches = "spatial_shapes" in inspect.signature(model.forward).parameters

    def run(pixels):
        output = model(**_patches(model, pixels)) if takes_patches else model(pixels)
        logits = getattr(output, "logits", output)
        one_row = isinstance(logits, torch.Tensor) and logits.ndim == 3 and logits.shape[1] == 1
        return logits[:, 0] if one_row else logits

    return run


def _patches(model, pixels):
    side = model.config.vision_config.patch_size
    columns = nn.functional.unfold(pixels, side, stride=side)  # batch (channel y x) patch
    patches = columns.unflatten(1, (-1, side * side)).permute(0, 3, 2, 1).flatten(2)
    shapes = torch.tensor([[edge // side for edge in pixels.shape[-2:]]] * len(pixels))
    return {"pixel_values": patches, "pixel_attention_mask": None, "spatial_shapes": shapes}


def _keys(model, pixels):
    """Relevance of every softmax's keys, with the last of one row, and without them."""
    target = torch.tensor([CLASS])
    run = run_of(model)
    seen = definition.attentions(run, pixels, target)
    pools = _trailing_pools(seen)
    every = [seen, definition.attentions(run, pixels, target, pools)] if pools else [seen]
    return [[_of_keys(*pair, len(pixels)) for pair in one] for one in every]


def _in_order(model, pixels, grid):
    """Maps of models of one grid, whose keys are its tokens."""
    for one in _keys(model, pixels):
        if all(key.shape[-1] == grid.tokens for key in one):
            yield sum(key.sum(1)[0, grid.places] for key in one).double().view(grid.shape)


def _least(grid_map, maps):
    """The least difference from one of the maps, over the largest value."""
    least = math.inf
    with suppress(RuntimeError, TypeError, AssertionError, LookupError, ValueError):
        for expected in maps:
            least = min(least, float((grid_map - expected).abs().max() / expected.abs().max()))
            if least < EQUAL:
                break
    return least


def _measured(model, pixels, grid):
    """Maps whose keys lie where another program measures them, in double precision."""
    axes = {4: (2, 3), 5: (1, 3, 4)}.get(pixels.ndim)
    if axes is not None and sum(weight.numel() for weight in model.parameters()) < MOST_DOUBLE:
        double = model.double().train().eval()  # without what was kept in single precision
        yield from measured.maps(double, pixels.double(), CLASS, grid.shape, axes)


def refusal(model, pixels, sentence):
    """`no attention` where the referee sees none either, else `refused`, with the sentence."""
    with suppress(RuntimeError, TypeError, AssertionError, AttributeError):
        if not definition.attends(model, pixels):
            return "no attention | | convolutions, pooling, MLPs or linear attention alone"
    shown = sentence.partition(" Black-box methods work")[0].replace("|", "/")
    return f"refused | | {shown[:300]}"


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
            text = row(*make(name))
            if text.startswith("refused"):  # perhaps for its size alone
                text = _at_own_size(make, name) or text
        except TimeoutError:
            text = f"does not fit | | takes more than {LONGEST} seconds of one core"
        except DoesNotRunError as error:
            text = f"does not run | | {error}"
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
