"""The demo: a real ViT-B/16 that needs no model hub, with a classifier trained by this project.

What the classifier knows, and how well, is in its model card, demo_head.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from torch import Tensor, nn

from agcam.errors import LoadError
from agcam.values import Classifier, Family, Preparation

from . import timm_vit
from .classifier import classifier_of
from .demo_tower import ARCHITECTURE, blank_tower, tower_state

HEAD: Final = Path(__file__).with_name("demo_head.npz")
PREPARATION: Final = Preparation(
    size=(224, 224),
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
    fit="crop",
    resize=224,
    interpolation="bicubic",
    source="the demo's own",
)


@dataclass(frozen=True)
class Head:
    """The classifier: `logits = pre-logits @ weight^T + bias`, float32, and what it calls them."""

    weight: Tensor
    bias: Tensor
    names: tuple[str, ...]


@cache
def read_head(path: Path = HEAD) -> Head:
    """Read the head from its file; raises LoadError where the package lacks it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            weight, bias = (torch.from_numpy(file[key]).float() for key in ("weight", "bias"))
            return Head(weight, bias, tuple(str(name) for name in file["names"]))
    except (OSError, ValueError, KeyError) as error:
        raise LoadError(
            f"the demo's classifier {path.name} could not be read ({error}); reinstall agcam."
        ) from error


def load(name: str) -> Classifier:
    """Load the demo, whichever way it is written (`demo`, `demo:`); raises LoadError.

    The module is an ordinary timm VisionTransformer whose head is ours.
    """
    if name not in {"", "demo"}:
        raise LoadError(f"there is one demo model, called demo, not demo:{name}.")
    head = read_head()
    # The head is cloned, for the module is the caller's to change and the file is read once.
    state = {
        **tower_state(),
        "head.weight": head.weight.clone(),
        "head.bias": head.bias.clone(),
    }
    module = blank_tower(len(head.names))
    module.load_state_dict(state, strict=True, assign=True)
    return wrap(_named(module.eval(), head.names), "demo")


def _named(module: Any, names: tuple[str, ...]) -> nn.Module:
    """Put class names and crop where timm keeps them, so that the bare module brings them along."""
    # timm's configuration of this tower crops to 0.9; CLIP itself, and so our head, does not.
    ours = {"num_classes": len(names), "label_names": list(names), "crop_pct": 1.0}
    module.pretrained_cfg = {**module.pretrained_cfg, **ours}
    return cast(nn.Module, module)


def wrap(module: nn.Module, name: str) -> Classifier:
    """Take a module of the demo's architecture; name its classes if its head has our size."""
    names = read_head().names
    known = getattr(module, "num_classes", None) == len(names)
    return classifier_of(
        module,
        name,
        "demo",
        preparation=PREPARATION,
        class_names=names if known else (),
        notes=(
            "OpenAI's CLIP ViT-B/16 image tower (MIT) with a linear head by agcam that knows "
            f"{len(names)} classes and no others; see its model card.",
        ),
    )


def build(name: str, classes: int | None, **others: Any) -> nn.Module:
    """Build the demo's architecture, untrained (`classes` None: as many as the demo's)."""
    if name not in {"", "demo"}:
        raise LoadError(f"there is one demo architecture, called demo, not demo:{name}.")
    wanted = len(read_head().names) if classes is None else classes
    return timm_vit.build(ARCHITECTURE, wanted, **others)


FAMILY = Family(
    name="demo",
    cite="Radford et al. 2021, Learning Transferable Visual Models From Natural Language "
    "Supervision (CLIP); head by agcam",
    owns=lambda module: False,  # once loaded it is a timm module like any other
    load=load,
    wrap=wrap,
    build=build,
    listed=lambda: ["demo"],
    explains=lambda _: True,
)
