"""Methods over several grids by dense matrices of cells, in float64; knows no agcam.

Where rows and keys lie is worked out by hand (`positions.py`). Every attention is a matrix from
cells to cells of the finest grid,

    W[i, j] = sum over rows r and keys k of U[i, r] M[r, k] P[k, j]

with P[k, j] key k's share of cell j (they sum to 1 for each key) and U[i, r] row r's share of cell
i (they sum to 1 for each cell on which rows lie).
"""

import math
from dataclasses import dataclass

import definition
import torch
import torch.nn.functional as F
from positions import by_names
from torch.overrides import TorchFunctionMode


@dataclass
class Seen:
    """One attention of a picture, under ordinary autograd: `window head row key`, `... key dim`."""

    attention: torch.Tensor
    gradient: torch.Tensor
    value: torch.Tensor
    shares: torch.Tensor  # of keys, and of rows: (window place cell)
    rows: torch.Tensor


class _Graph(TorchFunctionMode):
    """Notes every softmax and its values, and changes nothing."""

    def __init__(self):
        super().__init__()
        self.attentions, self.values, self.last = [], [], None

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self.fused(*args, **kwargs)
        result = func(*args, **kwargs)
        if func in definition.SOFTMAX:
            result.retain_grad()
            self.attentions.append(result)
            self.last = result
        elif func in definition.PRODUCTS and self.last is not None and args[0] is self.last:
            self.values.append(args[1].detach())
        return result

    def fused(self, query, key, value, attn_mask=None, scale=None, **_):
        scores = query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
        scores = scores if attn_mask is None else scores + attn_mask
        attention = scores.softmax(-1)
        attention.retain_grad()
        self.attentions.append(attention)
        self.values.append(value.detach())
        return attention @ value


def seen(case, model, picture, target):
    """Every attention of one picture (1 channel row column), and the finest grid."""
    with torch.enable_grad(), _Graph() as graph:
        logits = model(picture.clone().requires_grad_())
        logits = getattr(logits, "logits", logits)
    logits[0, target].backward()
    model.zero_grad()
    where = case.where()
    finest = max((one.grid for one in where), key=math.prod)
    found = []
    for attention, value, one in zip(graph.attentions, graph.values, where, strict=True):
        windows, values = len(one.places), one.axes.replace("q", "")[:-1] + "kq"  # dim as q
        found.append(
            Seen(
                by_names(attention.detach(), one.axes, 1, windows)[0],
                by_names(attention.grad, one.axes, 1, windows)[0],
                by_names(value, values, 1, windows)[0].mT,
                shares(one.places, one.grid, finest),
                shares(one.places if one.rows is None else one.rows, one.grid, finest),
            )
        )
    return found, finest


def shares(places, grid, finest):
    """(window place cell) on the finest grid."""
    if places.ndim == 2:
        lie = F.one_hot(places.clamp(min=0), math.prod(grid)).double() * places.ge(0)[..., None]
    else:
        lie = places.double()
    down, right = finest[0] // grid[0], finest[1] // grid[1]
    tall = lie.unflatten(2, grid).repeat_interleave(down, 2).repeat_interleave(right, 3)
    return tall.flatten(2) / (down * right)


def dense(one, matrix):
    """W of one attention, `matrix` (window row key)."""
    cover = one.rows.flatten(0, 1).sum(0)
    u = one.rows / torch.where(cover > 0, cover, 1)
    return torch.einsum("wri,wrk,wkj->ij", u, matrix, one.shares)


def taken_back(found, reads, matrices):
    """The rows that are read, (window row), through `I + W` of every attention."""
    last = found[-1]
    cells = torch.einsum("wr,wrc->c", reads, last.rows)
    result = cells / cells.sum()
    for one, matrix in zip(reversed(found), reversed(matrices), strict=True):
        result = result @ (torch.eye(len(result), dtype=torch.float64) + dense(one, matrix))
    return result


def every_row(found):
    """Reads of a classifier that pools all tokens of the last attention, padding left out."""
    return found[-1].rows.any(-1).double()


def gae(found, finest, **_):
    matrices = [(one.attention * one.gradient).clamp(min=0).mean(1) for one in found]
    return taken_back(found, every_row(found), matrices).view(finest)


def rollout(found, finest, **_):
    product = taken_back(found, every_row(found), [one.attention.mean(1) for one in found])
    return product.view(finest) / 2 ** len(found)


def grad_cam(found, finest, **_):
    last = found[-1]
    reads = every_row(found)
    reads = reads / reads.sum(1, keepdim=True)
    attention, gradient = (
        torch.einsum("wr,whrk->hwk", reads, one) for one in (last.attention, last.gradient)
    )
    lie = last.shares.any(-1)
    weights = gradient[:, lie].mean(1)
    keys = (weights[:, None] * attention[:, lie]).mean(0).clamp(min=0)
    return (keys @ last.shares[lie]).view(finest)


