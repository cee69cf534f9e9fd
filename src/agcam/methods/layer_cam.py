"""LayerCAM on the features of tokens (Jiang et al., IEEE TIP 2021)."""

from __future__ import annotations

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import Method, TokenTrace
from ..values.needs import Tokens
from .grad_cam_tokens import CHECKED, patches


def layer_cam(trace: TokenTrace) -> Float[Tensor, "batch patch"]:
    """`relu(sum over d of relu(dy/df_d) * f_d)`: each place and dimension its own weight.

    f: as for `grad_cam_tokens`, the output of the norm in front of the last block's attention.
    """
    features, gradients = patches(trace)
    return reduce(gradients.relu() * features, "batch patch dim -> batch patch", "sum").relu()


METHOD = Method(
    "layer_cam",
    layer_cam,
    Tokens(),
    "Jiang et al., LayerCAM, IEEE Transactions on Image Processing 2021; on the tokens of "
    "the last block's norm, as is usual with pytorch-grad-cam",
    checked=CHECKED,
)
