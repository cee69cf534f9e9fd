"""Where the keys of each architecture's attention lie, worked out by hand after its paper."""

import math
import re
from dataclasses import dataclass

import definition
import torch
import torch.nn.functional as F


@dataclass
class Where:
    """Keys of one softmax: `places` (window key) number the cells of `grid`; -1: nowhere.

    `axes` are the model's own, of scores with the softmax axis last: `b` pictures, `w` windows,
    `h` heads, `q` rows, `k` keys, in order; several that share an axis in parentheses, `(bw)`.
    """

    grid: tuple[int, int]
    places: torch.Tensor
    axes: str = "(bw)hqk"
    rows: torch.Tensor | None = None  # as `places`; None: where the keys lie


def truth(case, model, pixels, target):
    """AGCAM's map of a case (batch row column) by the definition, on the finest grid."""
    seen = definition.attentions(model, pixels, target, case.skip)
    where = case.where()
    assert len(seen) == len(where), (len(seen), len(where))
    finest = max((one.grid for one in where), key=math.prod)
    total = torch.zeros(len(pixels), *finest, dtype=pixels.dtype)
    for (scores, gradients), one in zip(seen, where, strict=True):
        tensors = scores.expand(gradients.shape), gradients
        ours = [by_names(tensor, one.axes, len(pixels), len(one.places)) for tensor in tensors]
        keys = definition.of_keys(*ours)
        total += definition.placed(keys, one.places, one.grid, finest)
    return total


def by_names(tensor, axes, batch, windows):
    """`batch window head row key` of a tensor with these axes."""
    parts = re.findall(r"\(\w+\)|\w", axes)
    known, shape = {"b": batch, "w": windows}, []
    for part, size in zip(parts, tensor.shape, strict=True):
        if part[0] == "(":
            sizes = [known.get(name, -1) for name in part[1:-1]]
            shape += [-size // math.prod(sizes) if one < 0 else one for one in sizes]
        else:
            shape.append(size)
    names = axes.replace("(", "").replace(")", "")
    missing = [name for name in "bwhqk" if name not in names]
    tensor = tensor.reshape([1] * len(missing) + shape)
    names = "".join(missing) + names
    tensor = tensor.permute([names.index(name) for name in "bwhqk"])
    return tensor.expand(batch, *tensor.shape[1:])


def cells(rows, columns):
    return torch.arange(rows * columns).view(rows, columns)


def whole(rows, columns, prefix=0):
    """One window over all cells in their order, with other tokens in front."""
    return torch.cat([torch.full((prefix,), -1), cells(rows, columns).flatten()])[None]


def windows(index, height, width):
    """Windows side by side, padded to the right and below where the sides do not divide."""
    rows, columns = index.shape
    index = F.pad(index, (0, -columns % width, 0, -rows % height), value=-1)
    tall = index.unflatten(0, (-1, height)).unflatten(2, (-1, width))
    return tall.transpose(1, 2).flatten(2).flatten(0, 1)


def spread(index, height, width):
    """Windows whose tokens lie apart: every one of `height x width` parts gives one token."""
    rows, columns = index.shape
    apart = index.view(height, rows // height, width, columns // width)
    return apart.permute(1, 3, 0, 2).flatten(2).flatten(0, 1)


def in_blocks(rows, columns, height, width):
    """Shares of pooled keys: each is made of `height x width` cells of the grid."""
    numbers = cells(rows // height, columns // width)
    of_cells = numbers.repeat_interleave(height, 0).repeat_interleave(width, 1).flatten()
    return F.one_hot(of_cells).T.double()[None] / (height * width)


def swin(rows, columns, window, depths, padded_first=False):
    """Windows of each stage, every other block shifted by half a window; halved between stages.

    Some pad the grid to whole windows before they shift it, some behind.
    """
    found = []
    for depth in depths:
        grid, index = (rows, columns), cells(rows, columns)
        # a window is as large as the grid where that is smaller, and is not shifted then
        sides = [window, window] if padded_first else [min(window, side) for side in grid]
        if padded_first:
            index = F.pad(index, (0, -columns % window, 0, -rows % window), value=-1)
        for block in range(depth):
            odd = block % 2
            by = [
                -(window // 2) if odd and side < whole else 0
                for side, whole in zip(sides, index.shape, strict=True)
            ]
            found.append(Where(grid, windows(index.roll(by, (0, 1)), *sides)))
        rows, columns = -(-rows // 2), -(-columns // 2)
    return found


def global_attention(rows, columns, prefix, depth):
    return [Where((rows, columns), whole(rows, columns, prefix)) for _ in range(depth)]


def cait():
    return global_attention(4, 4, 0, 2)


def convit():
    """Two blocks with a gate between content and position, which are two softmaxes each."""
    gated = [Where((4, 4), whole(4, 4), "bhqk"), Where((4, 4), whole(4, 4), "bhqk")] * 2
    return [*gated, Where((4, 4), whole(4, 4, 1))]


def tnt(side):
    """Within each of `side` x `side` patches of 16 pixels 4 x 4 tokens; then the patches."""
    inner = Where((4 * side, 4 * side), windows(cells(4 * side, 4 * side), 4, 4))
    return [inner, Where((side, side), whole(side, side, 1))] * 2


def pvt(side, ratios):
    found = []
    for ratio in ratios:
        every = whole(side, side)
        found.append(Where((side, side), in_blocks(side, side, ratio, ratio), rows=every))
        side //= 2
    return found


def twins(side):
    """Windows of 7 x 7 tokens (all where there are fewer), then keys pooled over `ratio` a side."""
    found = []
    for ratio in (8, 4, 2, 1):
        local = Where((side, side), windows(cells(side, side), 7, 7), "bwhqk")
        pooled = in_blocks(side, side, ratio, ratio)
        found += [local, Where((side, side), pooled, rows=whole(side, side))]
        side //= 2
    return found


def unrolled(rows, columns, steps):
    """Hiera's order of tokens: the parity of row and column at each step comes first."""
    index = cells(rows, columns)[None]
    for _ in range(steps):
        parts = index.unflatten(1, (-1, 2)).unflatten(3, (-1, 2))  # n r 2 c 2
        index = parts.permute(0, 2, 4, 1, 3).flatten(0, 2)
    return index.flatten()


def hiera():
    """Mask units of 8 x 8 tokens whose rows are pooled by two a side; later stages are global."""
    units = unrolled(16, 16, 3).view(64, 4).T  # the last axes number the units
    pooled = unrolled(8, 8, 2).view(16, 4).T
    local = [Where((16, 16), units, "bhwqk")] * 2 + [Where((8, 8), pooled, "bhwqk")]
    return local + [Where((4, 4), unrolled(4, 4, 1)[None], "bhqk")] * 2


def nest():
    """Blocks of 4 x 4 tokens; four blocks become one from level to level."""
    sides = (16, 8, 4)
    return [Where((side, side), windows(cells(side, side), 4, 4), "bhwqk") for side in sides]


def volo():
    """Every token looks at the 3 x 3 around it, which overlap; then pooled by two and global."""
    around = F.pad(cells(8, 8), (1, 1, 1, 1), value=-1)
    views = around.unfold(0, 3, 2).unfold(1, 3, 2).flatten(2).flatten(0, 1)
    return [Where((8, 8), views, "bhwqk"), *global_attention(4, 4, 0, 3)]


def sam():
    """Windows of 3 x 3 over 4 x 4 tokens, padded; then all of them."""
    local = Where((4, 4), windows(cells(4, 4), 3, 3), "(bwh)qk")
    return [local, Where((4, 4), whole(4, 4), "(bh)qk")]
