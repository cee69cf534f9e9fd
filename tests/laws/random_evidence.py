"""Random evidence for any needs, and the same evidence with its tensors changed."""

import dataclasses

import torch

from agcam.values import (
    AttentionCall,
    AttentionTrace,
    BlockTrace,
    GraphBlock,
    GraphTrace,
    GridTrace,
    Query,
    ReadBlock,
    ReadTrace,
    SinglePatchTrace,
    StreamBlock,
    StreamTrace,
    TokenTrace,
    needs,
)

WITHOUT_HEADS = {
    "tokens", "token_gradients", "reads", "entering", "between", "leaving", "mixed",
}  # fmt: skip


class Shape:
    """The numbers that evidence is made of, and a generator of tensors."""

    def __init__(self, seed, batch, heads, grid, blocks=2, reads=(0,)):
        self.generator = torch.Generator().manual_seed(seed)
        self.batch, self.heads, self.grid, self.blocks, self.rows = (
            batch,
            heads,
            grid,
            blocks,
            reads,
        )
        self.square = (batch, heads, grid.tokens, grid.tokens)
        self.flat = (batch, grid.tokens, 5)

    def randn(self, *shape):
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def each_block(self, make):
        return tuple(make() for _ in range(self.blocks))

    def reads(self):
        """Equal weights of the rows that are read, the same for every picture."""
        rows = torch.zeros(self.batch, self.grid.tokens, dtype=torch.float64)
        rows[:, list(self.rows)] = 1 / len(self.rows)
        return rows

    def call(self):
        whole = (self.batch, self.heads, self.grid.tokens, 4)
        return AttentionCall(*(self.randn(*whole) for _ in range(3)), None, 0.5)


def _read(own, s):
    shape = (s.batch, s.heads, len(s.rows), s.grid.tokens)
    blocks = s.each_block(lambda: ReadBlock(s.randn(*shape), s.randn(*shape)))
    return ReadTrace(blocks, s.grid, s.each_block(s.call) if own.calls else ())


def _graph(own, s):
    def block():
        matrices = s.randn(*s.square).softmax(-1), s.randn(*s.square)
        return GraphBlock(*matrices, s.randn(*s.flat), s.randn(*s.flat))

    relevance = s.each_block(lambda: s.randn(*s.square))
    return GraphTrace(s.each_block(block), s.reads(), s.grid, relevance)


def _stream(own, s):
    def block():
        matrices = s.randn(*s.square).softmax(-1), s.randn(*s.square)
        return StreamBlock(*matrices, *(s.randn(*s.flat) for _ in range(4)))

    path = [s.randn(s.batch, s.heads, 1, s.grid.tokens) for _ in range(own.path)]
    return StreamTrace(s.each_block(block), s.reads(), s.grid, path)


def _query(own, s):  # pixels that the patches do not divide evenly, where they are small
    pixels = s.randn(s.batch, 3, 3 * s.grid.rows + 1, 2 * s.grid.columns)
    targets = torch.randint(3, (s.batch,), generator=s.generator)
    return Query(pixels, targets, s.grid, 64, _logit, _probability)


MADE = {
    needs.NoEvidence: lambda _, s: GridTrace(s.batch, s.grid),
    needs.Attention: lambda _, s: AttentionTrace(s.each_block(s.call), s.reads(), s.grid),
    needs.Replay: _read,
    needs.Graph: _graph,
    needs.Tape: _graph,
    needs.Stream: _stream,
    needs.BlockScores: lambda _, s: BlockTrace(s.each_block(lambda: s.randn(*s.square)), s.grid),
    needs.Tokens: lambda _, s: TokenTrace(s.randn(*s.flat), s.randn(*s.flat), s.grid),
    needs.SinglePatch: lambda _, s: SinglePatchTrace(s.randn(s.batch, s.grid.patches), s.grid),
    needs.BlackBox: _query,
}


def evidence(own, seed, batch, heads, grid, **more):
    """What a tracer would make for these needs, of random numbers."""
    return MADE[type(own)](own, Shape(seed, batch, heads, grid, **more))


def _logits(pixels):
    """A model that takes pictures of any size and is not linear."""
    place = torch.arange(pixels[0].numel(), dtype=pixels.dtype).reshape(pixels.shape[1:]).cos()
    return torch.stack([(pixels * place.roll(k, -1)).tanh().sum((1, 2, 3)) for k in range(3)], 1)


def _logit(pixels, target):
    return _logits(pixels).gather(1, target[:, None])[:, 0]


def _probability(pixels, target):
    return _logits(pixels).softmax(-1).gather(1, target[:, None])[:, 0]


def change(value, tensor, headless=None, **fields):
    """The same evidence with `tensor` applied to every tensor of it.

    `headless` is for tensors without heads, where it differs; `fields` are set to other values.
    """
    if isinstance(value, torch.Tensor):
        return tensor(value)
    if isinstance(value, list | tuple):
        return type(value)(change(item, tensor, headless) for item in value)
    if not dataclasses.is_dataclass(value):
        return value
    bare = isinstance(value, TokenTrace | SinglePatchTrace | Query)
    changed = {
        field.name: change(
            getattr(value, field.name),
            headless or tensor if bare or field.name in WITHOUT_HEADS else tensor,
            headless,
        )
        for field in dataclasses.fields(value)
    }
    return dataclasses.replace(value, **{**changed, **fields})
