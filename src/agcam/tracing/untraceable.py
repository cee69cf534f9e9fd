"""Models that cannot be traced, each reason in one sentence, and what works for them too."""

from __future__ import annotations

from ..errors import ModelError

# a test compares the names with the table of methods, which this room may not import
INSTEAD = (
    "Black-box methods work for it too: input_x_gradient, integrated_gradients, occlusion, rise, "
    "saliency, smooth_grad."
)
NO_ATTENTION = (
    "{name}: no softmax attention was found, so there is nothing to trace: the model mixes tokens "
    "by convolutions, pooling, MLPs or linear attention, or a library of its own computes its "
    "attention. " + INSTEAD
)
ONE_TOKEN = (
    "{name}: at this input size its attention sees one token, which holds the whole picture, so "
    "there is nothing to trace: give a larger input. " + INSTEAD
)
SINGLE = (
    "{name}: at this input size one of its attentions has one row and one key, and whether these "
    "are a token of the picture or a pool of the classifier cannot be told: give a larger input. "
    + INSTEAD
)
POOLS = (
    "{name}: its softmax attention has one row for the whole picture (a pool, a gate of global "
    "context, the one token of a small input), so no part of the picture attends to another, and "
    "there is nothing to trace. " + INSTEAD
)
RANKED = (
    "{name} ranks its tokens by what they hold (to merge or drop some of them, as ToMe does, or to "
    "let experts choose), so where its attention lies is another place in each picture: explain "
    "the model as it was before it was patched. " + INSTEAD
)
HIDDEN = (
    "{name} computes a softmax in compiled code (torch.jit, a library's kernels), where it cannot "
    "be captured: explain the model as it was before it was compiled. " + INSTEAD
)
VMAPPED = (
    "{name} computes its attention inside torch.vmap, where no tensor shows its axes of pictures "
    "and heads: write them out. " + INSTEAD
)
FLEX = (
    "{name} computes its attention by torch's flex_attention, where it cannot be captured: write "
    "it with torch.softmax, or by scaled_dot_product_attention with a mask. " + INSTEAD
)
EXPONENTIALS = (
    "{name} computes a softmax out of exponentials, which cannot be captured: write it with "
    "torch.softmax. " + INSTEAD
)
IN_PARTS = (
    "{name} computes its attention for some rows at a time, so which of them are averaged depends "
    "on how it is written: let it compute all rows at once. " + INSTEAD
)
NOT_FOLLOWED = "{name} {cause}, which agcam does not follow. " + INSTEAD
CHANGED = NOT_FOLLOWED.replace(
    "{cause}", "uses its attention for more than its product with values"
)
NO_GRADIENT = (
    "{name}: its logits have no gradient at the tokens of its last block (quantized layers, "
    "numpy or inference mode inside, or a head that does not read the blocks). " + INSTEAD
)
FAILED = (
    "{name} does not run while what its attention returns is held constant (torch: {cause}), "
    "so agcam cannot measure where its attention lies. " + INSTEAD
)
CUT = (
    "{name} detaches tokens between its blocks (detach, no_grad, numpy), so its logits have no "
    "gradient at some of its attention, though they depend on it: take that out. " + INSTEAD
)
OVER_CHANNELS = (
    "{name} attends over channels, not over positions (cross-covariance attention), so none of its "
    "keys lies on the picture. " + INSTEAD
)
NO_POSITIONS = (
    "{name} is a hierarchical model ({why}), and where on the picture its attention lies cannot be "
    "proved: {cause}. " + INSTEAD
)
SCATTERED = (
    "{name}: its patch tokens do not lie on the input as rows and columns do, so agcam cannot tell "
    "where its attention lies. " + INSTEAD
)
UNSEEN = (
    "{name} makes the same tokens of two different pictures, so no token shows any part of one: "
    "the weights that make its tokens are zero, or were never loaded."
)
UNMEASURED = (
    "{name}: which part of the {medium} each token is made of cannot be measured (its stem mixes "
    "all of it, or torch does not differentiate through it), so no map is drawn."
)
QUANTISED = (
    "{name} has quantised layers, through which torch does not differentiate, so there is nothing "
    "to trace: explain the model as it was before it was quantised, or choose occlusion or rise."
)

SEVERAL_GRIDS = "its attention lies on several grids, or in windows"
OUT_OF_ORDER = "the rows of its attention are not its tokens in the order of the sequence"
UNCHAINED = "its blocks do not follow one another in one pass over one sequence of tokens"
# why a replay does not follow a model, and full autograd does
BRANCHES = "its classifier reads the tokens of several blocks"
STAGES = "its classifier reads several stages, or what goes around the last block"
BYPASSED = "its tokens go around its blocks (a sum outside of them), or to its classifier"
TALKING = "its attention is changed on its way to the values (talking heads, gates)"
STEERED = "it branches on numbers that it computes, so each picture may take its own way"
MIXED = "its blocks mix tokens outside attention, or count them"


class UntraceableError(ModelError):
    """The model runs, but there is nothing in it to trace; black-box methods explain it."""


class NotOneGridError(UntraceableError):
    """Its attention is not over one sequence of tokens from its first block to its last."""
