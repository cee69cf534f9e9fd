"""One smallest representative of every family of attention, with random weights, in float64."""

from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
from positions import (
    Where,
    cait,
    convit,
    hiera,
    nest,
    pvt,
    sam,
    swin,
    tnt,
    twins,
    volo,
)
from timm.models import davit as davit_module
from timm.models import gcvit as gcvit_module
from timm.models import mvitv2 as mvit_module
from timm.models import nest as nest_module
from timm.models import volo as volo_module
from torch import nn

CLASSES = 5


@dataclass
class Case:
    """A family: its model, the size of its input, and where its keys lie.

    `skip` are the softmaxes that belong to the classifier. Where convolutions overlap, positions
    cannot be worked out by hand (`where` is None), and are measured.
    """

    make: Callable[[], nn.Module]
    size: tuple[int, int]
    where: Callable[[], list[Where]] | None = None
    skip: tuple[int, ...] = ()


def made(name, **options):
    """A model that timm lists, or one of its classes."""

    def make():
        torch.manual_seed(0)
        if isinstance(name, str):
            return stirred(timm.create_model(name, num_classes=CLASSES, **options))
        return stirred(name(num_classes=CLASSES, **options))

    return make


def without_neighbours(make):
    """Position convolutions between blocks that read their own token alone, so keys lie on it."""

    def made():
        model = make()
        for part in model.modules():
            if isinstance(part, nn.Conv2d) and part.groups == part.in_channels > 1:
                mask = torch.zeros(3, 3, dtype=part.weight.dtype)
                mask[1, 1] = 1
                part.weight.data *= mask
        return model

    return made


def stirred(model):
    """Random numbers wherever a model begins with zeros or ones, so that everything shows."""
    with torch.no_grad():
        for key, weight in model.named_parameters():
            small = weight.ndim < 2 or "gamma" in key or "token" in key or "table" in key
            nn.init.normal_(weight, std=0.5 if small or "head" in key else 0.2)
        for part in model.modules():
            norm = isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d | nn.LayerNorm | nn.GroupNorm)
            if norm and part.weight is not None:
                nn.init.uniform_(part.weight, 0.5, 1.5)
    return model.double().eval()


SWIN = {"window_size": 4, "embed_dim": 12, "depths": (2, 2), "num_heads": (2, 2)}

TNT = {"embed_dim": 24, "inner_dim": 12, "depth": 2, "num_heads_outer": 3, "num_heads_inner": 2}

CASES = {
    "swin": Case(
        made("swin_tiny_patch4_window7_224", img_size=32, **SWIN),
        (32, 32),
        lambda: swin(8, 8, 4, (2, 2)),
    ),
    "swin, odd": Case(
        made("swin_tiny_patch4_window7_224", img_size=(40, 56), **SWIN),
        (40, 56),
        lambda: swin(10, 14, 4, (2, 2)),
    ),
    "swinv2": Case(
        made("swinv2_tiny_window8_256", img_size=32, **SWIN),
        (32, 32),
        lambda: swin(8, 8, 4, (2, 2)),
    ),
    "cait": Case(
        made("cait_xxs24_224", img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3),
        (32, 32),
        cait,
        skip=(2, 3),
    ),
    "convit": Case(
        made(
            "convit_tiny",
            img_size=32,
            patch_size=8,
            embed_dim=24,
            depth=3,
            num_heads=3,
            local_up_to_layer=2,
        ),
        (32, 32),
        convit,
    ),
    "tnt": Case(made("tnt_s_patch16_224", img_size=32, **TNT), (32, 32), lambda: tnt(2)),
    # its patches are as many as the cells of a feature map, which is not the finest grid
    "tnt, more patches": Case(
        made("tnt_s_patch16_224", img_size=64, **TNT), (64, 64), lambda: tnt(4)
    ),
    "pvt": Case(
        without_neighbours(
            made(
                "twins_pcpvt_small",
                img_size=64,
                embed_dims=(8, 8, 16, 16),
                depths=(1, 1, 1, 1),
                num_heads=(1, 1, 2, 2),
            )
        ),
        (64, 64),
        lambda: pvt(16, (8, 4, 2, 1)),
    ),
    "twins": Case(
        without_neighbours(
            made(
                "twins_svt_small",
                img_size=64,
                embed_dims=(8, 8, 16, 16),
                depths=(2, 2, 2, 2),
                num_heads=(1, 1, 2, 2),
            )
        ),
        (64, 64),
        lambda: twins(16),
    ),
    "hiera": Case(
        made("hiera_tiny_224", img_size=(64, 64), embed_dim=8, num_heads=1, stages=(1, 1, 2, 1)),
        (64, 64),
        hiera,
    ),
    "nest": Case(
        made(
            nest_module.Nest,
            img_size=64,
            embed_dims=(8, 8, 16),
            num_heads=(1, 1, 2),
            depths=(1, 1, 1),
        ),
        (64, 64),
        nest,
    ),
    "volo": Case(
        made(
            volo_module.VOLO,
            img_size=64,
            embed_dims=(12, 24, 24, 24),
            num_heads=(2, 3, 3, 3),
            layers=(1, 1, 1, 1),
            outlook_attention=(True, False, False, False),
        ),
        (64, 64),
        volo,
        skip=(4, 5, 6),
    ),
    "sam": Case(
        made(
            "samvit_base_patch16_224",
            img_size=64,
            embed_dim=24,
            depth=2,
            num_heads=2,
            window_size=3,
            global_attn_indexes=(1,),
        ),
        (64, 64),
        sam,
    ),
    "levit": Case(
        made(
            "levit_128s", img_size=64, embed_dim=(16, 24), key_dim=8, depth=(1, 1), num_heads=(2, 3)
        ),
        (64, 64),
    ),
    "maxvit": Case(made("maxvit_rmlp_pico_rw_256", img_size=64), (64, 64)),
    "gcvit": Case(
        made(
            gcvit_module.GlobalContextVit,
            img_size=64,
            window_size=(4, 4, 4, 2),
            embed_dim=8,
            depths=(2, 2, 2, 2),
            num_heads=(1, 2, 2, 2),
        ),
        (64, 64),
    ),
    "mvitv2": Case(
        made(
            mvit_module.MultiScaleVit,
            cfg=mvit_module.MultiScaleVitCfg(
                depths=(1, 2),
                embed_dim=12,
                num_heads=1,
                stride_q=((1, 1), (2, 2)),
                stride_kv_adaptive=(2, 2),
            ),
            img_size=(64, 64),
        ),
        (64, 64),
    ),
    "mobilevit": Case(made("mobilevit_xxs"), (64, 64)),
    "davit": Case(  # every other attention is over channels: a layer like any other
        made(
            davit_module.DaVit,
            depths=(1, 1),
            embed_dims=(8, 16),
            num_heads=(1, 2),
            window_size=4,
        ),
        (64, 64),
        skip=(1, 3),
    ),
    "coatnet": Case(made("coatnet_pico_rw_224", img_size=64), (64, 64)),
}