def evidence(found, finest, detached):
    """`sum over heads of softmax(S) alpha`, the mean over the rows that carry gradient."""
    blocks = range(len(found))[-max(1, round(len(found) / 6)) :]
    return summed(found, detached, blocks, lambda scores, alpha: scores.softmax(-1) * alpha)


def summed(found, detached, blocks, terms):
    """The terms of some attentions (window head row key) on the cells."""
    total = 0
    for number in blocks:
        scores, alpha = detached[number]
        rows = alpha.ne(0).any(-1).any(1).sum(-1).clamp(min=1)
        keys = terms(scores, alpha).sum((1, 2)) / rows[:, None]
        total = total + torch.einsum("wk,wkc->c", keys, found[number].shares)
    return total


def by_all_alike(found, detached):
    """Evidence of the last third, each row's keys having the attention of its favourable ones.

    And as if it were 1; and the trust in attention.
    """
    last = range(len(found))[-max(1, round(len(found) / 3)) :]

    def total(terms):
        each = (
            summed(found, detached, [n], lambda s, a, n=n: terms(n, s.softmax(-1), hidden(s, a)))
            for n in last
        )
        return sum(each)

    def hidden(scores, alpha):
        return torch.where(scores.softmax(-1) <= 1e-20, 0.0, alpha)

    def by_head(number, attention, alpha):
        lie = found[number].shares.any(-1)[:, None, None]  # window 1 1 key
        favourable = torch.where(lie, alpha.clamp(min=0), 0.0)
        part = favourable / favourable.sum(-1, keepdim=True)
        return (attention * part).sum(-1, keepdim=True).nan_to_num(0) * alpha

    def everywhere(number, attention, alpha):
        return alpha.abs() / (attention > 1e-20).sum(-1, keepdim=True)

    read = total(lambda number, attention, alpha: attention * alpha.abs()).sum()
    trust = (read / total(everywhere).sum()).clamp(max=1) ** 2
    return total(by_head), total(lambda number, attention, alpha: alpha), trust


def spread_by(matrix, relevance):
    weights = matrix / matrix.sum(0)
    return (weights @ relevance) / weights.sum(1)


def over_attention(found, relevance):
    depth = len(found)
    middle = found[depth // 2 : depth // 2 + max(1, round(depth / 6))]
    return spread_by(sum(dense(one, one.attention.mean(1)) for one in middle), relevance)


def reached(found, finest, detached, temperature):
    own = evidence(found, finest, detached)
    by_head, alike, trust = by_all_alike(found, detached)
    support = over_attention(found, (by_head - by_head.mean()).clamp(min=0))
    likes = over_likeness(found, (alike - alike.mean()).clamp(min=0), temperature)
    support, likes = support / support.mean(), likes / likes.mean()
    start = (own - own.mean()).clamp(min=0) * support * (trust * support + (1 - trust) * likes)
    return over_likeness(found, over_attention(found, start), temperature)


def over_likeness(found, relevance, temperature):
    alike = 0
    for one in found[-max(1, round(len(found) / 3)) :]:
        lie = one.shares.any(-1)
        values = one.value.transpose(1, 2).flatten(2)[lie]  # key (head dim)
        values = F.normalize(values - values.mean(0), dim=-1)
        cosine = values @ values.T
        cosine.fill_diagonal_(-1)
        own = one.shares[lie][None]
        keys = Seen(None, None, None, own, own)
        alike = alike + dense(keys, (cosine / temperature).softmax(-1)[None])
    return spread_by(alike, relevance)


def agcam_spread(found, finest, detached, temperature=0.2, background=0.9):
    end = reached(found, finest, detached, temperature)
    return (end - background * end.mean()).clamp(min=0).sqrt().view(finest)


def agcam_focus(found, finest, detached, temperature=0.2):
    end = reached(found, finest, detached, temperature)
    return (end - end.mean()).clamp(min=0).square().view(finest)


def agcam_evidence(found, finest, detached):
    own = evidence(found, finest, detached)
    read = summed(found, detached, range(len(found)), lambda s, a: s.sigmoid() * a.clamp(min=0))
    three = torch.stack([own, over_attention(found, own), read])
    three = (three - three.mean(1, keepdim=True)) / three.std(1, correction=0, keepdim=True)
    return three.sum(0).pow(3).view(finest)


METHODS = {
    "gae": gae,
    "rollout": rollout,
    "grad_cam": grad_cam,
    "agcam_spread": agcam_spread,
    "agcam_focus": agcam_focus,
    "agcam_evidence": agcam_evidence,
}


def truth(name, case, model, picture, target):
    """The map of one picture (row column) by dense matrices."""
    found, finest = seen(case, model, picture, target)
    pairs = definition.attentions(model, picture, torch.tensor([target]), case.skip)
    where = case.where()
    detached = [
        tuple(by_names(t, one.axes, 1, len(one.places))[0] for t in (s.expand(a.shape), a))
        for (s, a), one in zip(pairs, where, strict=True)
    ]
    return METHODS[name](found, finest, detached=detached)
