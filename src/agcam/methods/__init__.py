"""The table of methods: command line, docs and tests read this list and no other."""

from __future__ import annotations

from typing import Final

from ..registry import Table
from ..values import (
    AttentionTrace,
    AttnLrpTrace,
    BlockTrace,
    GraphTrace,
    GridTrace,
    LibraTrace,
    LrpTrace,
    Method,
    PathTrace,
    Query,
    ReachTrace,
    ReadTrace,
    SinglePatchTrace,
    StreamTrace,
    TokenTrace,
)
from .agcam import agcam
from .agcam_focus import agcam_focus
from .agcam_spread import agcam_spread
from .attcat import attcat
from .attn_lrp import attn_lrp
from .baselines import centred_gaussian, random_map
from .beyond_intuition import beyond_intuition_head, beyond_intuition_token
from .bicam import bicam
from .gae import gae
from .grad_cam import grad_cam
from .grad_cam_tokens import grad_cam_tokens
from .integrated_gradients import integrated_gradients
from .integrated_gradients import pictures_per_target as integrated_gradients_pictures
from .layer_cam import layer_cam
from .legrad import legrad
from .libra import libra_attcat, libra_xgrad_cam_plus
from .lrp import lrp
from .occlusion import occlusion
from .occlusion import pictures_per_target as occlusion_pictures
from .raw_attention import raw_attention
from .recipro_cam import recipro_cam
from .rise import pictures_per_target as rise_pictures
from .rise import rise
from .rollout import rollout
from .saliency import pictures_per_target as saliency_pictures
from .saliency import saliency
from .smooth_grad import pictures_per_target as smooth_grad_pictures
from .smooth_grad import smooth_grad
from .token_tm import token_tm

__all__ = ["METHODS"]

GRAD_CAM: Final = (
    "grad-cam 1.5.7 (target layer `blocks[-1].norm1`) on random ViTs of three blocks, a plain one, "
    "a DeiT-3 and a DINOv2 with registers, float32: within 4e-7 of the map's maximum"
)
CAPTUM: Final = "captum, called by hand on the bare module"

