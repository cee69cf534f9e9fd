"""LRP over several grids: relevance written out for each function that a model calls; no agcam.

Autograd carries relevance in place of gradients: every function of the model is replaced by one
whose backward is its rule (alpha = 1 for linear layers, in proportion through sums and products,
unchanged through softmax, GELU and norms). The products over grids are those of `over_grids`.
"""

import over_grids
import torch
import torch.nn.functional as F
from positions import by_names
from torch.nn.grad import conv2d_input
from torch.overrides import TorchFunctionMode

PRODUCTS = {torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__}
ADDS = {
    *(torch.add, torch.Tensor.add, torch.Tensor.__add__, torch.Tensor.__radd__),
    *(torch.Tensor.add_, torch.Tensor.__iadd__),
}
MEANS = {torch.mean, torch.Tensor.mean}
SCALED = {torch.mul, torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__}


def share(a, b):
    away = torch.where(b >= 0, 1e-9, -1e-9)
    return torch.where(b == 0, 0, a / (b + away))


class Linear(torch.autograd.Function):
    """`x+ w+` and `x- w-`, in shares of their sum."""

    @staticmethod
    def forward(context, x, weight, bias):
        context.save_for_backward(x, weight)
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(context, relevance):
        x, weight = context.saved_tensors
        plus, minus = (x.clamp(min=0), weight.clamp(min=0)), (x.clamp(max=0), weight.clamp(max=0))
        total = plus[0] @ plus[1].T + minus[0] @ minus[1].T
        given = share(relevance, total)
        return plus[0] * (given @ plus[1]) + minus[0] * (given @ minus[1]), None, None


class Convolution(torch.autograd.Function):
    """The same; `more` are stride, padding, dilation and groups."""

    @staticmethod
    def forward(context, x, weight, bias, *more):
        context.save_for_backward(x, weight)
        context.more = more
        return F.conv2d(x, weight, bias, *more)

    @staticmethod
    def backward(context, relevance):
        x, weight = context.saved_tensors
        more = context.more
        parts = [(x.clamp(min=0), weight.clamp(min=0)), (x.clamp(max=0), weight.clamp(max=0))]
        given = share(relevance, sum(F.conv2d(one, w, None, *more) for one, w in parts))
        back = [one * conv2d_input(one.shape, w, given, *more) for one, w in parts]
        return sum(back), None, None, *(None for _ in more)


class Product(torch.autograd.Function):
    """Half of it to each factor, in proportion."""

    @staticmethod
    def forward(context, a, b):
        context.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(context, relevance):
        a, b = context.saved_tensors
        given = share(relevance, a @ b)
        return a * (given @ b.mT) / 2, b * (a.mT @ given) / 2


class Sum(torch.autograd.Function):
    """In proportion, and each term's total as its share of the totals' sizes."""

    @staticmethod
    def forward(context, a, b):
        context.save_for_backward(a, b)
        return a + b

    @staticmethod
    def backward(context, relevance):
        a, b = context.saved_tensors
        given = share(relevance, a + b)
        terms = a * given, b * given
        totals = [term.sum() for term in terms]
        size, whole = sum(total.abs() for total in totals), relevance.sum()
        pairs = zip(terms, totals, strict=True)
        return tuple(term * share(share(total.abs(), size) * whole, total) for term, total in pairs)


class Mean(torch.autograd.Function):
    @staticmethod
    def forward(context, x, dims):
        context.save_for_backward(x)
        context.dims = dims
        return x.mean(dims)

    @staticmethod
    def backward(context, relevance):
        (x,) = context.saved_tensors
        dims = sorted(dim % x.ndim for dim in context.dims)
        given = share(relevance, x.mean(dims))
        for dim in dims:
            given = given.unsqueeze(dim)
        return x * given / torch.tensor([x.shape[dim] for dim in dims]).prod(), None


class Unchanged(torch.autograd.Function):
    """Relevance passes as it is, whatever the function made of the numbers."""

    @staticmethod
    def forward(context, x, made):
        return made.clone()

    @staticmethod
    def backward(context, relevance):
        return relevance, None


class Relevance(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.attentions = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        depends = [one for one in args if isinstance(one, torch.Tensor) and one.requires_grad]
        if func is F.linear and depends:
            bias = args[2] if len(args) > 2 else kwargs.get("bias")
            return Linear.apply(args[0], args[1], bias)
        if func is F.scaled_dot_product_attention:
            return self.attention(*args, **kwargs)
        if func in (torch.conv2d, F.conv2d) and depends:
            return Convolution.apply(*args)
        if func in (F.layer_norm, F.gelu) and depends:
            return Unchanged.apply(args[0], func(*args, **kwargs).detach())
        if func in (torch.softmax, F.softmax, torch.Tensor.softmax):
            return self.softmax(args[0], func(*args, **kwargs))
        if func in PRODUCTS and len(depends) == 2:
            return Product.apply(*args)
        if func in ADDS and len(depends) == 2:
            return Sum.apply(*args[:2])
        if (func in ADDS or func in SCALED) and len(depends) == 1:
            return Unchanged.apply(depends[0], func(*args, **kwargs).detach())
        if func in MEANS and depends:
            dims = args[1] if len(args) > 1 else kwargs["dim"]
            dims = dims if isinstance(dims, list | tuple) else [dims]
            assert not kwargs.get("keepdim"), "means that keep their axes"
            return Mean.apply(args[0], tuple(dims))
        return func(*args, **kwargs)

    def softmax(self, scores, made):
        attention = Unchanged.apply(scores, made.detach())
        attention.retain_grad()
        self.attentions.append(attention)
        return attention

    def attention(self, query, key, value, attn_mask=None, scale=None, **_):
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        scores = Product.apply(Unchanged.apply(query, (query * scale).detach()), key.mT)
        masked = scores if attn_mask is None else scores + attn_mask
        attention = self.softmax(scores, masked.detach().softmax(-1))
        return Product.apply(attention, value)


def truth(case, model, stem, picture, target):
    """The map of one picture (row column)."""
    found, finest = over_grids.seen(case, model, picture, target)
    for weight in model.parameters():
        weight.requires_grad_(False)
    hook = stem.register_forward_hook(lambda _, __, output: output.detach().requires_grad_())
    try:
        with torch.enable_grad(), Relevance() as mode:
            logits = model(picture)
        logits = getattr(logits, "logits", logits)
        start = torch.zeros_like(logits)
        start[0, target] = 1
        torch.autograd.backward(logits, start)
    finally:
        hook.remove()
        for weight in model.parameters():
            weight.requires_grad_(True)
    places = zip(found, mode.attentions, case.where(), strict=True)
    matrices = [
        (one.gradient * by_names(each.grad, where.axes, 1, len(where.places))[0])
        .clamp(min=0)
        .mean(1)
        for one, each, where in places
    ]
    return over_grids.taken_back(found, over_grids.every_row(found), matrices).view(finest)
