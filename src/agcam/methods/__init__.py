"""The table of methods: command line, docs and tests read this list and no other."""

from __future__ import annotations

from typing import Final

from ..registry import Table
from ..values import Method
from ..values.needs import (
    Attention,
    BlackBox,
    BlockScores,
    Graph,
    NoEvidence,
    Replay,
    SinglePatch,
    Stream,
    Tape,
    Tokens,
)
from ..values.options import RULES
from . import (
    agcam_focus,
    agcam_spread,
    baselines,
    beyond_intuition,
    bicam,
    integrated_gradients,
    legrad,
    lrp,
    occlusion,
    rise,
    smooth_grad,
)
from .agcam import agcam
from .attcat import attcat
from .attn_lrp import attn_lrp
from .gae import gae
from .grad_cam import grad_cam
from .grad_cam_tokens import grad_cam_tokens
from .layer_cam import layer_cam
from .libra import libra_attcat, libra_xgrad_cam_plus
from .raw_attention import raw_attention
from .recipro_cam import recipro_cam
from .rollout import rollout
from .saliency import saliency
from .token_tm import token_tm

__all__ = ["METHODS"]

OURS: Final = "agcam's own, after Leem and Seo, AGCAM: docs/better-map.md"
LIBRA: Final = "Mehri et al., LibraGrad, CVPR 2025, arXiv 2411.16760"
BEYOND_INTUITION: Final = (
    "Chen et al., Beyond Intuition: Rethinking Token Attributions inside Transformers, TMLR 2023"
)
GRAD_CAM: Final = (
    "grad-cam 1.5.7 (target layer `blocks[-1].norm1`) on random ViTs of three blocks, a plain one, "
    "a DeiT-3 and a DINOv2 with registers, float32: within 4e-7 of the map's maximum"
)
CAPTUM: Final = "captum, called by hand on the bare module"
RISE: Final = (
    "the masks of the authors' program (ac419cd, with scikit-image 0.26) for the same random cells "
    "at 224 x 224: equal"
)

