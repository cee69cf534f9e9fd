"""Models in which there is nothing to trace, and the sentences that say why."""

from __future__ import annotations

from ..errors import ModelError

# a test holds the names to the table of methods, which this room may not import
INSTEAD = (
    "Methods that only ask the model work for it too: integrated_gradients, occlusion, rise, "
    "saliency, smooth_grad."
)
NO_ATTENTION = (
    "{name}: no attention was found in it, neither torch's scaled_dot_product_attention nor a "
    "softmax over tokens and its product with values, so there is nothing to trace: it is a "
    "convolutional or hierarchical model, or a library of its own computes its attention. "
    + INSTEAD
)
CHANGED = (
    "{name} changes its attention between the softmax and the product with values (talking heads, "
    "differential attention), which agcam does not follow. " + INSTEAD
)
NO_GRADIENT = (
    "{name}: its logits have no gradient at the tokens of its last block (quantized layers, "
    "numpy or inference mode inside, or a head that does not read the blocks). " + INSTEAD
)
NOT_ONE_PASS = (
    "{name}: its blocks do not form one chain (a tower that is called twice, two towers, or tokens "
    "that are detached between blocks), so where on the picture its attentions lie is not known. "
    + INSTEAD
)
BRANCHES = "its classifier reads the tokens of several blocks"
BYPASSED = "its tokens go around its blocks (a sum outside of them), or to its classifier"
STEERED = "it looks at numbers to choose its way, so that each picture may have its own"
MIXED = "its blocks mix tokens outside attention, or count them"
NOT_ISOTROPIC = (
    "{name} is a hierarchical model ({why}); agcam explains isotropic Vision Transformers, whose "
    "blocks all attend over one grid of patches and read their output from it. " + INSTEAD
)


class UntraceableError(ModelError):
    """The model runs, but there is nothing in it to trace: it can still be asked from outside."""
