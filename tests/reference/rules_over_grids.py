"""AttnLRP and ResLRP by autograd with other derivatives, from a stem's feature map; no agcam.

Functions of torch are replaced while a model runs: what norms divide by and the gates of
activations are constant, the factors of a product have half of its gradient each, and a residual
sum (with `gamma`) has the rule of ResLRP.
"""

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

PRODUCTS = {torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__}
ADDS = {
    *(torch.add, torch.Tensor.add, torch.Tensor.__add__, torch.Tensor.__radd__),
    *(torch.Tensor.add_, torch.Tensor.__iadd__),
}


def half(tensor):
    """The same numbers, with half of the gradient."""
    return tensor / 2 + (tensor / 2).detach()


class _ResidualSum(torch.autograd.Function):
    @staticmethod
    def forward(context, a, b, gamma):
        context.gamma = gamma
        context.save_for_backward(a, b)
        return a + b

    @staticmethod
    def backward(context, gradient):
        a, b = context.saved_tensors
        y = a + b
        weights = [1 + context.gamma * (term * y > 0) for term in (a, b)]
        held = y / (weights[0] * a + weights[1] * b)
        return gradient * held * weights[0], gradient * held * weights[1], None


class OtherDerivatives(TorchFunctionMode):
    def __init__(self, gamma=None):
        super().__init__()
        self.gamma = gamma

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.layer_norm:
            return self.norm(*args, **kwargs)
        if func in (F.gelu, F.silu):
            x = args[0]
            return x * (func(x.detach(), *args[1:], **kwargs) / x.detach())
        if func is F.normalize:
            x = args[0]
            return x / x.detach().norm(dim=-1, keepdim=True).clamp(min=1e-12)
        if func is F.scaled_dot_product_attention:
            return self.attention(*args, **kwargs)
        both = [one for one in args if isinstance(one, torch.Tensor) and one.requires_grad]
        if func in PRODUCTS and len(both) == 2:
            return half(args[0]) @ half(args[1])
        if func in ADDS and len(both) == 2 and self.gamma is not None:
            return _ResidualSum.apply(*both, self.gamma)
        return func(*args, **kwargs)

    def norm(self, x, shape, weight=None, bias=None, eps=1e-5):
        dims = tuple(range(-len(shape), 0))
        centred = x - x.mean(dims, keepdim=True)
        spread = (x.detach().var(dims, keepdim=True, unbiased=False) + eps).sqrt()
        found = centred / spread
        found = found if weight is None else found * weight
        return found if bias is None else found + bias

    def attention(self, query, key, value, attn_mask=None, scale=None, **_):
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        scores = half(query) @ half(key).mT * scale
        scores = scores if attn_mask is None else scores + attn_mask
        return half(scores.softmax(-1)) @ half(value)


def truth(model, stem, picture, target, gamma=None):
    """`<x, g>` of every cell of a convolution's feature map (row column), of one picture."""
    leaves = []

    def cut(_, __, output):
        leaves.append(output.detach().requires_grad_())
        return leaves[-1]

    for weight in model.parameters():
        weight.requires_grad_(False)
    hook = stem.register_forward_hook(cut)
    try:
        with torch.enable_grad(), OtherDerivatives(gamma):
            logits = model(picture)
        logits = getattr(logits, "logits", logits)
        (gradient,) = torch.autograd.grad(logits[0, target], leaves[0])
    finally:
        hook.remove()
    return (leaves[0] * gradient).sum(1)[0].detach()
