"""Rules of relevance, by torch's names of operations; each says what goes back through a call."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from ..errors import ModelError
from .tape import Call
from .walk import Rule, Rules, Signals


def gradient(call: Call, signals: Signals) -> Signals:
    """The chain rule: what autograd would send back."""
    leaves = [tensor.detach().requires_grad_() for tensor in call.inputs]
    with torch.enable_grad():
        outputs = call.run(leaves)
    pairs = [pair for pair in zip(outputs, signals, strict=True) if pair[1] is not None]
    ends, arrived = zip(*pairs, strict=True)
    return torch.autograd.grad(ends, leaves, arrived, allow_unused=True)


def identity(call: Call, signals: Signals) -> Signals:
    """Relevance passes an elementwise operation, or a norm, as it is."""
    del call
    return [signals[0]]


def proportional(call: Call, signals: Signals) -> Signals:
    """`x * d/dx <f(x), R / f(x)>`: each input's share of the output (the z-rule)."""
    shares = [
        None if signal is None else call.divide(signal, output)
        for signal, output in zip(signals, call.outputs, strict=True)
    ]
    back = gradient(call, shares)
    return [x * c for x, c in zip(call.inputs, back, strict=True) if c is not None]


def shared(call: Call, signals: Signals) -> Signals:
    """The z-rule for a product, relevance divided evenly among its factors."""
    return [r / len(call.inputs) for r in proportional(call, signals) if r is not None]


def summed(call: Call, signals: Signals) -> Signals:
    """The z-rule for a sum of two, each term's total made its share of the whole.

    A sum with something that does not depend on the picture (a bias, a mask) passes relevance
    on: like the bias of a linear layer that takes none.
    """
    if len(call.inputs) == 1:
        return signals if _same_shape(call) else proportional(call, signals)
    terms = [term for term in proportional(call, signals) if term is not None]
    totals = [term.sum() for term in terms]
    size = totals[0].abs() + totals[1].abs()
    whole = only(signals).sum()
    return [
        term * call.divide(call.divide(total.abs(), size) * whole, total)
        for term, total in zip(terms, totals, strict=True)
    ]


def linear(call: Call, signals: Signals) -> Signals:
    """`x+ w+` and `x- w-` only, in shares of their sum (the alpha = 1 rule); a bias takes none.

    With two factors that depend on the picture (attention) it is a product: see `shared`.
    """
    if len(call.inputs) > 1:
        return shared(call, signals)
    left, right = call.operands[-2:]
    signal = only(signals)
    if left is call.inputs[0]:
        return [_positive(call, left, right, signal)]
    return [_positive(call, right.mT, left.mT, signal.mT).mT]


def _positive(call: Call, x: Tensor, weight: Tensor, signal: Tensor) -> Tensor:
    plus, minus = (x.clamp(min=0), weight.clamp(min=0)), (x.clamp(max=0), weight.clamp(max=0))
    share = call.divide(signal, plus[0] @ plus[1] + minus[0] @ minus[1])
    return plus[0] * (share @ plus[1].mT) + minus[0] * (share @ minus[1].mT)


def convolved(call: Call, signals: Signals) -> Signals:
    """`linear` for a convolution: positive parts of input and weight, and negative ones."""
    if len(call.inputs) > 1:
        return shared(call, signals)
    (x,), (_, weight, _, *geometry) = call.inputs, call.operands

    def both(x: Tensor) -> Tensor:
        plus = torch.ops.aten.convolution(x.clamp(min=0), weight.clamp(min=0), None, *geometry)
        minus = torch.ops.aten.convolution(x.clamp(max=0), weight.clamp(max=0), None, *geometry)
        return torch.add(plus, minus)

    leaf = x.detach().requires_grad_()
    with torch.enable_grad():
        made = both(leaf)
    (back,) = torch.autograd.grad(made, leaf, call.divide(only(signals), made.detach()))
    return [x * back]


def only(signals: Signals) -> Tensor:
    """The signal of an operation that has one output (of a norm: the first)."""
    signal = signals[0]
    assert signal is not None, "a signal has arrived, or the rule would not be called"
    return signal


def product(call: Call, signals: Signals) -> Signals:
    """Scaling by what does not depend on the picture changes nothing; else see `shared`."""
    scales = len(call.inputs) == 1 and _same_shape(call)
    return identity(call, signals) if scales else shared(call, signals)


def restrided(call: Call, signals: Signals) -> Signals:
    """The same elements in memory of another order; others are not followed."""
    if not _same_shape(call):
        raise ModelError(
            "this model reads elements by their order in memory ('as_strided'), which rules of "
            "relevance do not follow; choose another method."
        )
    return identity(call, signals)


def quotient(call: Call, signals: Signals) -> Signals:
    """All of it to the numerator: what divides counts as given."""
    numerator = call.operands[0]
    return [signals[0] if one is numerator else None for one in call.inputs]


