"""AGCAM's whole map of any hierarchy: where keys lie is measured by a second program; no agcam.

What `docs/method.md` states of positions, one picture a pass: what attention returns is given from
a pass over one noise picture, rows and columns are exchanged for another's, and a key lies where
its value changes. Keys that divide the axes among them lie on theirs in equal parts, others by how
strongly (squared) their value changes. Which softmax meets which values is read off autograd.
"""

import itertools
import math
from dataclasses import dataclass

import definition
import torch
import torch.nn.functional as F
from torch import nn

FAINT = 1e-3  # of what the whole picture changes: a gate, a mean over the picture
ALMOST_ALL = 0.95  # of its keys that an attention over channels has on every row and column
FEW = 0.05  # of what changes, that may change in some heads alone
NOISE = 1e-18  # of the mean square: rounding of float64
FUSED = {F.scaled_dot_product_attention, F.multi_head_attention_forward}


@dataclass
class Product:
    """Attention (... row key) and its values (... key number), in the axes of their product."""

    attention: torch.Tensor
    values: torch.Tensor
    result: torch.Tensor
    scores: torch.Tensor | None  # of softmaxes that meet values as they are


class Values(definition.Definition):
    """Keeps each product with values; gives back what another pass gave, where there is one.

    `mark`: rows whose query is another one (they score every key otherwise) are marked in it.
    """

    def __init__(self, skip=(), held=None, mark=False):
        super().__init__(skip)
        self.held, self.mark, self.met = held, mark, []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        before = len(self.products)
        result = super().__torch_function__(func, types, args, kwargs)
        if len(self.products) == before or func in FUSED:
            return result
        operands = [one for one in definition._tensors(args) if one.ndim > 1]
        first = self.leads_to_a_leaf(operands[0])
        attention, values = operands if first else reversed(operands)
        equation = args[0] if func is torch.einsum else None
        both = in_its_axes(attention, values, first, equation)
        if first or equation is not None:
            return self.keep(*both, result, None)
        return self.keep(*both, result.mT, None).mT

    def fused(self, query, key, value, *args, **kwargs):
        result = super().fused(query, key, value, *args, **kwargs)
        if result.grad_fn not in self.products:
            return result
        seen = self.seen[-1]
        values = value.expand(*seen.leaf.shape[:-2], -1, -1)
        return self.keep(seen.leaf, values, result, seen.scores)

    def keep(self, attention, values, result, scores):
        if scores is None and self.seen[-1].scores.shape == attention.shape:
            scores = self.seen[-1].scores
        self.met.append(Product(attention, values.detach(), result.detach(), scores))
        if self.held is None:
            return result
        before = self.held[len(self.met) - 1]
        given = before.result
        if self.mark and scores is not None:
            given = given + marks(scores, before.scores, given)
        given = given + 0 * result  # autograd still sees a product
        self.products.add(given.grad_fn)
        return given


def marks(scores, before, given):
    """What is added to rows that score every key otherwise, in whatever head."""
    change = (scores - before).abs().nan_to_num(nan=math.inf)
    rows = change.amin(-1) > 1e-9 * before[before.isfinite()].abs().mean()
    rows = rows.any(1, keepdim=True) if rows.ndim == 3 else rows
    if given.ndim != rows.ndim + 1 or given.shape[-2] != rows.shape[-1]:
        return 0
    ramp = torch.linspace(-1, 1, given.shape[-1], dtype=given.dtype)
    return rows[..., None] * ramp * given.square().mean().sqrt()


def in_its_axes(attention, values, first, equation):
    if equation is None:
        if not first:  # values @ attention
            attention, values = attention.mT, values.mT
        return attention, values.expand(*attention.shape[:-2], -1, -1)
    letters, out = equation.replace(" ", "").split("->")
    ours, theirs = letters.split(",")[:: 1 if first else -1]
    (key,) = (one for one in ours if one in theirs and one not in out)
    shared = [one for one in ours if one in theirs and one in out]
    row, numbers = (
        [n for n in one if n not in other] for one, other in ((ours, theirs), (theirs, ours))
    )
    attention = attention.permute([ours.index(one) for one in [*shared, *row, key]])
    values = values.permute([theirs.index(one) for one in [*shared, key, *numbers]])
    return attention, values.flatten(len(shared) + 1)


def passed(model, pixels, seen, number=None, exchange=None):
    """The logits of a pass; `exchange` changes what the convolution of a number gives."""
    counts = itertools.count()

    def after(_, __, output):
        return exchange(output) if next(counts) == number and exchange is not None else None

    convolutions = [part for part in model.modules() if isinstance(part, nn.Conv2d)]
    hooks = [part.register_forward_hook(after) for part in convolutions]
    try:
        logits = definition.followed(model, pixels, seen)
    finally:
        for hook in hooks:
            hook.remove()
    return getattr(logits, "logits", logits)


