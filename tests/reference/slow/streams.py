"""Methods that read the token stream, or ask the network again."""

import numpy as np

from slow.peers import entering, of_attention, slope
from slow.vit import gelu, softmax


def token_tm(vit, picture, target):
    """C0 = diag(lengths); C = (I + W_mlp) (I + (A W_attn) * relu(gradient)) C."""
    xs = entering(vit, picture)
    contribution = np.diag(np.sqrt((xs[0] ** 2).sum(-1)))
    for block, x in enumerate(xs):
        attention, gradient = of_attention(vit, picture, target, block)
        v = vit.qkv(block, x)[2]
        attended = (attention @ v).transpose(1, 0, 2).reshape(x.shape)
        between = x + vit.linear(f"blocks.{block}.attn.proj", attended)
        after = vit.run_from(block, x)[1][0]
        eye = np.eye(len(x))
        mixing = attention.mean(0) @ transformation(x, between)
        mixing = eye + mixing * np.maximum(gradient, 0).mean(0)
        contribution = (eye + transformation(between, after)) @ mixing @ contribution
    return contribution[0, 1:]


def transformation(before, after):
    lengths = [np.sqrt((tokens**2).sum(-1)) for tokens in (before, after)]
    cosine = (before * after).sum(-1) / (lengths[0] * lengths[1])
    return np.diag(lengths[1] / (lengths[0] + 1e-8) * softmax(cosine))


def feedback(vit, picture, target, steps):
    """Integrated gradient of the last attention's class row, on pictures from zero."""
    total = 0.0
    for share in np.linspace(0, 1, steps):
        x = entering(vit, picture * share)[-1]

        def logit(row, x=x):
            added = np.zeros((vit.heads, len(x), len(x)))
            added[:, 0] = row
            return vit.run_from(vit.depth - 1, x, added)[2][target]

        total = total + slope(logit, np.zeros((vit.heads, len(x))), step=1e-4)
    return np.maximum(total / steps, 0).mean(0)


def beyond_intuition_token(vit, picture, target, steps=20, start=5 / 12):
    """R = R + A diag(|W_O v| / |x|) R; from the 6th of 12 blocks: here the 2nd of 3."""
    xs, relevance = entering(vit, picture), None
    for block in range(int(vit.depth * start), vit.depth):
        x = xs[block]
        v = vit.qkv(block, x)[2].transpose(1, 0, 2).reshape(x.shape)
        mixed = v @ vit.w[f"blocks.{block}.attn.proj.weight"].T
        ratio = np.sqrt((mixed**2).sum(-1)) / np.sqrt((x**2).sum(-1))
        relevance = np.eye(len(x)) if relevance is None else relevance
        step = vit.run_from(block, x)[0][0].mean(0) @ np.diag(ratio)
        relevance = relevance + step @ relevance
    return (feedback(vit, picture, target, steps) * np.abs(relevance[0]))[1:]


def beyond_intuition_head(vit, picture, target, steps=20, start=3 / 12):
    """R = R + sum over heads of I_h A_h R; from the 4th of 12 blocks: here the 1st of 3."""
    relevance = None
    for block in range(int(vit.depth * start), vit.depth):
        attention, gradient = of_attention(vit, picture, target, block)
        shares = np.abs(attention.transpose(0, 2, 1) @ gradient).mean((1, 2))
        relevance = np.eye(attention.shape[-1]) if relevance is None else relevance
        step = np.einsum("h,hij->ij", shares / shares.sum(), attention)
        relevance = relevance + step @ relevance
    return (feedback(vit, picture, target, steps) * relevance[0])[1:]


def recipro_cam(vit, picture, target):
    """The class token and one patch through the last block; the others zero, also after norm1."""
    x, block = entering(vit, picture)[-1], vit.depth - 1
    name, scores = f"blocks.{block}", []
    for patch in range(1, len(x)):
        kept = np.zeros((len(x), 1))
        kept[[0, patch]] = 1
        normed = vit.norm(f"{name}.norm1", x) * kept
        qkv = vit.linear(f"{name}.attn.qkv", normed).reshape(len(x), 3, vit.heads, -1)
        q, k, v = qkv.transpose(1, 2, 0, 3)
        attention = softmax(q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1]))
        attended = (attention @ v).transpose(1, 0, 2).reshape(x.shape)
        middle = x * kept + vit.linear(f"{name}.attn.proj", attended)
        hidden = gelu(vit.linear(f"{name}.mlp.fc1", vit.norm(f"{name}.norm2", middle)))
        output = middle + vit.linear(f"{name}.mlp.fc2", hidden)
        scores.append(vit.logits(output)[target])
    return np.array(scores)


def bicam(vit, picture, target, skipped=1 / 3, temperature=1):
    """Last two thirds of the blocks: attention times <value, gradient at the head's output>."""
    scores, values, _ = vit.run(picture)
    attentions = [softmax(s) for s in scores]
    total = 0.0
    for block in range(int(vit.depth * skipped), vit.depth):

        def logit(output, block=block):
            moved = [a @ v for a, v in zip(attentions, values, strict=True)]
            moved[block][:, 0] += output
            x = vit.tokens(picture)
            for index in range(vit.depth):
                x = vit.rest(index, x, moved[index].transpose(1, 0, 2).reshape(x.shape))
            return vit.logits(x)[target]

        gradient = slope(logit, np.zeros_like(values[block][:, 0]))
        alpha = np.einsum("hd,hjd->hj", gradient, values[block])
        row = softmax(scores[block][:, 0] / temperature)
        total = total + (row * alpha).sum(0)
    return total[1:]