_ROWS = [
    Method(
        name="agcam",
        function=agcam,
        needs=ReadTrace,
        class_specific=True,
        passes="1 forward, replay of the read tokens",
        cite="Leem and Seo, Attention Guided CAM, AAAI 2024, arXiv 2402.04563",
    ),
    Method(
        name="agcam_spread",
        function=agcam_spread,
        needs=ReachTrace,
        class_specific=True,
        passes="1 forward, replay of the read tokens, rows of links in half of the blocks",
        cite="agcam's own, after Leem and Seo, AGCAM: docs/better-map.md",
    ),
    Method(
        name="agcam_focus",
        function=agcam_focus,
        needs=ReachTrace,
        class_specific=True,
        passes="1 forward, replay of the read tokens, rows of links in half of the blocks",
        cite="agcam's own, after Leem and Seo, AGCAM: docs/better-map.md",
    ),
    Method(
        name="raw_attention",
        function=raw_attention,
        needs=AttentionTrace,
        class_specific=False,
        passes="1 forward",
        cite="the last block's attention, as in Caron et al., DINO, ICCV 2021, arXiv 2104.14294",
        from_last_block=True,
    ),
    Method(
        name="rollout",
        function=rollout,
        needs=AttentionTrace,
        class_specific=False,
        passes="1 forward, attention rows of every block",
        cite="Abnar and Zuidema, Quantifying Attention Flow, ACL 2020, arXiv 2005.00928",
        from_last_block=True,
    ),
    Method(
        name="grad_cam",
        function=grad_cam,
        needs=GraphTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 backward of the whole graph",
        cite="the last attention's heads weighted by their mean gradient: the baseline of Chefer, "
        "Gur and Wolf, CVPR 2021, arXiv 2012.09838; after Selvaraju et al., Grad-CAM, ICCV 2017",
        from_last_block=True,
    ),
    Method(
        name="gae",
        function=gae,
        needs=GraphTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 backward of the whole graph",
        cite="Chefer, Gur and Wolf, Generic Attention-model Explainability, ICCV 2021, "
        "arXiv 2103.15679",
        from_last_block=True,
    ),
    Method(
        name="attcat",
        function=attcat,
        needs=GraphTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 backward of the whole graph",
        cite="Qiang et al., AttCAT, NeurIPS 2022; as in the authors' program",
    ),
    Method(
        name="lrp",
        function=lrp,
        needs=LrpTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 2 walks back along its operations",
        cite="Chefer, Gur and Wolf, Transformer Interpretability Beyond Attention Visualization, "
        "CVPR 2021, arXiv 2012.09838",
        from_last_block=True,
    ),
    Method(
        name="attn_lrp",
        function=attn_lrp,
        needs=AttnLrpTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 walk back along its operations",
        cite="Achtibat et al., AttnLRP, ICML 2024, arXiv 2402.05602",
    ),
    Method(
        name="libra_xgrad_cam_plus",
        function=libra_xgrad_cam_plus,
        needs=LibraTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 walk back along its operations",
        cite="Mehri et al., LibraGrad, CVPR 2025, arXiv 2411.16760",
    ),
    Method(
        name="libra_attcat",
        function=libra_attcat,
        needs=LibraTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 walk back along its operations",
        cite="Mehri et al., LibraGrad, CVPR 2025, arXiv 2411.16760; Qiang et al., AttCAT, "
        "NeurIPS 2022",
    ),
    Method(
        name="token_tm",
        function=token_tm,
        needs=StreamTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 walk back along its operations",
        cite="Wu et al., Token Transformation Matters, CVPR 2024, arXiv 2403.14552",
        from_last_block=True,
    ),
    Method(
        name="beyond_intuition_token",
        function=beyond_intuition_token,
        needs=PathTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 walk back, 20 forwards and short backwards a target",
        cite="Chen et al., Beyond Intuition: Rethinking Token Attributions inside Transformers, "
        "TMLR 2023",
        from_last_block=True,
    ),
    Method(
        name="beyond_intuition_head",
        function=beyond_intuition_head,
        needs=PathTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 walk back, 20 forwards and short backwards a target",
        cite="Chen et al., Beyond Intuition: Rethinking Token Attributions inside Transformers, "
        "TMLR 2023",
        from_last_block=True,
    ),
    Method(
        name="recipro_cam",
        function=recipro_cam,
        needs=SinglePatchTrace,
        class_specific=True,
        passes="1 forward; of the last block 1 forward a patch, of the others 1 for 64 patches",
        cite="Byun and Lee, ViT-ReciproCAM, 2023, arXiv 2310.02588",
        from_last_block=True,
    ),
    Method(
        name="bicam",
        function=bicam,
        needs=ReadTrace,
        class_specific=True,
        passes="1 forward, replay of the read tokens",
        cite="after Su and Luo, BiCAM, PAKDD 2026, arXiv 2603.01605; formula not checked",
    ),
    Method(
        name="legrad",
        function=legrad,
        needs=BlockTrace,
        class_specific=True,
        passes="1 forward, 1 forward and 1 short backward a block",
        cite="Bousselham et al., LeGrad, ICCV 2025, arXiv 2404.03214",
        from_last_block=True,
    ),
    Method(
        name="grad_cam_tokens",
        function=grad_cam_tokens,
        needs=TokenTrace,
        class_specific=True,
        passes="2 forwards and 1 backward to the last block's norm",
        cite="Selvaraju et al., Grad-CAM, ICCV 2017, arXiv 1610.02391; on the tokens of the last "
        "block's norm, as is usual with pytorch-grad-cam",
        checked=GRAD_CAM,
    ),
    Method(
        name="layer_cam",
        function=layer_cam,
        needs=TokenTrace,
        class_specific=True,
        passes="2 forwards and 1 backward to the last block's norm",
        cite="Jiang et al., LayerCAM, IEEE Transactions on Image Processing 2021; on the tokens of "
        "the last block's norm, as is usual with pytorch-grad-cam",
        checked=GRAD_CAM,
    ),
    Method(
        name="saliency",
        function=saliency,
        needs=Query,
        class_specific=True,
        passes="2 forwards, 1 forward and 1 backward to the pixels for each target",
        cite="Simonyan, Vedaldi and Zisserman, Deep Inside Convolutional Networks, ICLR workshop "
        "2014, arXiv 1312.6034; computed by captum",
        pictures_per_target=saliency_pictures,
        checked=CAPTUM,
    ),
    Method(
        name="smooth_grad",
        function=smooth_grad,
        needs=Query,
        class_specific=True,
        passes="2 forwards, 50 forwards and backwards to the pixels for each target",
        cite="Smilkov et al., SmoothGrad, 2017, arXiv 1706.03825; gradients by captum",
        pictures_per_target=smooth_grad_pictures,
        checked=CAPTUM,
    ),
    Method(
        name="integrated_gradients",
        function=integrated_gradients,
        needs=Query,
        class_specific=True,
        passes="2 forwards, 50 forwards and backwards to the pixels for each target",
        cite="Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks, ICML 2017, "
        "arXiv 1703.01365; computed by captum",
        pictures_per_target=integrated_gradients_pictures,
        checked=CAPTUM,
    ),
    Method(
        name="occlusion",
        function=occlusion,
        needs=Query,
        class_specific=True,
        passes="2 forwards, 1 forward a patch and 1 more for each target",
        cite="Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, "
        "arXiv 1311.2901; computed by captum",
        pictures_per_target=occlusion_pictures,
        checked=CAPTUM,
    ),
    Method(
        name="rise",
        function=rise,
        needs=Query,
        class_specific=True,
        passes="2 forwards, 1,000 forwards for each target",
        cite="Petsiuk, Das and Saenko, RISE, BMVC 2018, arXiv 1806.07421",
        pictures_per_target=rise_pictures,
        checked="the masks of the authors' program (ac419cd, with scikit-image 0.26) for the "
        "same random cells at 224 x 224: equal",
    ),
    Method(
        name="random",
        function=random_map,
        needs=GridTrace,
        class_specific=False,
        passes="1 forward",
        cite="random baseline: uniform noise",
    ),
    Method(
        name="gaussian",
        function=centred_gaussian,
        needs=GridTrace,
        class_specific=False,
        passes="1 forward",
        cite="random baseline: centred Gaussian",
    ),
]

METHODS: Table[Method] = Table("method", {row.name: row for row in _ROWS})
