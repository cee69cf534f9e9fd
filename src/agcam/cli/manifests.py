"""The manifests of `agcam explain`: the request that a picture was explained for, and its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..values import Answer, Classifier


def request_hash(classifier: Classifier, **options: Any) -> str:
    """A hash of all that a picture's files depend on, except the picture itself."""
    from ..explainer import versions
    from ..families import weights_hash

    preparation = classifier.sound or classifier.preparation
    parts = {
        "weights": weights_hash(classifier.module),
        "model": classifier.name,
        "classes": classifier.class_names,
        "scores": classifier.scores,
        "preparation": preparation and preparation.numbers(),
        "versions": dict(versions()),
        **options,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def hash_of(path: Path) -> str:
    """SHA-256 of a file, or of all in a folder of frames; an empty text if it cannot be read."""
    try:
        digest = hashlib.sha256()
        for one in sorted(path.iterdir()) if path.is_dir() else [path]:
            with one.open("rb") as file:
                while part := file.read(1 << 20):
                    digest.update(part)
        return digest.hexdigest()
    except (OSError, ValueError):
        return ""


def read_manifest(folder: Path, stem: str) -> tuple[dict[str, Any], list[Path]]:
    """A manifest, and the files that it names."""
    manifest = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
    files = [folder / manifest["map_file"]]
    for entry in manifest["targets"]:
        files += [folder / name for name in entry["files"].values()]
    return manifest, files


def answer_of(entry: Mapping[str, Any]) -> Answer:
    """A target of a manifest."""
    from ..values import Answer

    return Answer(entry["name"], entry["class"], entry["value"], entry["probability"])


def explained_in(manifest: dict[str, Any]) -> list[str]:
    """What was explained of a picture, for the table."""
    targets = manifest["targets"]
    if not manifest["class_specific"]:
        return [str(targets[0]["caption"])]
    return [f"{one.name} {one.score}" for one in map(answer_of, targets)]
