"""AGCAM's definition for any softmax attention over positions, by full autograd; knows no agcam.

    relevance of a key = sum over heads of the mean over the rows that carry gradient
                         of sigmoid(S) * relu(alpha)

S is what enters a softmax, alpha the target's gradient at what leaves it. Everything that attention
is made of is constant: the scores, the values, and whatever changes it on its way to the values.
Where the keys lie is worked out by hand for each architecture (`families.py`).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

SOFTMAX = {torch.softmax, F.softmax, torch.Tensor.softmax, torch.special.softmax}
PRODUCTS = {
    *(torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.Tensor.__rmatmul__),
    *(torch.bmm, torch.Tensor.bmm, torch.einsum),
}


@dataclass
class Seen:
    """One softmax: its scores, and the leaf that stands for it, in the model's own axes.

    Softmaxes are numbered in the order of the pass.
    """

    number: int
    scores: torch.Tensor
    leaf: torch.Tensor
    axis: int


class Definition(TorchFunctionMode):
    """Makes every softmax of a pass a leaf, and what it meets on its way to the values constant.

    A tensor is attention if autograd's graph leads from it to such a leaf, and to no product with
    values before. `skip` are numbers of softmaxes that are not attention over positions, or belong
    to the classifier: they stay what they are.
    """

    def __init__(self, skip=()):
        super().__init__()
        self.skip, self.seen, self.count = set(skip), [], 0
        self.products, self.without = set(), set()  # nodes: of products, and of no attention

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self.fused(*args, **kwargs)
        if func is F.multi_head_attention_forward:
            return self.multi_head(*args, mask=kwargs.get("key_padding_mask"))
        if func in SOFTMAX:
            return self.softmax(func, args, kwargs)
        tensors = _tensors(args)
        attention = [tensor for tensor in tensors if self.leads_to_a_leaf(tensor)]
        if not attention:
            return func(*args, **kwargs)
        others = [tensor for tensor in tensors if not any(tensor is one for one in attention)]
        # a matrix that mixes heads is a parameter; values come from the picture
        product = func in PRODUCTS and any(other.grad_fn is not None for other in others)
        result = func(*_constant(args, others), **kwargs)
        if product:
            self.products.add(result.grad_fn)
        return result

    def softmax(self, func, args, kwargs):
        number, self.count = self.count, self.count + 1
        scores = args[0]
        result = func(*args, **kwargs)
        if number in self.skip or scores.ndim < 3:  # of two axes: weights of few, no attention
            return result
        axis = args[1] if len(args) > 1 else kwargs["dim"]
        leaf = result.detach().requires_grad_()
        self.seen.append(Seen(number, scores.detach().clone(), leaf, axis % scores.ndim))
        return leaf.clone()

    def fused(
        self, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **_
    ):
        scores = query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, -math.inf)
        elif attn_mask is not None:
            scores = scores + attn_mask
        attention = scores.softmax(-1)  # the mode is off in here
        number, self.count = self.count, self.count + 1
        if number in self.skip:
            return attention @ value
        leaf = attention.detach().requires_grad_()
        self.seen.append(Seen(number, scores.detach(), leaf, scores.ndim - 1))
        result = leaf @ value.detach()
        self.products.add(result.grad_fn)
        return result

    def multi_head(self, query, key, value, dim, heads, weight, bias, *others, mask=None):
        """torch's own attention, of batches behind tokens; `mask` holds -inf at padded keys."""
        split = zip((query, key, value), weight.chunk(3), bias.chunk(3), strict=True)
        q, k, v = (F.linear(x, w, b).unflatten(-1, (heads, -1)) for x, w, b in split)
        mask = None if mask is None else mask[:, None, None].expand(-1, -1, len(query), -1)
        mixed = self.fused(*(x.permute(1, 2, 0, 3) for x in (q, k, v)), mask)
        out = mixed.permute(2, 0, 1, 3).flatten(2)
        return F.linear(out, *others[4:6]), None

    def leads_to_a_leaf(self, tensor):
        leaves = {id(seen.leaf) for seen in self.seen}
        ways, known = [tensor.grad_fn], set()
        while ways:
            node = ways.pop()
            if node is None or node in known or node in self.products or node in self.without:
                continue
            known.add(node)
            if id(getattr(node, "variable", None)) in leaves:
                return True
            ways.extend(before for before, _ in node.next_functions)
        self.without |= known
        return False


def _tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


def _constant(value, tensors):
    if isinstance(value, torch.Tensor):
        return value.detach() if any(value is tensor for tensor in tensors) else value
    if isinstance(value, list | tuple):
        return type(value)(_constant(item, tensors) for item in value)
    return value


def followed(model, pixels, definition):
    """What the model gives in a pass under a mode."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.enable_grad(), definition:
            return model(pixels.detach().clone().requires_grad_())
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def attends(model, pixels):
    """Whether some softmax of the model meets values that come from the picture."""
    definition = Definition()
    followed(model, pixels, definition)
    return bool(definition.products)


def attentions(model, pixels, target, skip=()):
    """For each softmax: its scores and gradient, softmax axis last; in the order of the pass."""
    definition = Definition(skip)
    logits = followed(model, pixels, definition)
    logits = getattr(logits, "logits", logits)
    chosen = logits.gather(1, target[:, None]).sum()
    leaves = [seen.leaf for seen in definition.seen]
    gradients = torch.autograd.grad(chosen, leaves, allow_unused=True)
    return [
        (
            seen.scores.movedim(seen.axis, -1),
            (torch.zeros_like(seen.leaf) if gradient is None else gradient).movedim(seen.axis, -1),
        )
        for seen, gradient in zip(definition.seen, gradients, strict=True)
    ]


def of_keys(scores, gradients):
    """Relevance of keys (*item key) from (*item head row key)."""
    carries = gradients.ne(0).any(-1).any(-2)  # *item row
    rows = carries.sum(-1).clamp(min=1)
    return (scores.sigmoid() * gradients.relu()).sum((-3, -2)) / rows[..., None]


def of_tokens(run, picture, target):
    """(token,): relevance of every token of one picture in a model of one grid.

    Attention of a single row is a pool, which belongs to the classifier.
    """
    every = attentions(run, picture, torch.tensor([target]))
    return sum(of_keys(*one) for one in every if one[0].shape[-2] > 1)[0]


def placed(keys, places, grid, finest):
    """Keys (batch window key) on the finest grid, each shared by the area of its cell.

    `places` (window key) number the cells of `grid` (rows, columns); -1 lies nowhere (padding, and
    tokens that are no patch). Or they are shares (window key cell) of the cells.
    """
    cells = grid[0] * grid[1]
    if places.ndim == 2:
        shares = F.one_hot(places.clamp(min=0), cells).to(keys.dtype) * places.ge(0)[..., None]
    else:
        shares = places.to(keys.dtype)
    on_grid = torch.einsum("bwk,wkc->bc", keys, shares).unflatten(1, grid)
    down, right = finest[0] // grid[0], finest[1] // grid[1]
    assert (grid[0] * down, grid[1] * right) == tuple(finest), "worked out for multiples only"
    spread = on_grid.repeat_interleave(down, 1).repeat_interleave(right, 2)
    return spread / (down * right)
