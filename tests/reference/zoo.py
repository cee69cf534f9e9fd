"""A zoo of towers and heads, drawn at random, and AGCAM's map of each by full autograd.

Nothing here knows how agcam traces: the referee runs the same weights with every attention matrix
a leaf, and averages over the rows that carry gradient.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import scaled_dot_product_attention as by_name

DIM, HEADS, CLASSES, PATCH = 12, 2, 4, 4
ATTENTIONS = ("fused", "by name", "multi-head", "explicit", "einsum", "folded", "explicit, cast")
HEADS_FIRST = "folded, heads first"
POOLS = ("class", "mean", "max", "attention", "gated", "token", "product", "top", "hard", "sorted")
AROUND = ("loop", "sum outside", "scaled between")
REFUSED = ("twice", "detached")  # by some methods, or by all


@dataclass(frozen=True)
class Plan:
    """What a model of the zoo is made of; `readings` are (block, pool, token) of its head."""

    depth: int
    prefix: int
    suffix: int
    grid: tuple[int, int]
    attention: str
    readings: tuple[tuple[int, str, int], ...]
    join: str  # concatenated, summed, multiplied
    normed: str  # each, last, none
    caught: str  # by the loop, by a hook
    mlp: bool
    checkpointed: bool
    training: bool
    quirk: str  # "", twice, detached, no_grad, early exit, gated mixing
    seed: int
    shape: str = "blocks"  # or a loop over lists, or blocks whose sum is outside of them

    @property
    def tokens(self):
        return self.prefix + self.grid[0] * self.grid[1] + self.suffix


@st.composite
def plans(draw):
    depth, prefix = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    grid, suffix = draw(st.sampled_from([(2, 2), (2, 3), (3, 2)])), draw(st.integers(0, 2))
    tokens = prefix + grid[0] * grid[1] + suffix
    last = draw(st.booleans())  # the usual head reads the last block alone
    reading = st.tuples(
        st.just(depth - 1) if last else st.integers(0, depth - 1),
        st.sampled_from(POOLS),
        st.integers(0, tokens - 1),
    )
    return Plan(
        depth=depth,
        prefix=prefix,
        suffix=suffix,
        grid=grid,
        attention=draw(st.sampled_from(ATTENTIONS)),
        readings=tuple(draw(st.lists(reading, min_size=1, max_size=4))),
        join=draw(st.sampled_from(["concatenated", "summed", "multiplied", "maximum"])),
        normed=draw(st.sampled_from(["each", "last", "none"])),
        caught=draw(st.sampled_from(["by the loop", "by a hook"])),
        mlp=draw(st.booleans()),
        checkpointed=draw(st.booleans()),
        training=draw(st.booleans()),
        quirk=draw(
            st.sampled_from(["", "", "", "", "no_grad", "early exit", "gated mixing", *REFUSED])
        ),
        seed=draw(st.integers(0, 2**16)),
        shape=draw(st.sampled_from(["blocks", "blocks", *AROUND])),
    )


class Attention(nn.Module):
    """One attention in the ways that people write it; `leaves` is the referee's way."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.whole = nn.MultiheadAttention(DIM, HEADS, batch_first=True)
        nn.init.normal_(self.whole.in_proj_weight, std=0.5)
        self.leaves = None
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        if self.leaves is None and self.kind == "multi-head":
            return self.whole(x, x, x)[0]
        q, k, v = F.linear(x, self.whole.in_proj_weight, self.whole.in_proj_bias).chunk(3, -1)
        q, k, v = (t.unflatten(-1, (HEADS, -1)).transpose(1, 2) for t in (q, k, v))
        mixed = self.mix(q, k, v) if self.leaves is None else self.referee(q, k, v)
        return self.whole.out_proj(mixed.transpose(1, 2).flatten(2))

    def mix(self, q, k, v):
        scale = q.shape[-1] ** -0.5
        if self.kind == "fused":
            return F.scaled_dot_product_attention(q, k, v)
        if self.kind == "by name":
            return by_name(q, k, v)
        if self.kind == "einsum":
            scores = torch.einsum("bhid,bhjd->bhij", q, k) * scale
            return torch.einsum("bhij,bhjd->bhid", self.drop(scores.softmax(dim=-1)), v)
        if self.kind == "folded":
            q, k, v = (t.flatten(0, 1) for t in (q, k, v))
            attention = F.softmax(torch.bmm(q, k.mT) * scale, dim=-1)
            return torch.bmm(self.drop(attention), v).unflatten(0, (-1, HEADS))
        if self.kind == HEADS_FIRST:
            q, k, v = (t.transpose(0, 1).flatten(0, 1) for t in (q, k, v))
            mixed = (q @ k.mT * scale).softmax(-1) @ v
            return mixed.unflatten(0, (HEADS, -1)).transpose(0, 1)
        attention = torch.softmax((q @ k.mT) * scale, -1)
        if self.kind == "explicit, cast":
            attention = attention.to(v.dtype).contiguous()
        return self.drop(attention) @ v

    def referee(self, q, k, v):
        q, k, v = q.detach(), k.detach(), v.detach()
        scores = q @ k.mT * q.shape[-1] ** -0.5
        attention = scores.softmax(-1).detach().requires_grad_()
        self.leaves.append((scores, attention))
        return attention @ v


