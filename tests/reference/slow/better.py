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


def reached(vit, picture, target, temperature):
    """Signed contributions of the last sixth, spread by attention, then by likeness of values."""
    evidence, attention, values = parts(vit, picture, target)
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
    return spread(likeness, spread(attention, above_mean(evidence)))


def parts(vit, picture, target, step=1e-5):
    """Evidence of the last sixth, attention behind the middle, values of the last third."""
    scores, values, _ = vit.run(picture)
    attentions, depth = [softmax(s) for s in scores], vit.depth
    sixth, third = max(1, round(depth / 6)), max(1, round(depth / 3))
    evidence = np.zeros(scores[0].shape[-1])
    for block in range(depth - sixth, depth):

        def logit(row, block=block):
            moved = [a.copy() for a in attentions]
            moved[block][:, 0] = row
            return vit.logits_with(picture, moved, values)[target]

        row = attentions[block][:, 0]
        evidence += (row * slope(logit, row, step)).sum(0)
    behind_middle = attentions[depth // 2 : depth // 2 + sixth]
    attention = sum(a[:, 1:, 1:].mean(0) for a in behind_middle)
    return evidence[1:], attention, values[depth - third :]
