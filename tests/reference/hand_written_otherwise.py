"""More ways to write attention: with the map of another way, or refused by their cause."""

import torch
import torch.nn.functional as F
from hand_written import HEADS, SCALE, one_key_head, plainly, sink_in_front


def flash(q, k, v, _):
    most, total, out = q.new_full((*q.shape[:3], 1), -1e30), 0, 0
    for keys, values in zip(k.split(3, 2), v.split(3, 2), strict=True):
        scores = q @ keys.mT * SCALE
        now = torch.maximum(most, scores.amax(-1, keepdim=True))
        parts, kept = (scores - now).exp(), (most - now).exp()
        total, out, most = (
            total * kept + parts.sum(-1, keepdim=True),
            out * kept + parts @ values,
            now,
        )
    return out / total


def of_exponentials(exp):
    def attend(q, k, v, _):
        parts = exp(q @ k.mT * SCALE)
        return parts / parts.sum(-1, keepdim=True) @ v

    return attend


def divided_late(q, k, v, _):
    parts = (q @ k.mT * SCALE).exp()
    return parts @ v / parts.sum(-1, keepdim=True)


def rows_in_parts(size):
    def attend(q, k, v, _):
        parts = [(some @ k.mT * SCALE).softmax(-1) @ v for some in q.split(size, 2)]
        return torch.cat(parts, 2)

    return attend


def sink_behind(q, k, v, at):
    sink = at.bias[None, :, :1, :1].expand(len(q), -1, q.shape[2], -1)
    attention = torch.cat([q @ k.mT * SCALE, sink], -1).softmax(-1, dtype=torch.float64)
    return F.dropout(attention, 0.5, training=False).narrow(-1, 0, k.shape[2]).type_as(v) @ v


def off_by_one(q, k, v, _):
    attention, _ = F.pad(q @ k.mT * SCALE, (0, 1)).softmax(-1).split([k.shape[2], 1], -1)
    return attention.contiguous() @ v


def zero_value(q, k, v, _):
    return F.pad(q @ k.mT * SCALE, (0, 1)).softmax(-1) @ F.pad(v, (0, 0, 0, 1))


def summed_in_one(q, k, v, _):
    q, k, v = (one.flatten(0, 1) for one in (q, k, v))
    return torch.baddbmm(q, (q @ k.mT * SCALE).softmax(-1), v).unflatten(0, (-1, HEADS))


def summed_after(q, k, v, _):
    return q + (q @ k.mT * SCALE).softmax(-1) @ v


def projected_in_one(q, k, v, at):
    attention = (q @ k.mT * SCALE).softmax(-1)
    return torch.einsum("bhij,bhjd,de->bhie", attention, v, at.norm.weight.diag())


def projected_after(q, k, v, at):
    return (q @ k.mT * SCALE).softmax(-1) @ v * at.norm.weight


def shared_by_einsum(q, k, v, _):
    attention = torch.einsum("bhid,bjd->bhij", q, k[:, 0]).mul(SCALE).softmax(-1)
    return torch.einsum("bhij,bjd->bhid", attention, v[:, 0])


def in_groups(q, k, v, _):
    q, k, v = q.unflatten(1, (1, -1)), k[:, :1, None], v[:, :1, None]
    return ((q @ k.mT * SCALE).softmax(-1) @ v).flatten(1, 2)


def in_groups_by_einsum(q, k, v, _):
    q = q.unflatten(1, (1, -1))
    attention = torch.einsum("bkgid,bkjd->bkgij", q, k[:, :1]).mul(SCALE).softmax(-1)
    return torch.einsum("bkgij,bkjd->bkgid", attention, v[:, :1]).flatten(1, 2)


def heads_in_rows(q, k, v, _):
    attention = (q.flatten(1, 2) @ k[:, 0].mT * SCALE).softmax(-1)
    return (attention @ v[:, 0]).unflatten(1, (HEADS, -1))


def heads_inside_rows(q, k, v, _):
    attention = (q.transpose(1, 2).flatten(1, 2) @ k[:, 0].mT * SCALE).softmax(-1)
    return (attention @ v[:, 0]).unflatten(1, (-1, HEADS)).transpose(1, 2)


