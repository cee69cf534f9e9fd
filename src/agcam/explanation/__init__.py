"""What an explanation is: logits, targets, maps, and all that says how they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from ..errors import PictureError, SaveError
from ..maps import PixelMap, overlay, to_pixels
from ..values import Answer, Frame, Grid, Preparation, Scores, Transform, name_of
from .files import distinct, file_names, files_of, part_of, write_all
from .manifest import describe
from .notebook import figure
from .view import card_of

__all__ = ["Explanation", "PixelMaps", "card_of", "file_names"]


class PixelMaps(tuple[PixelMap, ...]):
    """One PixelMap (K, H, W) a picture; `normalized()` gives min-max of each map."""

    __slots__ = ()

    def normalized(self) -> PixelMaps:
        """Every map brought to [0, 1]; what the model never saw stays NaN."""
        return PixelMaps(pixel_map.normalized() for pixel_map in self)


@dataclass(frozen=True, eq=False)
class Explanation:
    """What the model predicted, and what in the picture speaks for each target; immutable.

    `grid_map` is raw relevance per patch (float64 for a float64 model, else float32);
    `pixel_map` the same on the original picture's pixels, NaN where the model never saw it.
    `answers` has a row for each picture and in it an Answer for each target: its name, the number
    that was explained and, where there is one, the probability. `target` holds the same targets as
    class numbers, -1 where a target is no class (a function of the output, a similarity).
    `scores` says how `probabilities` come from `logits`; they are None where the model has none. A
    model without classes has logits (batch, 0) and -1 for its prediction.
    `tracer` is what `explain(tracer=)` would have to be given to come the same way, None where it
    chooses nothing. Tensors are on the CPU.
    """

    logits: Float[Tensor, "batch class"]
    probabilities: Float[Tensor, "batch class"] | None
    prediction: Int[Tensor, " batch"]
    target: Int[Tensor, "batch target"]
    answers: tuple[tuple[Answer, ...], ...]
    grid_map: Float[Tensor, "batch target rows columns"]
    class_names: tuple[str, ...]
    scores: Scores
    model: str
    family: str
    weights_hash: str
    method: str
    class_specific: bool
    tracer: str | None
    grid: Grid
    versions: Mapping[str, str]
    notes: tuple[str, ...]
    frames: tuple[Frame, ...]
    pictures: tuple[Image.Image, ...]
    sources: tuple[str, ...]
    preparation: Preparation | Transform | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def __getstate__(self) -> dict[str, Any]:
        kept = self.preparation
        if isinstance(kept, Transform):  # the user's own program, which often cannot be pickled
            kept = replace(kept, run=_not_kept, frame=_not_kept)
        # nor can a proxy
        return {**self.__dict__, "versions": dict(self.versions), "preparation": kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, versions=MappingProxyType(state["versions"]))

    @cached_property
    def pixel_map(self) -> PixelMaps:
        """One array (K, H, W) a picture, raw, on the original picture's pixels."""
        pairs = zip(self.grid_map.numpy(), self.frames, strict=True)
        return PixelMaps(to_pixels(grid_map, frame) for grid_map, frame in pairs)

    @property
    def shown(self) -> range:
        """The targets whose maps differ: the first alone where the method knows no classes."""
        return range(self.grid_map.shape[1] if self.class_specific else 1)

    def name_of(self, index: int) -> str:
        """A class in words: its first name, or its number."""
        return name_of(self.class_names, index)

    def top(self, picture: int = 0, count: int = 5) -> tuple[Answer, ...]:
        """The classes that the model gives most to, best first."""
        best = self.logits[picture].topk(min(count, self.logits.shape[1])).indices.tolist()
        return tuple(self.answer(picture, index) for index in best)

    def predictions(self, picture: int = 0, count: int = 5) -> tuple[tuple[str, float], ...]:
        """The most probable classes as pairs (name, probability), or logit if there are none."""
        return tuple(
            (one.name, one.value if one.probability is None else one.probability)
            for one in self.top(picture, count)
        )

    def said(self, picture: int = 0, count: int = 5) -> tuple[tuple[str, float], ...]:
        """An alias of `predictions`, for programs written before it had this name."""
        return self.predictions(picture, count)

    def answer(self, picture: int, index: int) -> Answer:
        """What the model gives for any class of one picture."""
        logit, known = float(self.logits[picture, index]), self.probabilities
        probability = None if known is None else float(known[picture, index])
        return Answer(self.name_of(index), index, logit, probability)

    def caption(self, picture: int = 0, asked: int = 0) -> str:
        """What a map shows, in words, with the probability of its class."""
        if not self.class_specific:
            return f"{self.method} does not know classes: one map for all of them"
        return self.answers[picture][asked].caption

    def overlay(
        self, picture: int = 0, asked: int = 0, *, alpha: float = 0.5, colormap: str = "turbo"
    ) -> Image.Image:
        """The heat map over the original picture; `alpha` is the weight of the map."""
        values = self.normalized(picture, asked)
        return overlay(self.pictures[picture], values, alpha=alpha, colormap=colormap)

    def normalized(self, picture: int = 0, asked: int = 0) -> PixelMap:
        """One map (H, W) within [0, 1]; the other targets' maps are not spread over pixels."""
        grid_map = self.grid_map[picture, asked : asked + 1].numpy()
        values: PixelMap = to_pixels(grid_map, self.frames[picture]).normalized()[0]
        return values

    def shrunk(self, side: int) -> Explanation:
        """The same maps on smaller pictures, for drawing: no side of one is above `side` pixels."""
        pictures = []
        for picture in self.pictures:
            small = picture.copy()
            small.thumbnail((side, side), Image.Resampling.LANCZOS)
            pictures.append(small)
        sizes = zip(self.frames, pictures, strict=True)
        frames = tuple(frame.scaled(small.width, small.height) for frame, small in sizes)
        return replace(self, pictures=tuple(pictures), frames=frames)

    def manifest(self, picture: int = 0) -> dict[str, Any]:
        """Everything but the pixels, ready for JSON."""
        return describe(self, picture)

    def save(
        self,
        folder: str | Path,
        *,
        names: Sequence[str] | None = None,
        alpha: float = 0.5,
        colormap: str = "turbo",
    ) -> list[Path]:
        """Write overlay PNG, map PNG, `.npy` (K, H, W float32) and a JSON manifest a picture.

        A method that does not know classes has one map for all targets, written once, without a
        class in its name. `names` are the files' first parts, by default those of the pictures.
        Returns the files. Raises SaveError; what was written of the picture that failed is removed
        again.
        """
        stems = list(names or file_names(self.sources))
        if len(stems) != len(self):
            raise SaveError(f"{len(stems)} names for {len(self)} pictures: give one a picture.")
        written: list[Path] = []
        for picture, stem in enumerate(stems):
            written += self.save_one(folder, picture, stem, alpha=alpha, colormap=colormap)
        return written

    def save_one(
        self,
        folder: str | Path,
        picture: int,
        stem: str,
        *,
        alpha: float = 0.5,
        colormap: str = "turbo",
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[Path]:
        """Write one picture's files as `save` does, the manifest last; `stem` begins their names.

        `more` is put into the manifest. A picture whose manifest is there is there whole.
        """
        return write_all(Path(folder), files_of(self, picture, stem, alpha, colormap, more))

    def file_stems(self, picture: int, stem: str) -> list[str]:
        """How the names of each map's files begin, where the picture's begin with `stem`."""
        if not self.class_specific:
            return [f"{stem}.{self.method}"]
        return distinct([f"{stem}.{part_of(answer)}" for answer in self.answers[picture]])

    def _repr_html_(self) -> str:
        """Notebooks show the overlays, each with what it shows."""
        return "".join(
            figure(self, picture, asked) for picture in range(len(self)) for asked in self.shown
        )

    def __repr__(self) -> str:
        pictures = f"{len(self)} picture{'s' if len(self) != 1 else ''}"
        predicted = [int(index) for index in self.prediction if index >= 0]
        names = [self.name_of(index) for index in predicted]
        told = f"predicted: {_some(names)}; " if names else ""
        explained = list(dict.fromkeys(one.name for row in self.answers for one in row))
        return (
            f"Explanation({pictures} by {self.method} of {self.model}; "
            f"{told}explained: {_some(explained)})"
        )


def _not_kept(_: Any) -> Any:
    raise PictureError("a program that prepares pictures is not kept with an explanation.")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
