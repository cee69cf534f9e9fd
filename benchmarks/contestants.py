"""What is timed: plain inference, every method of the table, and what a user would pick instead.

A contestant is a function of a `Stage` (model and pixels, random weights) that gives a callable:
one call is one pass over the batch, for one class per picture, the model already loaded.
"""

from dataclasses import dataclass

import timm
import torch

import agcam
from agcam.methods import METHODS
from agcam.tracing import evaluation_mode, trace


@dataclass
class Stage:
    model: torch.nn.Module
    pixels: torch.Tensor

    @classmethod
    def set(cls, name, batch, size, threads=None, device="cpu", dtype=torch.float32):
        if threads is not None:
            torch.set_num_threads(threads)
        torch.manual_seed(0)
        if name.startswith("torchvision:"):
            import torchvision

            model = getattr(torchvision.models, name.removeprefix("torchvision:"))()
            torch.nn.init.normal_(model.heads.head.weight, std=0.02)  # zero as torchvision makes it
        else:
            sized = {"img_size": size} if size else {}
            model = timm.create_model(name, **sized)
        model = model.eval().to(device, dtype)
        side = size or agcam.load(model).preparation.size[0]
        return cls(model, torch.randn(batch, 3, side, side).to(device, dtype))


def plain(stage):
    def run():
        with torch.inference_mode():
            stage.model(stage.pixels)

    return run


def ours(name, classes=1):
    def contestant(stage):
        method, classifier = METHODS[name], agcam.load(stage.model)
        targets = torch.arange(classes, device=stage.pixels.device).expand(len(stage.pixels), -1)

        def run():
            with evaluation_mode(stage.model):
                trace(classifier, stage.pixels, [method]).relevance(method, targets)

        return run

    return contestant


def pytorch_grad_cam(name):
    """grad-cam, on `blocks[-1].norm1`, as its documentation advises for a ViT."""

    def contestant(stage):
        import pytorch_grad_cam as library
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        rows, columns = stage.model.patch_embed.grid_size

        def reshape(tokens):
            patches = tokens[:, -rows * columns :].reshape(len(tokens), rows, columns, -1)
            return patches.permute(0, 3, 1, 2)

        kind = getattr(library, name)
        cam = kind(stage.model, [stage.model.blocks[-1].norm1], reshape_transform=reshape)
        targets = [ClassifierOutputTarget(0)] * len(stage.pixels)
        return lambda: cam(stage.pixels, targets)

    return contestant


def captum_integrated_gradients(stage):
    """captum's integrated gradients, its default 50 steps, the pictures of a batch in turn."""
    from captum.attr import IntegratedGradients

    attribution = IntegratedGradients(stage.model)
    size = len(stage.pixels)
    return lambda: attribution.attribute(stage.pixels, target=0, internal_batch_size=size)


def torchcam_legrad(stage):
    """torchcam's LeGrad on all blocks; it knows torchvision's ViT only."""
    from torchcam.methods import LeGrad

    cam = LeGrad(stage.model, list(stage.model.encoder.layers))

    def run():
        scores = stage.model(stage.pixels)
        cam([0] * len(stage.pixels), scores)

    return run


def rollout_by_hooks(stage):
    """What one writes by hand: fused attention off, a hook on every attention's dropout."""
    kept = []
    for block in stage.model.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda _, __, output: kept.append(output))

    def run():
        kept.clear()
        with torch.inference_mode():
            stage.model(stage.pixels)
            rolled = itself = torch.eye(kept[0].shape[-1]).to(kept[0])
            for attention in kept:
                rolled = (attention.mean(1) + itself) / 2 @ rolled

    return run


PEERS = {
    "grad-cam: GradCAM": pytorch_grad_cam("GradCAM"),
    "grad-cam: LayerCAM": pytorch_grad_cam("LayerCAM"),
    "captum: integrated gradients, 50 steps": captum_integrated_gradients,
    "rollout by hooks": rollout_by_hooks,
}
TORCHVISION_PEERS = {"torchcam: LeGrad": torchcam_legrad}


def contestants(model):
    """Every contestant for a model, by name; the first is plain inference."""
    found = {"plain": plain}
    found |= {name: ours(name) for name in METHODS}
    for name in ("agcam", "agcam_spread"):
        found |= {f"{name}, {count:,} classes": ours(name, count) for count in (20, 100, 1000)}
    return found | (TORCHVISION_PEERS if model.startswith("torchvision:") else PEERS)
