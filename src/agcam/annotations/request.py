"""What is annotated: names that any worker can load, and what they stand for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..evaluation import Configuration
from ..evaluation.configuration import is_plain, load_model
from ..explainer import versions
from ..families import weights_hash
from ..images import refuse_moving
from ..maps import REFINEMENT, MaskRule, mask_rule
from ..methods import METHODS
from ..values import Classifier, Method, preparation_manifest
from .labels import SOURCES, Labelled, labelled


@dataclass(frozen=True)
class Request:
    """Names and numbers only; `configuration.root` is the folder of the pictures."""

    configuration: Configuration
    labels: str | tuple[str, ...]
    threshold: float | None

    @property
    def method(self) -> Method:
        """The one method, with its options."""
        (name,) = self.configuration.methods
        return METHODS[name].with_options(self.configuration.options.get(name, {}))

    @property
    def rule(self) -> MaskRule:
        """How maps become objects."""
        return mask_rule(self.threshold)


@dataclass(frozen=True)
class Job:
    """A request with its model and pictures; another process can load it if it is `portable`."""

    request: Request
    classifier: Classifier
    pictures: Labelled
    portable: bool

    @property
    def shards(self) -> int:
        """How many shards there are; each is one batch."""
        return -(-len(self.pictures.paths) // self.request.configuration.batch_size)

    def places(self, shard: int) -> range:
        """The places of a shard's pictures."""
        size = self.request.configuration.batch_size
        return range(shard * size, min((shard + 1) * size, len(self.pictures.paths)))

    def paths(self, shard: int) -> list[Path]:
        """Those pictures."""
        return [self.pictures.paths[place] for place in self.places(shard)]

    @property
    def labels(self) -> str | list[str]:
        """Where classes come from, or their names where every picture has the same."""
        stated = self.request.labels
        return stated if stated in SOURCES else list(self.pictures.classes)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """All that the records depend on, ready for JSON."""
        configuration, classifier, some = self.request.configuration, self.classifier, self.pictures
        method = self.request.method
        return {
            "schema_version": 3,
            "rule": self.request.rule.manifest,
            "method": method.name,
            "options": method.settings(),
            "refine": dict(REFINEMENT) if configuration.refine else None,
            "views": configuration.views,
            "model": classifier.name,
            "family": classifier.family,
            "weights_sha256": weights_hash(classifier.module),
            "model_classes_sha256": _hash(classifier.class_names),
            "scores": classifier.scores,
            "preparation": preparation_manifest(classifier.preparation),
            "classes": list(some.classes),
            "labels": self.labels,
            "pictures": len(some.names),
            "pictures_sha256": _hash(some.names),
            "versions": dict(versions()),
        }

    @property
    def key(self) -> str:
        """The hash of the manifest."""
        text = json.dumps(self.manifest, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _hash(names: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()


def load_job(request: Request, classifier: Classifier | None = None) -> Job:
    """Load everything that the names stand for; `classifier` is in the place of the model's name.

    Raises:
        AgcamError: One that names the fix.
    """
    found = classifier or load_model(request.configuration)
    refuse_moving(
        found,
        "the formats of annotate are of still pictures",
        'agcam.explain(model, "{file}").boxes() and .masks() are its objects',
    )
    pictures = labelled(Path(request.configuration.root), request.labels, found)
    portable = classifier is None and is_plain(request.configuration.options)
    return Job(request, found, pictures, portable)


def check_output(folder: Path, out: Path) -> None:
    """RunError where what is written would be among the pictures of the next run."""
    inside, outer = out.absolute().resolve(), folder.absolute().resolve()
    if inside == outer or outer in inside.parents:
        raise RunError(
            f"{out} lies in the folder of pictures {folder}, so that its pictures would be "
            "annotated too: give another folder (--out)."
        )
