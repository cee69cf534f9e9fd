"""Whatever a model takes, ready for it: pictures, clips or sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ..errors import ModelError, PictureError
from ..values import CLIP, SOUND, SOUNDS, VIDEOS, Classifier
from .clip_lists import CLIP_DIMS, list_clips
from .clips import prepare_clips
from .find import find_pictures
from .given import list_pictures, prepared_tensor
from .prepared import Prepared, prepare_pictures
from .sounds import list_sounds, prepare_sounds


def prepare_inputs(classifier: Classifier, given: Any, first: int = 1) -> Prepared:
    """Open and prepare what the model takes; a tensor of five dimensions is one of clips.

    As `prepare_pictures` and `prepare_clips`, which say what may be given.
    """
    medium = classifier.medium
    pixels = prepared_tensor(given) if medium.still else None
    if medium.name == CLIP.name or (pixels is not None and pixels.ndim == CLIP_DIMS):
        return prepare_clips(classifier, given, first)
    if medium.name == SOUND.name:
        return prepare_sounds(classifier, given, first)
    return prepare_pictures(classifier, given, first)


def list_inputs(classifier: Classifier, given: Any) -> list[Any]:
    """Each picture, clip or sound by itself, unopened."""
    pixels = prepared_tensor(given)
    if pixels is not None:
        return [pixels[at : at + 1] for at in range(len(pixels))]
    by_medium = {CLIP.name: list_clips, SOUND.name: list_sounds}
    return by_medium.get(classifier.medium.name, list_pictures)(given)


def find_inputs(classifier: Classifier, names: Sequence[str]) -> list[Path]:
    """The files, or folders of frames, that some names mean to a model, each once.

    Raises:
        PictureError: A folder or a pattern holds none.

    """
    if classifier.medium.still:
        return find_pictures(names)
    kind, known, hint = _KINDS[classifier.medium.name]
    paths = [found for name in names for found in list_inputs(classifier, name)]
    for path in paths:
        if path.is_file() and path.suffix.lower() not in known:
            raise PictureError(f"{path} is not a {kind}, which {classifier.name} takes{hint}.")
    return list(dict.fromkeys(paths))


_KINDS: Final = {
    CLIP.name: (
        "video",
        VIDEOS | {".gif", ".webp", ".apng", ".png"},
        "; for frames in files give their folder",
    ),
    SOUND.name: ("sound", SOUNDS, ""),
}


def refuse_moving(classifier: Classifier, door: str, instead: str) -> None:
    """ModelError where a door of still pictures is given a model of clips or sound.

    `instead` is what its user can type: {file} stands for a clip or a sound.
    """
    if not classifier.medium.still:
        name = classifier.medium.name
        file = {CLIP.name: "clip.mp4", SOUND.name: "sound.wav"}[name]
        raise ModelError(
            f"{classifier.name} takes a {name}, and {door}; {instead.format(file=file)}."
        )


def holds_no_pictures(path: Path) -> bool:
    """Whether this is a video or a sound, or a folder with some in it."""
    some = path.iterdir() if path.is_dir() else [path]
    return any(one.suffix.lower() in VIDEOS | SOUNDS for one in some)