class Branch(nn.Module):
    """What a block adds: the sum is left to whoever calls it."""

    def __init__(self, kind):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(DIM), Attention(kind)

    def forward(self, x):
        return self.attention(self.norm(x))


class Block(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.attention = Attention(kind)
        self.mlp = nn.Sequential(nn.Linear(DIM, 2 * DIM), nn.GELU(), nn.Linear(2 * DIM, DIM))
        self.drop = nn.Dropout(0.2)
        self.gate = None  # a number: mixes tokens outside attention, in pictures that exceed it

    def forward(self, x):
        x = x + self.drop(self.attention(self.norm1(x)))
        x = x + self.mlp(self.norm2(x))
        if self.gate is not None:
            x = x + (x.mean((1, 2), keepdim=True) - self.gate).relu() * x.mean(1, keepdim=True)
        return x


class Model(nn.Module):
    """A tower and a head after a plan."""

    def __init__(self, plan):
        super().__init__()
        self.plan = plan
        torch.manual_seed(plan.seed)
        self.embed = nn.Conv2d(3, DIM, PATCH, PATCH)
        self.place = nn.Parameter(torch.randn(1, plan.tokens, DIM))
        self.blocks = nn.ModuleList(self.block() for _ in range(plan.depth))
        self.norm, self.gate = nn.LayerNorm(DIM), nn.Linear(DIM, 1)
        width = DIM * (len(plan.readings) if plan.join == "concatenated" else 1)
        middle = [nn.Linear(width, 16), nn.GELU()] if plan.mlp else []
        self.head = nn.Sequential(*middle, nn.Linear(16 if plan.mlp else width, CLASSES))
        self.caught = []
        if plan.caught == "by a hook":
            for block in self.blocks:
                if isinstance(block, Block):
                    block.register_forward_hook(lambda _, __, out: self.caught.append(out))
        if plan.quirk == "gated mixing" and isinstance(self.blocks[-1], Block):
            self.blocks[plan.seed % 2 - 1 if plan.depth > 1 else 0].gate = 0.2
        self.double().train(plan.training)

    def block(self):
        if self.plan.shape == "sum outside":
            return Branch(self.plan.attention)
        if self.plan.shape == "loop":
            mlp = nn.Sequential(nn.LayerNorm(DIM), nn.Linear(DIM, DIM), nn.GELU())
            return nn.ModuleList([Branch(self.plan.attention), mlp])
        return Block(self.plan.attention)

    def attentions(self):
        return [part for part in self.modules() if isinstance(part, Attention)]

    def step(self, block, x):
        if self.plan.shape == "sum outside":
            return x + block(x)
        if self.plan.shape == "loop":
            x = block[0](x) + x
            return block[1](x) + x
        x = block(x)
        return x * 0.3 + x.detach() * 0.7 if self.plan.shape == "scaled between" else x

    def forward(self, x):
        logits = self.logits(x)
        if self.plan.quirk == "twice":
            return logits - self.logits(x.roll(PATCH, -1))
        return logits

    def logits(self, x):
        if self.plan.quirk == "no_grad" and not self.watched:
            with torch.no_grad():
                outputs = self.tower(x)
        else:
            outputs = self.tower(x)
        if self.plan.quirk == "early exit":
            first = self.head(
                self.join([self.pool(outputs[0], *r[1:]) for r in self.plan.readings])
            )
            if first.softmax(-1).max() > 0.4:
                return first
        read = [self.pool(outputs[r[0]], *r[1:]) for r in self.plan.readings]
        return self.head(self.join(read))

    @property
    def watched(self):
        return self.attentions()[0].leaves is not None

    def tower(self, x):
        plan, self.caught = self.plan, []
        patches = self.embed(x).flatten(2).mT
        rows = self.place.expand(len(x), -1, -1)
        end = plan.prefix + patches.shape[1]
        x = torch.cat(
            [rows[:, : plan.prefix], patches + rows[:, plan.prefix : end], rows[:, end:]], 1
        )
        outputs = []
        for block in self.blocks:
            if plan.checkpointed and not self.watched:
                x = torch.utils.checkpoint.checkpoint(self.step, block, x, use_reentrant=False)
            else:
                x = self.step(block, x)
            if plan.quirk == "detached":
                x = x.detach()
            outputs.append(self.norm(x) if plan.normed == "each" else x)
        if self.caught and plan.normed != "each":
            outputs = list(self.caught)
        if plan.normed == "last":
            outputs = [self.norm(tokens) for tokens in outputs]
        return outputs

    def pool(self, x, kind, token):
        if kind == "class":
            return x[:, 0]
        if kind == "mean":
            return x.mean(1)
        if kind == "max":
            return x.max(1).values
        if kind == "attention":
            return (self.gate(x).softmax(1).mT @ x)[:, 0]
        if kind == "gated":
            return (self.gate(x).relu() * x).sum(1)
        if kind == "token":
            return x[:, token]
        if kind == "product":
            return x[:, 0] * x[:, token]
        if kind == "top":
            best = self.gate(x)[..., 0].topk(2, dim=1).indices
            return x.gather(1, best[..., None].expand(-1, -1, DIM)).mean(1)
        if kind == "sorted":
            return x.sort(1).values[:, token]
        return torch.where(x[:, token, :1] > 0, x[:, 0], x[:, -1])  # hard

    def join(self, read):
        if self.plan.join == "concatenated":
            return torch.cat(read, 1)
        stacked = torch.stack(read)
        return {"summed": stacked.sum(0), "multiplied": stacked.prod(0)}.get(
            self.plan.join, stacked.amax(0)
        )


def truth(model, x, target):
    """AGCAM's maps (batch, patch) by full autograd: the picture's own rows that carry gradient."""
    leaves, modes = [], {part: part.training for part in model.modules()}
    model.eval()
    for attention in model.attentions():
        attention.leaves = leaves
    try:
        logits = model(x)
        gradients = torch.autograd.grad(
            logits.gather(1, target[:, None]).sum(), [a for _, a in leaves], allow_unused=True
        )
    finally:
        for attention in model.attentions():
            attention.leaves = None
        for part, training in modes.items():
            part.training = training
    plan, total = model.plan, torch.zeros(len(x), *model.plan.grid, dtype=x.dtype)
    patches = slice(plan.prefix, plan.prefix + plan.grid[0] * plan.grid[1])
    for number, (gradient, (scores, _)) in enumerate(zip(gradients, leaves, strict=True)):
        if gradient is None:
            continue
        rows = gradient.ne(0).any(-1).any(1).sum(1).clamp(min=1)
        keys = (gradient.relu() * scores.sigmoid()).sum((1, 2)) / rows[:, None]
        of_patches = keys[:, patches].unflatten(1, plan.grid)
        rolled = plan.quirk == "twice" and number >= len(leaves) // 2  # a patch to the right
        total += of_patches.roll(-1, 2) if rolled else of_patches
    return total.flatten(1)


@dataclass
class Account:
    """What came of all models: right, refused, wrong (plan and error)."""

    right: int = 0
    refused: list = field(default_factory=list)
    wrong: list = field(default_factory=list)


def judge(plan, account):
    """Explain three pictures, alone and together, before and after, and compare with the truth."""
    import agcam

    model = Model(plan)
    generator = torch.Generator().manual_seed(plan.seed)
    rows, columns = plan.grid
    shape = (3, 3, PATCH * rows, PATCH * columns)
    pixels = torch.randn(shape, generator=generator, dtype=torch.float64)
    target = torch.randint(CLASSES, (3,), generator=generator)
    for some in ([0], [0, 1, 2], [2], [1]):
        if plan.quirk == "early exit" and len(some) > 1:
            continue  # the model itself answers for a batch as a whole
        try:
            found = agcam.explain(model, pixels[some], target[some])
        except agcam.AgcamError as error:
            account.refused.append((plan, str(error)))
            return
        expected = truth(model, pixels[some], target[some])
        scale = expected.abs().max().clamp(min=1e-12)
        error = float((found.grid_map.flatten(1) - expected).abs().max() / scale)
        if not error < 1e-6 or tuple(found.grid_map.shape[-2:]) != plan.grid:
            account.wrong.append((plan, error))
            return
    account.right += 1