_ROWS = [
    Method(
        "agcam", agcam, Replay(), "Leem and Seo, Attention Guided CAM, AAAI 2024, arXiv 2402.04563"
    ),
    Method(
        "agcam_spread",
        agcam_spread.agcam_spread,
        Replay(calls=True),
        OURS,
        options=agcam_spread.OPTIONS,
    ),
    Method(
        "agcam_focus",
        agcam_focus.agcam_focus,
        Replay(calls=True),
        OURS,
        options=agcam_focus.OPTIONS,
    ),
    Method(
        "raw_attention",
        raw_attention,
        Attention(),
        "the last block's attention, as in Caron et al., DINO, ICCV 2021, arXiv 2104.14294",
        class_specific=False,
        from_last_block=True,
    ),
    Method(
        "rollout",
        rollout,
        Attention(),
        "Abnar and Zuidema, Quantifying Attention Flow, ACL 2020, arXiv 2005.00928",
        class_specific=False,
        from_last_block=True,
    ),
    Method(
        "grad_cam",
        grad_cam,
        Graph(),
        "the last attention's heads weighted by their mean gradient: the baseline of Chefer, "
        "Gur and Wolf, CVPR 2021, arXiv 2012.09838; after Selvaraju et al., Grad-CAM, ICCV 2017",
        from_last_block=True,
    ),
    Method(
        "gae",
        gae,
        Graph(),
        "Chefer, Gur and Wolf, Generic Attention-model Explainability, ICCV 2021, arXiv 2103.15679",
        from_last_block=True,
    ),
    Method(
        "attcat", attcat, Graph(), "Qiang et al., AttCAT, NeurIPS 2022; as in the authors' program"
    ),
    Method(
        "lrp",
        lrp.lrp,
        Tape("lrp"),
        "Chefer, Gur and Wolf, Transformer Interpretability Beyond Attention Visualization, "
        "CVPR 2021, arXiv 2012.09838",
        from_last_block=True,
        options=lrp.OPTIONS,
    ),
    Method(
        "attn_lrp",
        attn_lrp,
        Tape("attn_lrp"),
        "Achtibat et al., AttnLRP, ICML 2024, arXiv 2402.05602",
        options=(RULES,),
    ),
    Method("libra_xgrad_cam_plus", libra_xgrad_cam_plus, Tape("libra"), LIBRA, options=(RULES,)),
    Method(
        "libra_attcat",
        libra_attcat,
        Tape("libra"),
        f"{LIBRA}; Qiang et al., AttCAT, NeurIPS 2022",
        options=(RULES,),
    ),
    Method(
        "token_tm",
        token_tm,
        Stream(),
        "Wu et al., Token Transformation Matters, CVPR 2024, arXiv 2403.14552",
        from_last_block=True,
    ),
    Method(
        "beyond_intuition_token",
        beyond_intuition.beyond_intuition_token,
        Stream(path=beyond_intuition.STEPS),
        BEYOND_INTUITION,
        from_last_block=True,
        options=beyond_intuition.OPTIONS_TOKEN,
    ),
    Method(
        "beyond_intuition_head",
        beyond_intuition.beyond_intuition_head,
        Stream(path=beyond_intuition.STEPS),
        BEYOND_INTUITION,
        from_last_block=True,
        options=beyond_intuition.OPTIONS_HEAD,
    ),
    Method(
        "recipro_cam",
        recipro_cam,
        SinglePatch(),
        "Byun and Lee, ViT-ReciproCAM, 2023, arXiv 2310.02588",
        from_last_block=True,
    ),
    Method(
        "bicam",
        bicam.bicam,
        Replay(),
        "after Su and Luo, BiCAM, PAKDD 2026, arXiv 2603.01605; formula not checked",
        options=bicam.OPTIONS,
    ),
    Method(
        "legrad",
        legrad.legrad,
        BlockScores(),
        "Bousselham et al., LeGrad, ICCV 2025, arXiv 2404.03214",
        from_last_block=True,
        options=legrad.OPTIONS,
    ),
    Method(
        "grad_cam_tokens",
        grad_cam_tokens,
        Tokens(),
        "Selvaraju et al., Grad-CAM, ICCV 2017, arXiv 1610.02391; on the tokens of the last "
        "block's norm, as is usual with pytorch-grad-cam",
        checked=GRAD_CAM,
    ),
    Method(
        "layer_cam",
        layer_cam,
        Tokens(),
        "Jiang et al., LayerCAM, IEEE Transactions on Image Processing 2021; on the tokens of "
        "the last block's norm, as is usual with pytorch-grad-cam",
        checked=GRAD_CAM,
    ),
    Method(
        "saliency",
        saliency,
        BlackBox(count=1, gradients=True),
        "Simonyan, Vedaldi and Zisserman, Deep Inside Convolutional Networks, ICLR workshop "
        "2014, arXiv 1312.6034; computed by captum",
        checked=CAPTUM,
    ),
    Method(
        "smooth_grad",
        smooth_grad.smooth_grad,
        BlackBox(count=smooth_grad.SAMPLES, gradients=True),
        "Smilkov et al., SmoothGrad, 2017, arXiv 1706.03825; gradients by captum",
        checked=CAPTUM,
        options=smooth_grad.OPTIONS,
    ),
    Method(
        "integrated_gradients",
        integrated_gradients.integrated_gradients,
        BlackBox(count=integrated_gradients.STEPS, gradients=True),
        "Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks, ICML 2017, "
        "arXiv 1703.01365; computed by captum",
        checked=CAPTUM,
        options=integrated_gradients.OPTIONS,
    ),
    Method(
        "occlusion",
        occlusion.occlusion,
        BlackBox(count=1, window=occlusion.WINDOW, stride=occlusion.STRIDE),
        "Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, "
        "arXiv 1311.2901",
        checked=CAPTUM,
        options=occlusion.OPTIONS,
    ),
    Method(
        "rise",
        rise.rise,
        BlackBox(count=rise.MASKS),
        "Petsiuk, Das and Saenko, RISE, BMVC 2018, arXiv 1806.07421",
        checked=RISE,
        options=rise.OPTIONS,
    ),
    Method(
        "random",
        baselines.random_map,
        NoEvidence(),
        "random baseline: uniform noise",
        class_specific=False,
    ),
    Method(
        "gaussian",
        baselines.centred_gaussian,
        NoEvidence(),
        "random baseline: centred Gaussian",
        class_specific=False,
        options=baselines.OPTIONS,
    ),
]

METHODS: Table[Method] = Table("method", {row.name: row for row in _ROWS})
