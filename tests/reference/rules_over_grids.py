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


GATES = {F.gelu, F.silu, F.hardswish, F.relu}
SOFTMAX = {F.softmax, torch.softmax, torch.Tensor.softmax}


class OtherDerivatives(TorchFunctionMode):
    """`flat` is what softmaxes do not pass on: their output at its gradient, less their input."""

    def __init__(self, gamma=None):
        super().__init__()
        self.gamma, self.flat = gamma, 0.0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.layer_norm:
            return self.norm(*args, **kwargs)
        if func in GATES:
            x = args[0]
            return x * (func(x.detach().clone(), *args[1:], **kwargs) / x.detach())
        if func is F.batch_norm:
            return self.batch_norm(*args, **kwargs)
        if func in SOFTMAX and args[0].requires_grad:
            return self.softmax(args[0])
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
        return half(self.softmax(scores)) @ half(value)

    def softmax(self, scores):
        found = scores.softmax(-1)

        def passed(gradient):
            back = found * (gradient - (gradient * found).sum(-1, keepdim=True))
            self.flat += float((gradient * found).sum() - (back * scores).sum())

        found.register_hook(passed)
        return found

    def batch_norm(self, x, mean, variance, weight=None, bias=None, eps=1e-5, **_):
        shape = (1, -1, *(1,) * (x.ndim - 2))
        scale = weight / (variance + eps).sqrt()
        return (x - mean.view(shape)) * scale.view(shape) + bias.view(shape)


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


def account(model, picture, target):
    """What the picture, the model's constants and its softmaxes have of a logit, and the logit.

    Constants are all that is added, or stands beside the tokens: every parameter that nothing is
    multiplied with, and the means of batch norms.
    """
    leaf = picture.clone().requires_grad_()
    constants = [
        tensor
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
        if any(part in name for part in ("bias", "cls_token", "pos_embed", "running_mean"))
        and tensor.is_floating_point()
    ]
    for one in (*model.parameters(), *constants):
        one.requires_grad_(any(one is constant for constant in constants))
    mode = OtherDerivatives()
    with torch.enable_grad(), mode:
        logit = model(leaf)[0, target]
    first, *others = torch.autograd.grad(logit, [leaf, *constants], allow_unused=True)
    added = [
        float((c.detach() * g).sum())
        for c, g in zip(constants, others, strict=True)
        if g is not None
    ]
    return float((leaf.detach() * first).sum()), sum(added), mode.flat, float(logit.detach())
