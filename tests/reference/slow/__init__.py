"""Each method again, slowly, in float64 numpy loops, from the papers' formulas: `SLOW`."""

from slow.better import agcam_evidence, agcam_focus, agcam_rollout, agcam_spread
from slow.outside import grad_cam_tokens, input_x_gradient, layer_cam, occlusion, rise, saliency
from slow.peers import agcam, attcat, gae, gaussian, grad_cam, legrad, raw_attention, rollout
from slow.relevance import attn_lrp, libra_attcat, libra_xgrad_cam_plus, lrp, res_lrp
from slow.streams import beyond_intuition_head, beyond_intuition_token, bicam, recipro_cam, token_tm
from slow.vit import SlowViT

__all__ = ["SLOW", "SlowViT"]

# `random` has no formula to be written again: its law is in tests/laws.
SLOW = {
    "agcam": agcam,
    "agcam_spread": agcam_spread,
    "agcam_evidence": agcam_evidence,
    "agcam_focus": agcam_focus,
    "agcam_rollout": agcam_rollout,
    "rollout": rollout,
    "raw_attention": raw_attention,
    "grad_cam": grad_cam,
    "gae": gae,
    "attcat": attcat,
    "legrad": legrad,
    "lrp": lrp,
    "attn_lrp": attn_lrp,
    "res_lrp": res_lrp,
    "libra_xgrad_cam_plus": libra_xgrad_cam_plus,
    "libra_attcat": libra_attcat,
    "token_tm": token_tm,
    "beyond_intuition_token": beyond_intuition_token,
    "beyond_intuition_head": beyond_intuition_head,
    "recipro_cam": recipro_cam,
    "bicam": bicam,
    "gaussian": gaussian,
    "grad_cam_tokens": grad_cam_tokens,
    "layer_cam": layer_cam,
    "saliency": saliency,
    "input_x_gradient": input_x_gradient,
    "occlusion": occlusion,
    "rise": rise,
}
