"""Whether a file of weights fits its architecture, and what was taken of it, left and derived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor, nn

from ...errors import LoadError
from ..libraries import few
from .choose import Chosen, unknown_parts
from .shapes import Form


def weights_note(chosen: Chosen, form: Form) -> tuple[str, ...]:
    """A note where the file was not simply the architecture's state_dict."""
    parts = list(_parts(chosen, form))
    return (f"weights: {'; '.join(parts)}",) if parts else ()


def _parts(chosen: Chosen, form: Form) -> Iterator[str]:
    if chosen.where:
        others = f", not {', '.join(chosen.passed_over)}" if chosen.passed_over else ""
        yield f"taken from {chosen.where}{others}"
    elif chosen.passed_over:
        yield f"{chosen.prefix.rstrip('.')} taken, not {', '.join(chosen.passed_over)}"
    if chosen.prefix:
        yield f"prefix {chosen.prefix} stripped"
    if chosen.missing_prefix:
        yield f"prefix {chosen.missing_prefix} added"
    if chosen.beside:
        yield f"{', '.join(chosen.beside)} taken from beside it, as reading its output"
    if chosen.foreign:
        yield f"{len(chosen.foreign)} ignored ({few(chosen.foreign)})"
    if form.facts:
        yield f"built for {', '.join(form.facts)}, as the file is"
    if form.classes == 0:
        yield "no classifier in the file"


def check_fit(path: Path, name: str, module: nn.Module, chosen: Chosen) -> None:
    """LoadError unless the weights are the module's, name by name and shape by shape."""
    own, weights = module.state_dict(), chosen.weights
    other = [key for key in own if key in weights and not _alike(own[key], weights[key])]
    problems = {
        "missing": [key for key in own if key not in weights],
        "unexpected": unknown_parts(chosen, own),
        "of another shape or type": [
            f"{key} {_form(weights[key])}, not {_form(own[key])}" for key in other
        ],
    }
    if problems["missing"] and not problems["unexpected"]:
        problems["unexpected"] = list(chosen.foreign)  # all may help to see what it is
    if any(problems.values()):
        listed = "; ".join(
            f"{len(keys)} {kind} ({few(keys)})" for kind, keys in problems.items() if keys
        )
        advice = _advice(path, problems["unexpected"])
        raise LoadError(f"{path} does not fit {name}: {listed}. {advice}")


def _advice(path: Path, unexpected: Sequence[str]) -> str:
    """What to do with a file that does not fit, by what it holds and what lies beside it."""
    if any(".lora_" in key or ".base_layer." in key for key in unexpected):
        return (
            "It holds adapters of PEFT: give agcam the module with them, or save it with them "
            "folded in, torch.save(model.merge_and_unload().state_dict(), FILE)."
        )
    if (path.parent / "config.json").is_file():
        return (
            f"If save_pretrained wrote it and the config.json beside it, give the folder, "
            f"{path.parent}, without --arch; else name its own architecture (--arch)."
        )
    return (
        "Name its own architecture (--arch), or build the module yourself, load the file into it, "
        "and give agcam the module."
    )


def _form(tensor: Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" of {str(tensor.dtype).removeprefix('torch.')}"
    return f"{tuple(tensor.shape)}{kind}"


def _alike(own: Tensor, given: Tensor) -> bool:
    return own.shape == given.shape and own.is_floating_point() == given.is_floating_point()