def _same_shape(call: Call) -> bool:
    return call.inputs[0].shape == call.outputs[0].shape


COPIES: Final = (
    "view _unsafe_view reshape permute transpose t expand unbind select slice split "
    "split_with_sizes cat stack clone alias _to_copy unsqueeze squeeze index index_select gather "
    "masked_fill where flip roll repeat constant_pad_nd im2col pixel_shuffle pixel_unshuffle "
    "max_pool2d_with_indices amax max"
)
GATED: Final = "gelu silu relu tanh hardswish leaky_relu elu mish hardtanh"
CLOSING: Final = "sigmoid hardsigmoid"
ACTIVATIONS: Final = f"{GATED} {CLOSING} neg _softmax"
BATCH_NORMS: Final = "native_batch_norm _native_batch_norm_legit_no_training cudnn_batch_norm"
LAYER_NORMS: Final = "native_layer_norm _fused_rms_norm"
NORMS: Final = f"{LAYER_NORMS} native_group_norm {BATCH_NORMS}"
POOLS: Final = (
    "mean sum avg_pool2d _adaptive_avg_pool2d col2im upsample_nearest2d upsample_bilinear2d "
    "upsample_bicubic2d"
)
SPREADS: Final = "rsqrt sqrt linalg_vector_norm norm var var_mean std detach"


def _table(*groups: tuple[str, Rule]) -> dict[str, Rule]:
    return {name: rule for names, rule in groups for name in names.split()}


def gate(call: Call, signals: Signals) -> Signals:
    """`signal * f(x) / x`: an activation as its input times a gate that is held fixed."""
    (x,), (y, *_) = call.inputs, call.outputs
    (slope,) = gradient(call, [torch.ones_like(y)])
    held = torch.where(x == 0, slope if slope is not None else y, y / torch.where(x == 0, 1.0, x))
    return [only(signals) * held]


def fixed_spread(call: Call, signals: Signals) -> Signals:
    """A norm with what it divides by held fixed: centring and scaling alone."""
    outputs, (_, shape, weight, *_) = call.outputs, call.operands
    signal = only(signals) * outputs[-1]
    signal = signal if weight is None else signal * weight
    if call.name == "_fused_rms_norm":
        return [signal]
    return [signal - signal.mean(tuple(range(-len(shape), 0)), keepdim=True)]


def fixed_group_spread(call: Call, signals: Signals) -> Signals:
    """`fixed_spread` of a norm over groups of channels."""
    x, weight, *_, groups, _ = call.operands
    signal, spread = only(signals), call.outputs[-1]
    if weight is not None:
        signal = signal * weight.view(-1, *(1,) * (signal.ndim - 2))
    grouped = signal.reshape(len(x), groups, -1) * spread[..., None]
    return [(grouped - grouped.mean(-1, keepdim=True)).reshape(x.shape)]


def halved(call: Call, signals: Signals) -> Signals:
    """The chain rule, divided evenly among the factors of a product."""
    return [g / len(call.inputs) for g in gradient(call, signals) if g is not None]


def stopped(call: Call, signals: Signals) -> Signals:
    """What it computes counts as given."""
    del signals
    return [None] * len(call.inputs)


LRP: Final = Rules(
    "lrp",
    _table(
        (COPIES, gradient),
        ("as_strided", restrided),
        (ACTIVATIONS, identity),
        (NORMS, identity),
        ("add sub", summed),
        ("mul", product),
        ("div", quotient),
        ("mm addmm bmm", linear),
        ("convolution", convolved),
        (POOLS, proportional),
    ),
    constants=frozenset(SPREADS.split()),
    stabilizer=1e-9,  # of the authors' program
    relevance=True,
)

GRADIENT: Final = Rules("gradient", {}, others=gradient)

LINEAR: Final = f"add sub {POOLS} div neg mm addmm bmm convolution {BATCH_NORMS}"

LIBRA: Final = Rules(
    "libra",
    _table(
        (f"{COPIES} {LINEAR}", gradient),
        ("as_strided", restrided),
        (GATED, gate),
        (LAYER_NORMS, fixed_spread),
        ("native_group_norm", fixed_group_spread),
        ("mul", halved),
        ("_softmax", stopped),
    ),
    constants=frozenset(f"{SPREADS} {CLOSING}".split()),
)

ATTN_LRP: Final = Rules(
    "attn_lrp",
    _table(
        (f"{COPIES} {LINEAR} _softmax", gradient),
        ("as_strided", restrided),
        (GATED, gate),
        (LAYER_NORMS, fixed_spread),
        ("native_group_norm", fixed_group_spread),
        ("mul mm addmm bmm", halved),
    ),
    constants=frozenset(f"{SPREADS} {CLOSING}".split()),
)

RULES: Final = {rules.name: rules for rules in (LRP, GRADIENT, LIBRA, ATTN_LRP)}
