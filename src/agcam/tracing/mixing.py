"""The attention call of what was derived from a softmax, or from several."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from ..values import AttentionCall, Mix
from .derivation import Attention, evaluate, is_mixed, moved, why_lost
from .products import Product
from .softmaxes import CHANGED_BY, IN_PART, OTHER_AXIS, Softmax

PROBES: Final = 8  # elements of a mixture whose gradient is looked at


def call_of(
    attention: Attention, product: Product, value: Tensor, proof: Tensor | None
) -> AttentionCall | None:
    """The call, in our axes; None where the attention cannot be followed.

    Of one softmax that is as it was, the scores stand for the attention. Else the heads of all
    softmaxes stand side by side, and their gradients go through what lies in between. `proof` is
    what met the values: the derivation must give it.
    """
    found = {source: moved(attention, source, source.scores) for source in attention.sources}
    for source, scores in found.items():
        if scores is None:
            return _refused(attention, why_lost(attention))
        if not _meets_values(attention, source, product, scores):
            return _refused(attention, OTHER_AXIS)
    ours = [product.attention_to_ours(scores) for scores in found.values() if scores is not None]
    scores = torch.cat(ours, dim=1) if len(ours) > 1 else ours[0]
    cut = [source for source in found if _size(found[source]) < source.scores.numel()]
    sinks = [source for source in cut if _lacks_whole_keys(scores, source)]
    parts = [source for source in cut if source not in sinks]
    square = all(scores.shape[-2:] == (source.keys, source.keys) for source in parts)
    if parts and (is_mixed(attention) or not square):
        # other parts lead to the same softmax, or to the same means over rows
        return _refused(attention, IN_PART)
    through = _Mixture(attention, product) if cut or is_mixed(attention) else None
    mix = Mix(through.attention, through.pull_back) if through is not None else None
    call = AttentionCall(scores, None, product.value_to_ours(value), None, 1.0, mix)
    if proof is not None and not _proved(call, product.attention_to_ours(proof), through):
        functions = ", ".join(dict.fromkeys(name for one in found for name in one.changed_by))
        return _refused(attention, CHANGED_BY.format(functions=functions or "views"))
    for source in found:
        source.square = scores.shape[-1] == scores.shape[-2] > 1
        source.use(_numbers(attention, source) if source in parts else None)
    return call


class _Mixture:
    """What lies between softmaxes and values, repeated when it is needed."""

    def __init__(self, attention: Attention, product: Product) -> None:
        self.derived, self.product = attention, product

    def attention(self) -> Tensor:
        """What meets the values, `batch head row token`."""
        given = {source: source.softmax() for source in self.derived.sources}
        return self.product.attention_to_ours(evaluate(self.derived, given))

    def pull_back(self, gradient: Tensor) -> Tensor:
        """The gradient at the softmaxes, their heads side by side, of one at what they became."""
        with torch.enable_grad():
            sources = self.derived.sources
            leaves = {source: source.softmax().detach().requires_grad_() for source in sources}
            made = evaluate(self.derived, leaves)
            at_models = self.product.attention_to_models(gradient.to(made.dtype))
            given = list(leaves.values())
            found = torch.autograd.grad(made, given, at_models, materialize_grads=True)
        moves = zip(sources, found, strict=True)
        return torch.cat([self._ours(source, tensor) for source, tensor in moves], dim=1)

    def keeps_places(self) -> bool:
        """Whether an element that meets a value is made of those at its own place."""
        with torch.no_grad():
            whole = self.attention()
        generator = torch.Generator().manual_seed(0)
        for number in torch.randint(whole.numel(), (PROBES,), generator=generator):
            one = whole.new_zeros(whole.shape)
            one.view(-1)[number] = 1
            gradient = self.pull_back(one)
            place = one.sum(1) != 0  # whatever the head
            if bool(gradient.any()) and not bool((gradient != 0).any(1)[place].any()):
                return False
        return True

    def _ours(self, source: Softmax, tensor: Tensor) -> Tensor:
        in_place = moved(self.derived, source, tensor)
        assert in_place is not None
        return self.product.attention_to_ours(in_place)


def _proved(call: AttentionCall, proof: Tensor, through: _Mixture | None) -> bool:
    found = call.attention()
    close = 32 * torch.finfo(proof.dtype).eps
    same = torch.allclose(found.to(proof.dtype), proof, rtol=close, atol=close)
    try:
        return same and (through is None or through.keeps_places())
    except RuntimeError:  # what lies in between has no gradient
        return False


def _refused(attention: Attention, cause: str) -> AttentionCall | None:
    for source in attention.sources:
        source.wrong = cause
    return None


def _lacks_whole_keys(scores: Tensor, source: Softmax) -> bool:
    """Whether all rows meet values with the same keys, and others are sinks, which have none."""
    return scores.numel() * source.keys == source.scores.numel() * scores.shape[-1]


def _size(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.numel()


def _numbers(attention: Attention, source: Softmax) -> Tensor | None:
    """The numbers of the softmax's elements that meet the values."""
    shape = source.scores.shape
    found = moved(attention, source, torch.arange(shape.numel()).view(shape))
    return None if found is None else found.flatten()


def _meets_values(attention: Attention, source: Softmax, product: Product, scores: Tensor) -> bool:
    """Whether the product sums over the softmax's own axis, and no element meets values twice."""
    if scores.numel() > source.scores.numel():
        return False
    shape = source.scores.shape
    along_axis = [-1 if axis == source.axis else 1 for axis in range(len(shape))]
    keys = torch.arange(source.keys).view(along_axis)
    found = moved(attention, source, keys.expand(shape))
    if found is None:
        return False
    ours = product.attention_to_ours(found)
    row = ours[0, 0, 0]
    return bool((ours == row).all()) and len(set(row.tolist())) == len(row)