class Exchanges:
    """Passes over noise, parts of which are another noise: how much each key's value changes."""

    def __init__(self, model, pixels, finest, axes):
        self.model, self.finest, self.axes = model, finest, axes
        made = torch.randn(
            3, *pixels.shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64
        )
        self.one, self.other = made[:1], made[1:2]
        self.stem, self.mark = None, False
        self.maps = self.of_convolutions(self.one), self.of_convolutions(self.other)
        self.held = self.run(None, held=None).met
        everything = torch.ones(finest, dtype=torch.bool)
        free = self.changes(everything, held=None)
        self.whole = self.changes(everything)
        if any(one.any() and not two.any() for one, two in zip(free, self.whole, strict=True)):
            self.mark = True
            self.whole = self.changes(everything)
        self.choose_stem(everything)

    def of_convolutions(self, pixels):
        """What each convolution gives in front of the first softmax, by its number."""
        found, seen = [], Values()

        def note(_, __, output):
            if not seen.seen:
                found.append(output.detach())

        hooks = [
            p.register_forward_hook(note) for p in self.model.modules() if isinstance(p, nn.Conv2d)
        ]
        definition.followed(self.model, pixels, seen)
        for hook in hooks:
            hook.remove()
        return found

    def choose_stem(self, everything):
        """The last of the grid's size that holds all that the pixels do."""
        if self.axes != (2, 3):
            return
        count = [int((one > 0).sum()) for one in self.whole]
        for number in reversed(range(len(self.maps[0]))):
            if self.maps[0][number].shape[2:] == self.finest:
                self.stem = number
                whole = self.changes(everything)
                if [int((one > 0).sum()) for one in whole] == count:
                    self.whole = whole
                    return
        self.stem = None

    def changes(self, cells, held=0):
        """For each product, the squared change of each key (... key); 0 where it is rounding."""
        found = []
        for now, before in zip(self.run(cells, held).met, self.held, strict=True):
            change = (now.values - before.values).square().sum(-1)
            change = change / before.values.square().sum(-1).mean().clamp(min=1e-30)
            found.append(torch.where(change > NOISE, change, 0))
        return found

    def run(self, cells, held=0):
        seen = Values(held=None if held is None else self.held, mark=self.mark and held is not None)
        if cells is None:
            passed(self.model, self.one, seen)
        elif self.stem is None:
            passed(self.model, self.exchanged(self.one, self.other, cells), seen)
        else:
            one, other = (maps[self.stem] for maps in self.maps)
            mixed = self.exchanged(one, other, cells)
            passed(self.model, self.one, seen, self.stem, lambda output: mixed + 0 * output)
        return seen

    def exchanged(self, one, other, cells):
        shape = [1] * one.ndim
        for place, axis in enumerate(self.axes):
            size, count = one.shape[axis], cells.shape[place]
            of_pixel = torch.arange(size) // max(1, round(size / count))
            cells = cells.index_select(place, of_pixel.clamp(max=count - 1))
            shape[axis] = size
        return torch.where(cells.view(shape), other, one)

    def by_axis(self):
        """For each product, the changes along each axis (cell ... key)."""
        found = [[] for _ in self.held]
        for axis, count in enumerate(self.finest):
            slabs = []
            for cell in range(count):
                cells = torch.zeros(self.finest, dtype=torch.bool)
                cells.select(axis, cell).fill_(True)
                slabs.append(self.changes(cells))
            for number, every in enumerate(zip(*slabs, strict=True)):
                found[number].append(torch.stack(every))
        return found


@dataclass
class Key:
    """A softmax that meets values: its relevance by the axes of the product, and that product."""

    softmax: int
    product: int
    index: torch.Tensor  # numbers of the softmax's elements, in the product's axes

    def of(self, tensor):
        return tensor.flatten()[self.index]


def keys_of(seen):
    """Which element of which softmax each element of attention is made of, by autograd."""
    found, leaves = [], [one.leaf for one in seen.seen]
    for number, product in enumerate(seen.met):
        ours = product.attention
        numbers = torch.arange(1, ours.numel() + 1, dtype=torch.float64).view(ours.shape)
        graph = {"retain_graph": True, "allow_unused": True}
        arrived = (
            torch.autograd.grad(ours, leaves, numbers, **graph)
            if ours.grad_fn
            else [numbers if leaf is ours else None for leaf in leaves]
        )
        for one, leaf in zip(arrived, seen.seen, strict=True):
            if one is not None:
                found.append(Key(leaf.number, number, _index(one, leaf, ours.shape)))
    return found


