"""Why a file of weights has no classifier: which names it lacks, and which of its own were left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ..libraries import few
from ..outputs import INSTEAD
from .choose import COMPUTED, HARMLESS, Chosen
from .read import WeightSet
from .shapes import Shapes


def without_head(
    path: Path, sets: Sequence[WeightSet], chosen: Chosen, heads: Shapes
) -> tuple[str, str]:
    """Why the model is a backbone, and what helps; `heads` are the names that the file lacks."""
    held = next(some.weights for some in sets if some.where == chosen.where)
    unused = {name: held[name] for name in chosen.foreign if name.split(".")[-1] not in COMPUTED}
    why = f"its file has no {', '.join(heads)}"
    if not unused:
        return why, INSTEAD
    listed = few(f"{name} {tuple(tensor.shape)}" for name, tensor in unused.items())
    why = f"{why}, and {listed} of it {'were' if len(unused) > 1 else 'was'} not used"
    likely = {name: one for name, one in unused.items() if not HARMLESS.search(name.split(".")[0])}
    matrices = [name for name, tensor in likely.items() if tensor.ndim == 2]
    if not matrices:
        return why, INSTEAD
    if len(matrices) > 1 or not _fits(matrices[0], likely, heads):
        return why, (
            "if these are its head, build the module with that head, load the file into it, and "
            f"give agcam the module; else {INSTEAD}"
        )
    return why, f"if these are its head, rename them: {_renaming(path, chosen, matrices[0], heads)}"


def _fits(matrix: str, unused: Mapping[str, Tensor], heads: Shapes) -> bool:
    """Whether a matrix, with the bias beside it, can stand where the file has no head."""
    width = next((shape[1:] for shape in heads.values() if len(shape) == 2), None)
    stem = matrix.removesuffix("weight")
    there = {name.removeprefix(stem) for name in unused if name.startswith(stem)}
    wanted = {name.rpartition(".")[2] for name in heads}
    same = len({name.rpartition(".")[0] for name in heads}) == 1
    return same and there == wanted and tuple(unused[matrix].shape[1:]) == width


def _renaming(path: Path, chosen: Chosen, matrix: str, heads: Shapes) -> str:
    """A line of Python that writes the file with the head under the architecture's names."""
    stem = matrix.removesuffix("weight")
    pairs = [(stem + name.rpartition(".")[2], name) for name in heads]
    moved = "; ".join(f"w[{new!r}] = w.pop({old!r})" for old, new in pairs)
    if path.suffix == ".safetensors":
        read = f"from safetensors.torch import load_file, save_file; w = load_file({str(path)!r})"
        return f"{read}; {moved}; save_file(w, 'renamed.safetensors')"
    inside = "".join(f"[{key!r}]" for key in chosen.where.split(".") if key)
    read = f"import torch; w = torch.load({str(path)!r}){inside}"
    return f"{read}; {moved}; torch.save(w, 'renamed.pth')"
