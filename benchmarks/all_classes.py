"""What many classes cost, and what of it cannot be saved: `all_classes.py [NAME OF A TIMM MODEL]`.

Processor time beside a plain forward pass, one thread, one picture, random weights; median, least
and greatest of pairs. The last two rows are nothing but the matrix products of the way back of
1,000 rows in a ViT of timm: as autograd makes them, and with the Jacobian of each block's MLP at
the class token made first.
"""

import statistics
import sys
import time

import timm
import torch

import agcam
from agcam.methods import METHODS
from agcam.tracing import evaluation_mode, trace

PAIRS = 5


def maps(model, pixels, name, classes):
    method, classifier = METHODS[name], agcam.load(model)
    targets = torch.arange(classes)[None]

    def run():
        with evaluation_mode(model):
            trace(classifier, pixels, [method]).relevance(method, targets)

    return run


def products(model, rows, jacobian):
    """Rows through MLP (all blocks but the last), projection and values, without anything else."""
    grad, gate = (
        torch.randn(rows, model.embed_dim),
        torch.rand(model.blocks[0].mlp.fc1.out_features),
    )
    heads, tokens = model.blocks[0].attn.num_heads, model.pos_embed.shape[1]
    values = torch.randn(heads, model.embed_dim // heads, tokens)

    @torch.inference_mode()
    def run():
        for number, block in enumerate(model.blocks):
            if number < len(model.blocks) - 1:
                into, out = block.mlp.fc1.weight, block.mlp.fc2.weight
                _ = grad @ ((out * gate) @ into) if jacobian else (grad @ out) @ into
            by_head = (grad @ block.attn.proj.weight).view(rows, heads, -1).transpose(0, 1)
            _ = by_head @ values

    return run


def main(name="vit_base_patch16_224"):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = timm.create_model(name).eval()
    pixels = torch.randn(1, 3, *model.patch_embed.img_size)

    @torch.inference_mode()
    def plain():
        model(pixels)

    rows = {
        f"{method}, {classes:,} classes": maps(model, pixels, method, classes)
        for method, counts in (("agcam", (1, 100, 1000)), ("agcam_spread", (1, 20, 100)))
        for classes in counts
    }
    rows["products alone, 1,000 rows"] = products(model, 1000, False)
    rows["products alone, with Jacobians"] = products(model, 1000, True)
    for label, run in rows.items():
        run(), plain()
        found = []
        for _ in range(PAIRS):
            times = []
            for one in (run, plain):
                start = time.process_time()
                one()
                times.append(time.process_time() - start)
            found.append(times[0] / times[1])
        print(f"{label}: {statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