def _index(arrived, seen, shape):
    flat = arrived.flatten()
    (there,) = flat.nonzero(as_tuple=True)
    if len(there) == math.prod(shape) and bool(
        (flat[there].sort().values == torch.arange(1, len(there) + 1)).all()
    ):
        index = torch.empty(len(there), dtype=torch.long)
        index[flat[there].long() - 1] = there
        return index.view(shape)
    own = torch.arange(len(flat)).view(arrived.shape).movedim(seen.axis, -1)  # mixed on its way
    if own.shape != shape:
        raise LookupError("which keys a softmax meets cannot be told")
    return own


def maps(model, pixels, target, finest, axes=(2, 3), skipped=None):
    """AGCAM's map of one picture (float64) on the finest grid, by each reading of the unwritten.

    Which axis holds heads (or none), whether what is faint counts, which softmaxes are of the
    classifier (the last of one row) or of channels (every key lies everywhere): one of these maps
    must be the explained one. `skipped` are numbers of softmaxes of the classifier, where known.
    """
    exchanges = Exchanges(model, pixels, finest, axes)
    changes = exchanges.by_axis()
    base = Values()
    passed(model, exchanges.one, base)
    keys = keys_of(base)
    known = [skipped] if skipped is not None else skips(base, keys, changes, exchanges.whole)
    for skip in known:
        seen = definition.Definition(skip)
        logits = definition.followed(model, pixels, seen)
        logits = getattr(logits, "logits", logits)
        leaves = [one.leaf for one in seen.seen]
        gradients = torch.autograd.grad(logits[0, target], leaves, allow_unused=True)
        pairs = {one.number: (one, g) for one, g in zip(seen.seen, gradients, strict=True)}
        for heads, faint in itertools.product((1, 2, 0, None), (FAINT, 0.0)):
            total = torch.zeros(finest, dtype=torch.float64)
            for key in keys:
                one, gradient = pairs.get(key.softmax, (None, None))
                if gradient is not None:
                    both = key.of(one.scores.expand(gradient.shape)), key.of(gradient)
                    product = exchanges.whole[key.product], changes[key.product]
                    total += placed(*both, *product, heads, faint)
            yield total


def skips(base, keys, changes, whole):
    """Sets of softmaxes that may not count: channels, which lie everywhere, the last of one row.

    Not those of one row and one key: a single token.
    """
    sizes = {key.softmax: key.index.shape for key in keys}
    pools = {softmax: size[-2] == 1 < size[-1] for softmax, size in sizes.items()}
    one_row = itertools.takewhile(lambda n: pools.get(n, True), reversed(range(base.count)))
    kinds = {}  # those that may be over channels, by their number of keys
    for key in keys:
        there = [axis > FAINT * whole[key.product] for axis in changes[key.product]]
        if min(float(one.double().mean()) for one in there) > ALMOST_ALL:
            kinds.setdefault(sizes[key.softmax][-1], set()).add(key.softmax)
    found = []
    for count in range(len(kinds) + 1):
        for some in itertools.combinations(kinds.values(), count):
            found += [set().union(*some), set(one_row).union(*some)]
    return sorted({tuple(sorted(one)) for one in found if {*sizes} - one}, key=len)


def placed(scores, gradient, whole, changes, heads, faint):
    """The relevance of keys, shared out over the cells."""
    relevance, carries = scores.sigmoid() * gradient.relu(), gradient.ne(0).any(-1)
    if heads is not None and heads < relevance.ndim - 2 > 1 and at_same_places(changes, heads):
        relevance, carries = relevance.sum(heads, keepdim=True), carries.any(heads, keepdim=True)
        whole = whole.sum(heads, keepdim=True)
        changes = [one.sum(heads + 1, keepdim=True) for one in changes]
    keys = relevance.sum(-2) / carries.sum(-1).clamp(min=1)[..., None]
    strong = [torch.where(one > faint * whole, one, 0).flatten(1).T for one in changes]
    if all(divide(one > 0) for one in strong):
        strong = [(one > 0).double() for one in strong]
    shares = [one / one.sum(1, keepdim=True).clamp(min=1e-300) for one in strong]
    letters = "abc"[: len(shares)]
    terms = ",".join(f"k{letter}" for letter in letters)
    return torch.einsum(f"k,{terms}->{letters}", keys.flatten(), *shares)


def at_same_places(changes, heads):
    """Whether what may be heads lies at the same places; else these are windows."""
    there = [(one > 0).double() for one in changes]
    return all(
        float((one - one.mean(heads + 1, True)).abs().mean()) < FEW * float(one.mean())
        for one in there
    )


def divide(lie):
    """Whether keys lie on the same cells of an axis or on none in common, and not all on all."""
    kinds = lie[lie.any(1)].unique(dim=0)
    several = len(kinds) > 1 or len(lie) == 1 or lie.shape[1] == 1
    return several and int(kinds.sum(0).max()) <= 1
