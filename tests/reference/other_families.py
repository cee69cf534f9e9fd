"""The same families as other libraries write them: torchvision, Hugging Face."""

import torch
import transformers
from families import CASES, CLASSES, SWIN, Case, made, stirred
from positions import swin
from torchvision.models import swin_transformer

FOUR = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]}


def of_torchvision(**options):
    return made(
        swin_transformer.SwinTransformer,
        patch_size=[4, 4],
        embed_dim=12,
        depths=[2, 2],
        num_heads=[2, 2],
        window_size=[4, 4],
        stochastic_depth_prob=0.0,
        **options,
    )


def hugging_face(name, **options):
    def make():
        torch.manual_seed(0)
        config = getattr(transformers, f"{name}Config")(num_labels=CLASSES, **options)
        return stirred(getattr(transformers, f"{name}ForImageClassification")(config))

    return make


VERSION_2 = {
    "block": swin_transformer.SwinTransformerBlockV2,
    "downsample_layer": swin_transformer.PatchMergingV2,
}

CASES = {
    **CASES,
    "swin, torchvision": Case(
        of_torchvision(), (40, 56), lambda: swin(10, 14, 4, (2, 2), padded_first=True)
    ),
    "swinv2, torchvision": Case(
        of_torchvision(**VERSION_2), (32, 32), lambda: swin(8, 8, 4, (2, 2))
    ),
    "swin, Hugging Face": Case(
        hugging_face("Swin", image_size=(40, 56), **SWIN),
        (40, 56),
        lambda: swin(10, 14, 4, (2, 2), padded_first=True),
    ),
    "swinv2, Hugging Face": Case(
        hugging_face("Swinv2", image_size=32, **SWIN), (32, 32), lambda: swin(8, 8, 4, (2, 2))
    ),
    "segformer": Case(hugging_face("Segformer", **FOUR), (64, 64)),
    "pvt v2": Case(hugging_face("PvtV2", image_size=64, **FOUR), (64, 64)),
}
