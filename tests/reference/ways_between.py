"""What models make of a softmax before it meets values."""

import warnings
from typing import Any, NamedTuple

import torch


class Place(NamedTuple):
    """Where a softmax stands: its module, scores and axis, the tokens, and the names of axes."""

    module: Any
    scores: torch.Tensor
    key: int
    tokens: torch.Tensor
    names: str  # `x` where pictures and heads share an axis

    def axis(self, name):
        return self.names.index(name)

    @property
    def heads_apart(self):
        return "h" in self.names and len(self.names) == 4


def scripted(scores):
    return torch.softmax(scores, -1)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch would have people compile instead
    SCRIPTED = torch.jit.script(scripted)


def there_and_back(a, at):
    return a.transpose(-1, -2).contiguous().mT


def view(a, at):
    return a.reshape(-1, *a.shape[-2:]).reshape(a.shape)


def slices(a, at):
    return a.flatten(0, 1)[:].unflatten(0, a.shape[:2])


def talking_linear(a, at):
    heads = at.axis("h")
    return at.module.talk(a.movedim(heads, -1)).movedim(-1, heads)


def talking_convolution(a, at):
    heads = at.axis("h")
    return at.module.convolution(a.movedim(heads, 1)).movedim(1, heads)


def talking_einsum(a, at):
    out = at.names.replace("h", "g")
    return torch.einsum(f"{at.names},hg->{out}", a, at.module.talk.weight)


def gate(a, at):
    return a * at.module.gate.sigmoid().sum()


def gate_of_tokens(a, at):
    gate = at.module.gate_of_tokens(at.tokens).mean(1).sigmoid()
    shape = [len(at.tokens) if name == "b" else 1 for name in at.names]
    return a * (gate.mean() if "x" in at.names else gate.reshape(shape))


def renormalized(a, at):
    a = a * (0.5 + at.module.gate.sigmoid().mean()) + 0.01
    return a / a.sum(at.key, keepdim=True)


def in_place(a, at):
    a *= 1.5
    return a


def masked(a, at):
    return a.masked_fill(at.scores < -1e3, 0.0) * (at.scores.detach() > -2)


def two_softmaxes(a, at):
    return a - 0.3 * (at.scores * 0.5).softmax(at.key)


def shifted_keys(a, at):
    return a.roll(1, at.key)


def by_received(a, at):
    return a * a.mean(at.axis("q"), keepdim=True)


def through_a_view(a, at):
    a.select(at.key, 1).mul_(0.5)
    return a


def overwritten_after(a, at):
    copy = a.clone()
    a.mul_(2)
    return copy


def transposed(a, at):
    return a.transpose(at.axis("q"), at.key)


def mean_over_heads(a, at):
    return a.mean(at.axis("h"), keepdim=True).expand(a.shape)


def squared(a, at):
    return a @ a if at.key == a.ndim - 1 and at.names[-2] == "q" else a


def when(fits, change):
    return lambda a, at: change(a, at) if fits(at) else a


def _heads(at):
    return at.heads_apart


def _apart(at):
    return "x" not in at.names


PLAIN = {
    "dropout": lambda a, at: at.module.drop(a),
    "contiguous": lambda a, at: a.contiguous(),
    "clone": lambda a, at: a.clone(),
    "view": view,
    "there and back": there_and_back,
    "cast": lambda a, at: a.to(at.tokens.dtype).type_as(at.tokens),
    "slices": slices,
}
MIXED = {
    "talking, linear": when(_heads, talking_linear),
    "talking, convolution": when(_heads, talking_convolution),
    "talking, einsum": when(_heads, talking_einsum),
    "gate": gate,
    "gate of tokens": gate_of_tokens,
    "renormalized": renormalized,
    "in place": in_place,
    "masked": masked,
    "two softmaxes": two_softmaxes,
    "shifted keys": shifted_keys,
    "by received": by_received,
}
STRANGE = {
    "through a view": through_a_view,
    "overwritten after": overwritten_after,
    "detached": lambda a, at: a.detach(),
    "transposed": when(_apart, transposed),
    "mean over heads": when(_heads, mean_over_heads),
    "squared by matmul": squared,
    "scores overwritten": lambda a, at: a,  # by the module itself
}
BETWEEN = {**PLAIN, **MIXED, **STRANGE}
