"""Our own maps, from their formula."""

import numpy as np

from slow.peers import agcam, slope
from slow.vit import softmax


def above_mean(x, share=1):
    return np.maximum(x - share * x.mean(), 0)


def spread(links, relevance):
    """Patch i: mean of the others, each weighted by its link over all the links to it."""
    result = np.zeros_like(relevance)
    for i in range(len(relevance)):
        weights = [links[i, j] / links[:, j].sum() for j in range(len(relevance))]
        result[i] = sum(w * r for w, r in zip(weights, relevance, strict=True)) / sum(weights)
    return result


def agcam_spread(vit, picture, target, temperature=0.2, background=0.9):
    return np.sqrt(above_mean(reached(vit, picture, target, temperature), background))


def agcam_focus(vit, picture, target, temperature=0.2):
    return above_mean(reached(vit, picture, target, temperature)) ** 2


def agcam_evidence(vit, picture, target):
    evidence, attention, _ = parts(vit, picture, target)
    read = agcam(vit, picture, target)
    three = (evidence, spread(attention, evidence), read.ravel())
    return sum((x - x.mean()) / x.std() for x in three) ** 3


def agcam_rollout(vit, picture, target):
    evidence, _, _ = parts(vit, picture, target)
    three = (
        carried_down(vit, picture, target),
        np.sqrt(above_mean(together(vit, picture, target, above_mean(evidence), 0.2), 0.9)),
        evidence,
    )
    return sum(w * (x - x.mean()) / x.std() for w, x in zip((2, 1, 1), three, strict=True)) ** 3


def carried_down(vit, picture, target, passed=5):
    """Positive contributions of each block, and of what they were made of, patch by patch."""
    attentions = [softmax(s) for s in vit.run(picture)[0]]
    gates = [np.maximum(alpha_of(vit, picture, target, b), 0) for b in range(vit.depth)]
    whole = sum((a[:, 0] * g)[:, 1:].sum() for a, g in zip(attentions, gates, strict=True))
    relevance = np.zeros(attentions[0].shape[-1])
    for attention, gate in zip(reversed(attentions), reversed(gates), strict=True):
        more = np.zeros_like(relevance)
        for head, alpha in zip(attention, gate, strict=True):
            for j in range(1, len(more)):
                below = sum(relevance[i] * head[i, j] for i in range(1, len(more)))
                more[j] += alpha[j] * (head[0, j] + passed * below / whole)
        relevance = relevance + more
    return relevance[1:]


def reached(vit, picture, target, temperature):
    """Evidence as far as it is supported, spread by attention, then by likeness of values."""
    evidence, attention, _ = parts(vit, picture, target)
    by_head, alike, trust = by_all_alike(vit, picture, target)
    support = spread(attention, above_mean(by_head))
    likes = spread(likeness_of(vit, picture, target, temperature), above_mean(alike))
    support, likes = support / support.mean(), likes / likes.mean()
    relevance = above_mean(evidence) * support * (trust * support + (1 - trust) * likes)
    return together(vit, picture, target, relevance, temperature)


def together(vit, picture, target, relevance, temperature):
    _, attention, _ = parts(vit, picture, target)
    likeness = likeness_of(vit, picture, target, temperature)
    return spread(likeness, spread(attention, relevance))


def likeness_of(vit, picture, target, temperature):
    """How alike the values of two patches are, heads side by side, in the last third."""
    _, _, values = parts(vit, picture, target)
    likeness = 0.0
    for value in values:
        tokens = np.concatenate([head[1:] for head in value], axis=1)
        tokens = tokens - tokens.mean(0)
        cosine = np.eye(len(tokens))
        for i, one in enumerate(tokens):
            for j, other in enumerate(tokens):
                cosine[i, j] = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        np.fill_diagonal(cosine, -1)
        likeness = likeness + softmax(cosine / temperature)
    return likeness


def by_all_alike(vit, picture, target):
    """What patches would add, had all of a head the attention that its favourable ones get, or 1.

    And the trust in attention: how large gradients are where it goes, beside those of all patches.
    """
    attentions, depth = [softmax(s) for s in vit.run(picture)[0]], vit.depth
    by_head = alike = read = everywhere = 0.0
    for block in range(depth - max(1, round(depth / 3)), depth):
        alphas = alpha_of(vit, picture, target, block)
        for row, alpha in zip(attentions[block][:, 0], alphas, strict=True):
            favourable = [j for j in range(1, len(row)) if alpha[j] > 0]
            if favourable:
                by_head = by_head + np.average(row[favourable], weights=alpha[favourable]) * alpha
            alike = alike + alpha
            read += sum(row[j] * abs(alpha[j]) for j in range(1, len(row)))
            everywhere += sum(abs(alpha[j]) for j in range(1, len(row))) / len(row)
    return by_head[1:], alike[1:], min(1, read / everywhere) ** 2


def parts(vit, picture, target, step=1e-5):
    """Evidence of the last sixth, attention behind the middle, values of the last third."""
    scores, values, _ = vit.run(picture)
    attentions, depth = [softmax(s) for s in scores], vit.depth
    sixth, third = max(1, round(depth / 6)), max(1, round(depth / 3))
    evidence = np.zeros(scores[0].shape[-1])
    for block in range(depth - sixth, depth):
        alpha = alpha_of(vit, picture, target, block, step)
        evidence += (attentions[block][:, 0] * alpha).sum(0)
    behind_middle = attentions[depth // 2 : depth // 2 + sixth]
    attention = sum(a[:, 1:, 1:].mean(0) for a in behind_middle)
    return evidence[1:], attention, values[depth - third :]


def alpha_of(vit, picture, target, block, step=1e-5):
    """The gradient of the logit at the class token's row of a block, (head token)."""
    scores, values, _ = vit.run(picture)
    attentions = [softmax(s) for s in scores]

    def logit(row):
        moved = [a.copy() for a in attentions]
        moved[block][:, 0] = row
        return vit.logits_with(picture, moved, values)[target]

    return slope(logit, attentions[block][:, 0], step)