def heads_in_rows_of_the_product(q, k, v, _):
    scores = (q.flatten(1, 2) @ k[:, 0].mT * SCALE).unflatten(1, (HEADS, -1))
    return (scores.softmax(-1).flatten(1, 2) @ v[:, 0]).unflatten(1, (HEADS, -1))


def two_axes_of_keys(q, k, v, _):
    attention = (q @ k.mT * SCALE).softmax(-1).unflatten(-1, (2, -1))
    return torch.einsum("bhixy,bhxyd->bhid", attention, v.unflatten(2, (2, -1)))


def picture_by_picture(q, k, v, _):
    return torch.cat(
        [plainly(*one, None) for one in zip(*(x.split(1) for x in (q, k, v)), strict=True)]
    )


def one_matrix_at_a_time(q, k, v, _):
    flat = zip(*(one.flatten(0, 1) for one in (q, k, v)), strict=True)
    made = [torch.mm((q @ k.mT * SCALE).softmax(-1), v) for q, k, v in flat]
    return torch.stack(made).unflatten(0, (-1, HEADS))


def by_tensordot(q, k, v, _):
    flat = zip(*(one.flatten(0, 1) for one in (q, k, v)), strict=True)
    made = [torch.tensordot((q @ k.mT * SCALE).softmax(-1), v, dims=1) for q, k, v in flat]
    return torch.stack(made).unflatten(0, (-1, HEADS))


def over_rows(q, k, v, _):
    attention = (q @ k.mT * SCALE).softmax(-2)
    return attention / attention.sum(-1, keepdim=True) @ v


def twice(q, k, v, _):
    attention = (q @ k.mT * SCALE).softmax(-1)
    return attention @ (attention @ v)


def sum_of_products(q, k, v, _):
    return ((q @ k.mT * SCALE).softmax(-1)[..., None] * v[:, :, None]).sum(-2)


def detached(q, k, v, _):
    return (q @ k.mT * SCALE).softmax(-1).detach() @ v


def overwritten(q, k, v, _):
    attention = (q @ k.mT * SCALE).softmax(-1)
    attention[..., 0].mul_(0.5)
    return attention @ v


def by_rank(q, k, v, _):
    scores = q @ k.mT * SCALE
    highest, which = scores.topk(3, -1)
    return torch.zeros_like(scores).scatter(-1, which, highest.softmax(-1)) @ v


def mean_of_heads(q, k, v, _):
    return (q @ k.mT * SCALE).softmax(-1).mean(1, keepdim=True).expand(-1, HEADS, -1, -1) @ v


EVERY = ("class", "mean", "prompts")
SAME = {  # as another way, and in which of the models
    sink_behind: (sink_in_front, EVERY),
    zero_value: (off_by_one, EVERY),
    summed_in_one: (summed_after, EVERY),
    projected_in_one: (projected_after, EVERY),
    shared_by_einsum: (one_key_head, EVERY),
    in_groups: (one_key_head, EVERY),
    in_groups_by_einsum: (one_key_head, EVERY),
    heads_in_rows: (one_key_head, ["mean"]),
    heads_inside_rows: (one_key_head, ["mean"]),
    heads_in_rows_of_the_product: (one_key_head, ["mean"]),
    two_axes_of_keys: (plainly, ["mean", "prompts"]),
}
ONE_AT_A_TIME = (picture_by_picture, one_matrix_at_a_time, by_tensordot)
REFUSED = {
    flash: "out of exponentials",
    of_exponentials(torch.exp): "out of exponentials",
    of_exponentials(torch.exp2): "out of exponentials",
    of_exponentials(lambda scores: torch.expm1(scores) + 1): "out of exponentials",
    divided_late: "out of exponentials",
    rows_in_parts(3): "some rows at a time",
    rows_in_parts(1): "some rows at a time",
    mean_of_heads: r"changes its attention on its way to the values \(by mean\)",
    over_rows: "another axis than its softmax",
    twice: "more than once",
    sum_of_products: r"otherwise than in a product with values by .* \(mul, sum\)",
    detached: "detaches its attention",
    overwritten: "overwrites its attention",
    by_rank: "scatter",
}
