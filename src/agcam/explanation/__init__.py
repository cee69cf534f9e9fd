"""An explanation: logits, targets and maps, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from ..errors import PictureError, SaveError, UnknownNameError
from ..maps import ONE_VIEW, Windows
from ..registry import did_you_mean
from ..values import (
    Answer,
    Clip,
    Frame,
    Grid,
    Preparation,
    Scores,
    Sound,
    SoundPreparation,
    Transform,
)
from ..viewer import reduced
from .files import USUAL, FileStyle, distinct, file_names, files_of, part_of, slug, write_all
from .manifest import describe, summary
from .moving import MovingMaps
from .notebook import notebook_view
from .pixels import PixelMaps
from .predictions import Predictions
from .renamed import renamed
from .view import card_of

__all__ = ["Explanation", "FileStyle", "PixelMaps", "card_of", "distinct", "file_names", "slug"]


PROXIES: Final = ("versions", "options", "refused")  # mappings that nobody can change


@dataclass(frozen=True, eq=False)
class Explanation(Predictions, MovingMaps):
    """What the model predicted, and what in the picture speaks for each target; immutable.

    Attributes:
        logits: (batch, class), on the CPU as all tensors; (batch, 0) of a model without classes.
        probabilities: (batch, class), or None if the model has none; see `scores`.
        prediction: (batch,) class numbers, -1 of a model without classes.
        target: (batch, target) class numbers, -1 if a target is not a class (a function of the
            output, a similarity).
        answers: For each picture an `Answer` for each target: its name, the number that is
            explained and, if there is one, the probability.
        grid_map: (batch, target, rows, columns) raw relevance per patch, float64 for a float64
            model, else float32; of clips (batch, target, time, rows, columns). Of a sound rows are
            frequencies, the highest first, and columns are time.
        class_names: One for each class, or none.
        scores: How `probabilities` come from `logits`.
        model: The name of the model.
        family: The library that it comes from.
        weights_hash: SHA-256 of its weights.
        method: The name of the method.
        options: Its options that were chosen, ready for JSON.
        class_specific: Whether the maps of one picture depend on the target.
        tracer: What `explain(tracer=)` takes to come the same way, None if it chooses nothing.
        grid: The patches of the input.
        versions: Of all libraries that have a part in a map.
        notes: What a reader must know of the model, the preparation or the maps of all pictures.
        frames: How the pixels of each original picture map to the model's input.
        pictures: The original pictures.
        sources: Their paths, or "picture-1" and so on.
        preparation: How the pictures were prepared, None if they were given prepared.
        refine: Whether maps on pixels are laid on the picture's edges; `grid_map` never is.
        view_maps: (batch, target, view, rows, columns) the maps of each view, None if there is one;
            `grid_map` is their mean at the patches.
        windows: (left, top, width, height) of each view in shares of the input's sides; the first
            is the picture.
        beside: The same pictures and targets by further methods, from the same recording.
        refused: Further methods that the model does not admit, and why.
        block_maps: (batch, target, block, head, rows, columns) what each block and head added to
            `grid_map`, if that was requested of `agcam`; NaN where a block has fewer heads.
        clips: The frames that the model saw of each clip, none of still pictures; `pictures` are
            then contact sheets of them, and `frames` are of one frame.
        sounds: What the axes of each sound's spectrogram are; `pictures` show those.
        own_notes: Those of `notes` that are of one picture, for each; `notes_of` has them.
    """

    logits: Float[Tensor, "batch class"]
    probabilities: Float[Tensor, "batch class"] | None
    prediction: Int[Tensor, " batch"]
    target: Int[Tensor, "batch target"]
    answers: tuple[tuple[Answer, ...], ...]
    grid_map: Float[Tensor, "batch target *time rows columns"]
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
    preparation: Preparation | Transform | SoundPreparation | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    refine: bool = False
    view_maps: Float[Tensor, "batch target view *time rows columns"] | None = None
    windows: Windows = ONE_VIEW
    beside: tuple[Explanation, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    block_maps: Float[Tensor, "batch target block head *time rows columns"] | None = None
    clips: tuple[Clip, ...] = ()
    sounds: tuple[Sound, ...] = ()
    own_notes: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getstate__(self) -> dict[str, Any]:
        kept = self.preparation
        if isinstance(kept, Transform):  # a program, which often cannot be pickled; nor can a proxy
            kept = replace(kept, run=_not_kept, frame=_not_kept)
        plain = {name: dict(getattr(self, name)) for name in PROXIES}
        return {**self.__dict__, **plain, "preparation": kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        proxies = {name: MappingProxyType(state[name]) for name in PROXIES}
        self.__dict__.update(state, **proxies)

    def by(self, method: str) -> Explanation:
        """The explanation by one of its methods: its own, or one of those `beside` it.

        Raises:
            UnknownNameError: It has no maps by this method.
        """
        found = {one.method: one for one in (self, *self.beside)}
        if method in found:
            return found[method]
        hint = self.refused.get(method) or did_you_mean(
            method, found, f"it has {', '.join(found)}."
        )
        raise UnknownNameError(f"this explanation has no maps by {method!r}: {hint}")

    def notes_of(self, picture: int) -> tuple[str, ...]:
        """The notes of one picture: all but those that only others have."""
        own = set(self.own_notes[picture]) if self.own_notes else set()
        of_others = {note for some in self.own_notes for note in some} - own
        return tuple(note for note in self.notes if note not in of_others)

    def shrunk(self, side: int) -> Explanation:
        """The same maps on smaller pictures, for drawing: no side is above `side` pixels."""
        pictures = tuple(reduced(picture, side) for picture in self.pictures)
        pairs = zip(self.frames, pictures, strict=True)
        frames = tuple(frame.scaled(*small.size) for frame, small in pairs)
        beside = tuple(replace(one, pictures=pictures, frames=frames) for one in self.beside)
        return replace(self, pictures=pictures, frames=frames, beside=beside)

    def manifest(self, picture: int = 0) -> dict[str, Any]:
        """Everything but the pixels, ready for JSON."""
        return describe(self, picture)

    @renamed(film="video")
    def save(
        self,
        folder: str | Path,
        *,
        names: Sequence[str] | None = None,
        alpha: float = 0.5,
        colormap: str = "turbo",
        kind: str = "png",
        side: int = 1600,
        video: str = "gif",
    ) -> list[Path]:
        """Write overlay, map, a `.npy` and a JSON manifest of each picture, and a video of a clip.

        The array holds (target, height, width) float32; of a clip it is `grid_map`. A
        class-agnostic method has one map for all targets, written once, with no class in its name.

        Args:
            folder: Where to write; it is made if it does not exist.
            names: The first parts of the files' names, by default those of the pictures.
            alpha: As in `overlay`.
            colormap: As in `overlay`.
            kind: The format of overlay and map: png, jpg or webp.
            side: The most pixels of a longer side of all that is written; 0 for the picture's own:
                50 MB for each class of 12 megapixels.
            video: The format of the video of a clip: gif or mp4.

        Returns:
            The files that were written.

        Raises:
            SaveError: A file could not be written; those of the same picture are removed.
        """
        stems = list(names or file_names(self.sources))
        style = FileStyle(alpha, colormap, kind, side, video)
        if len(stems) != len(self):
            raise SaveError(f"{len(stems)} names for {len(self)} pictures: give one per picture.")
        written: list[Path] = []
        for picture, stem in enumerate(stems):
            written += self.save_one(folder, picture, stem, style)
        return written

    def save_one(
        self,
        folder: str | Path,
        picture: int,
        stem: str,
        style: FileStyle = USUAL,
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> list[Path]:
        """Write one picture's files as `save` does, the manifest last, with `more` in it.

        `stem` begins their names. If the manifest exists, so do all other files.
        """
        return write_all(Path(folder), files_of(self, picture, stem, style, more))

    def file_stems(self, picture: int, stem: str) -> list[str]:
        """How the names of each map's files begin, if the picture's begin with `stem`."""
        if not self.class_specific:
            return [f"{stem}.{self.method}"]
        return distinct([f"{stem}.{part_of(answer)}" for answer in self.answers[picture]])

    def _repr_html_(self) -> str:
        """Notebooks show the viewer, in a frame that reaches no network."""
        return notebook_view(self)

    def __repr__(self) -> str:
        return summary(self)


def _not_kept(_: Any) -> Any:
    raise PictureError("a program that prepares pictures is not kept with an explanation.")
